//! One call in a worker process and its future.

use std::sync::{Arc, Mutex, PoisonError};

use ori_errors::OriError;
use ori_worker::{Replies, Sink, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Inner;
use crate::future::shared::Outcome;
use crate::{BackgroundFuture, Executor, Promise, ThreadPool};

/// Settles the future of one call with the first thing that it is told.
struct CallSink<R> {
    /// `None` once the future is settled.
    promise: Mutex<Option<Promise<R>>>,
    callbacks: ThreadPool,
}

impl<R: Send + 'static> CallSink<R> {
    fn settle(&self, outcome: Outcome<R>) {
        let promise = self.promise.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(promise) = promise else { return };
        let callbacks = promise.complete_quietly(outcome);
        if callbacks.is_empty() {
            return;
        }
        // The pool for callbacks has no bound and is never shut down while a call lives; where no
        // thread is to be had, a callback is lost, as the documentation of `Spawn` says.
        let own = self.callbacks.clone();
        let _ = self.callbacks.execute(Box::new(move || {
            let _keeps_it_open = own;
            for callback in callbacks {
                let _ = ori_errors::catch_panic(callback);
            }
        }));
    }
}

impl<R: DeserializeOwned + Send + 'static> Sink for CallSink<R> {
    fn is_wanted(&self) -> bool {
        let promise = self.promise.lock().unwrap_or_else(PoisonError::into_inner);
        promise.as_ref().is_some_and(|promise| !promise.is_settled())
    }

    fn sent(&self) {
        let promise = self.promise.lock().unwrap_or_else(PoisonError::into_inner);
        // A call that was cancelled in this moment is taken back by its hook.
        let _ = promise.as_ref().is_some_and(Promise::start);
    }

    fn replies(&self, _first: u32, mut replies: Replies) {
        let is_error = replies.next_is_error();
        let open = move || replies.decode_next().expect("a reply to a call has a result");
        self.settle(Outcome::Sealed(is_error, Box::new(open)));
    }

    fn failed(&self, _item: u32, error: OriError) {
        self.settle(Outcome::Here(Err(error)));
    }
}

/// Starts a call. What goes wrong, now or later, comes out of the future.
pub(super) fn start<Args, R>(inner: &Arc<Inner>, task: Task, arguments: &Args) -> BackgroundFuture<R>
where
    Args: Serialize,
    R: DeserializeOwned + Send + 'static,
{
    let (promise, future) = BackgroundFuture::pair();
    let future = future.with_driver(inner.conductor.driver().clone());
    let id = inner.conductor.reserve();
    let pool = Arc::downgrade(inner);
    promise.on_cancel(move || {
        if let Some(pool) = pool.upgrade() {
            pool.conductor.cancel(id);
        }
    });
    let sink = CallSink { promise: Mutex::new(Some(promise)), callbacks: inner.callbacks.clone() };
    let mut job = inner.job(task, Arc::new(sink));
    // A panic in the value's own `Serialize` goes on in the caller, as that of any of its code.
    match job.push(arguments).and_then(|()| inner.conductor.submit(id, job)) {
        Ok(()) => future,
        Err(error) => BackgroundFuture::ready(Err(error)),
    }
}
