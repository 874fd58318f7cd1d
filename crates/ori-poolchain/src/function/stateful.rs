//! [`Stateful`]: a stage whose workers each have a state of their own, such as a connection or a
//! buffer.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Drain;

use super::{Function, Outcome, Runner};

/// `init` once for each worker, `f` for each item.
pub(crate) struct Stateful<N, F, S> {
    init: N,
    f: F,
    state: PhantomData<fn() -> S>,
}

impl<N, F, S> Stateful<N, F, S> {
    pub(crate) fn new(init: N, f: F) -> Self {
        Self { init, f, state: PhantomData }
    }
}

struct StatefulRunner<N, F, S> {
    stage: Arc<Stateful<N, F, S>>,
    /// Made with the worker's first item, in the worker's own thread.
    state: Option<S>,
}

impl<A, B, S, N, F> Function<A, B> for Stateful<N, F, S>
where
    N: Fn() -> S + Send + Sync,
    F: Fn(&mut S, A) -> B + Send + Sync,
{
    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<A, B> + 'e>
    where
        Self: 'e,
    {
        Box::new(StatefulRunner { stage: self, state: None })
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

impl<A, B, S, N, F> Runner<A, B> for StatefulRunner<N, F, S>
where
    N: Fn() -> S,
    F: Fn(&mut S, A) -> B,
{
    fn run(&mut self, items: &mut Drain<'_, A>, out: &mut Vec<B>, stop: &AtomicBool) -> Outcome<()> {
        while let Some(item) = items.next() {
            let state = self.state.get_or_insert_with(&self.stage.init);
            out.push((self.stage.f)(state, item));
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, item: A) -> Outcome<B> {
        let state = self.state.get_or_insert_with(&self.stage.init);
        Ok((self.stage.f)(state, item))
    }

    fn reset(&mut self) {
        self.state = None;
    }
}
