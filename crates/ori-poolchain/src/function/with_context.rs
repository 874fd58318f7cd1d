//! [`WithContext`]: what a stage with a context does in worker processes, for a run without them.

use std::marker::PhantomData;

use ori_errors::catch_panic;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Function, Items, Outcome, Runner};
use crate::model::sync::Arc;
use crate::model::sync::atomic::{AtomicBool, Ordering};

/// `init` of the context once, `f` for each item. As in a worker process, `init` gets the context
/// as it was encoded and decoded, and the state stays when an item panics.
pub(crate) struct WithContext<C, N, F, S> {
    context: Arc<C>,
    init: N,
    f: F,
    state: PhantomData<fn() -> S>,
}

impl<C, N, F, S> WithContext<C, N, F, S> {
    pub(crate) fn new(context: Arc<C>, init: N, f: F) -> Self {
        Self { context, init, f, state: PhantomData }
    }
}

struct WithContextRunner<C, N, F, S> {
    stage: Arc<WithContext<C, N, F, S>>,
    state: Option<S>,
}

impl<A, B, C, S, N, F> Function<A, B> for WithContext<C, N, F, S>
where
    C: Serialize + DeserializeOwned + Send + Sync,
    N: Fn(C) -> S + Send + Sync,
    F: Fn(&mut S, A) -> B + Send + Sync,
{
    fn for_run<'e>(self: Arc<Self>) -> Arc<dyn Function<A, B> + 'e>
    where
        Self: 'e,
    {
        self
    }

    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<A, B> + 'e>
    where
        Self: 'e,
    {
        Box::new(WithContextRunner { stage: self, state: None })
    }
}

impl<A, B, C, S, N, F> Runner<A, B> for WithContextRunner<C, N, F, S>
where
    C: Serialize + DeserializeOwned,
    N: Fn(C) -> S,
    F: Fn(&mut S, A) -> B,
{
    fn run(&mut self, items: &mut Items<'_, A>, out: &mut Vec<B>, stop: &AtomicBool) -> Outcome<()> {
        for item in items.lend() {
            out.push(self.one(item)?);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, item: A) -> Outcome<B> {
        let state = match &mut self.state {
            Some(state) => state,
            none => none.insert((self.stage.init)(ori_worker::round_trip(&*self.stage.context)?)),
        };
        Ok((self.stage.f)(state, item))
    }
}

impl<C, N, F, S> Drop for WithContextRunner<C, N, F, S> {
    fn drop(&mut self) {
        let state = self.state.take();
        // Nobody is left to whom a panic in there could be an error; the hook has printed it.
        drop(catch_panic(|| drop(state)));
    }
}
