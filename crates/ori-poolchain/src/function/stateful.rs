//! [`Stateful`]: a stage whose workers each have a state of their own, such as a connection or a
//! buffer.
//!
//! Workers come and go while a run lasts, so a state is not tied to a thread: a worker takes one
//! when it begins a batch and gives it back after, and the number of states made is the number of
//! workers that ever ran at the same time.

use ori_errors::catch_panic;

use super::{Function, Items, Outcome, Runner};
use crate::engine::lock;
use crate::model::sync::atomic::{AtomicBool, Ordering};
use crate::model::sync::{Arc, Mutex, PoisonError};

/// `init` once for each worker, `f` for each item.
pub(crate) struct Stateful<N, F, S> {
    functions: Arc<(N, F)>,
    /// States that no worker has at the moment.
    idle: Mutex<Vec<S>>,
}

impl<N, F, S> Stateful<N, F, S> {
    pub(crate) fn new(init: N, f: F) -> Self {
        Self { functions: Arc::new((init, f)), idle: Mutex::default() }
    }
}

impl<N: Fn() -> S, F, S> Stateful<N, F, S> {
    fn take(&self) -> S {
        let idle = lock(&self.idle).pop();
        idle.unwrap_or_else(|| self.functions.0())
    }
}

/// Drops a state whose `Drop` may panic: nobody is left to whom that could be an error.
fn dispose<S>(state: S) {
    drop(catch_panic(|| drop(state)));
}

impl<N, F, S> Drop for Stateful<N, F, S> {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(idle).into_iter().for_each(dispose);
    }
}

struct StatefulRunner<N, F, S> {
    stage: Arc<Stateful<N, F, S>>,
    /// The state in use; after a panic the one that may be half changed, until `reset`.
    state: Option<S>,
}

impl<N, F, S> StatefulRunner<N, F, S> {
    fn give_back(&mut self) {
        if let Some(state) = self.state.take() {
            lock(&self.stage.idle).push(state);
        }
    }
}

impl<A, B, S, N, F> Function<A, B> for Stateful<N, F, S>
where
    S: Send,
    N: Fn() -> S + Send + Sync,
    F: Fn(&mut S, A) -> B + Send + Sync,
{
    fn for_run<'e>(self: Arc<Self>) -> Arc<dyn Function<A, B> + 'e>
    where
        Self: 'e,
    {
        Arc::new(Self { functions: Arc::clone(&self.functions), idle: Mutex::default() })
    }

    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<A, B> + 'e>
    where
        Self: 'e,
    {
        Box::new(StatefulRunner { stage: self, state: None })
    }
}

impl<A, B, S, N, F> Runner<A, B> for StatefulRunner<N, F, S>
where
    N: Fn() -> S,
    F: Fn(&mut S, A) -> B,
{
    fn run(&mut self, items: &mut Items<'_, A>, out: &mut Vec<B>, stop: &AtomicBool) -> Outcome<()> {
        for item in items.lend() {
            let state = self.state.get_or_insert_with(|| self.stage.take());
            out.push(self.stage.functions.1(state, item));
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        self.give_back();
        Ok(())
    }

    fn one(&mut self, item: A) -> Outcome<B> {
        let state = self.state.get_or_insert_with(|| self.stage.take());
        let result = self.stage.functions.1(state, item);
        self.give_back();
        Ok(result)
    }

    fn reset(&mut self) {
        if let Some(state) = self.state.take() {
            dispose(state);
        }
    }
}
