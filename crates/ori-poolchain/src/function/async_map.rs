//! Stages whose function is async: [`AsyncMap`] gives its item away, [`AsyncKept`] shares it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, catch_panic};
use tokio::runtime::Handle;

use super::{Function, Items, Outcome, Runner};
use crate::model::sync::Arc;
use crate::model::sync::atomic::{AtomicBool, Ordering};

/// A stage's async function, typed.
pub(crate) trait AsyncFunction<A>: Send + Sync {
    /// The item, as the function takes it.
    type Item: Send;
    type Output: Send;
    type Future: Future<Output = Self::Output> + Send;

    fn wrap(&self, item: A) -> Self::Item;
    /// Another handle on the item, for another try.
    fn share(&self, item: &Self::Item) -> Option<Self::Item>;
    fn start(&self, item: Self::Item) -> Self::Future;
}

/// `f` for each item.
pub(crate) struct AsyncMap<F>(pub(crate) F);

impl<A, F, Fut> AsyncFunction<A> for AsyncMap<F>
where
    A: Send,
    F: Fn(A) -> Fut + Send + Sync,
    Fut: Future<Output: Send> + Send,
{
    type Item = A;
    type Output = Fut::Output;
    type Future = Fut;

    fn wrap(&self, item: A) -> A {
        item
    }

    fn share(&self, _item: &A) -> Option<A> {
        None
    }

    fn start(&self, item: A) -> Fut {
        self.0(item)
    }
}

/// `f` for a shared handle on each item, which is still there for another try.
pub(crate) struct AsyncKept<F>(pub(crate) F);

impl<A, F, Fut> AsyncFunction<A> for AsyncKept<F>
where
    A: Send + Sync,
    F: Fn(Arc<A>) -> Fut + Send + Sync,
    Fut: Future<Output: Send> + Send,
{
    type Item = Arc<A>;
    type Output = Fut::Output;
    type Future = Fut;

    fn wrap(&self, item: A) -> Arc<A> {
        Arc::new(item)
    }

    fn share(&self, item: &Arc<A>) -> Option<Arc<A>> {
        Some(Arc::clone(item))
    }

    fn start(&self, item: Arc<A>) -> Fut {
        self.0(item)
    }
}

/// An async function, one future after the other: for runs in one thread.
pub(crate) struct OneByOne<S> {
    pub(crate) function: Arc<S>,
    pub(crate) runtime: Option<Handle>,
    pub(crate) limit: Option<Duration>,
    pub(crate) retries: u32,
}

struct OneByOneRunner<S>(Arc<OneByOne<S>>);

impl<A, S: AsyncFunction<A>> Function<A, S::Output> for OneByOne<S> {
    fn for_run<'e>(self: Arc<Self>) -> Arc<dyn Function<A, S::Output> + 'e>
    where
        Self: 'e,
    {
        self
    }

    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<A, S::Output> + 'e>
    where
        Self: 'e,
    {
        Box::new(OneByOneRunner(self))
    }
}

impl<S> OneByOneRunner<S> {
    fn once<A>(&self, item: S::Item) -> Outcome<S::Output>
    where
        S: AsyncFunction<A>,
    {
        let OneByOne { function, runtime, limit, .. } = &*self.0;
        let mut item = Some(item);
        let mut future = pin!(None);
        // Panics are caught where they happen, which may be on another thread.
        let caught = poll_fn(|cx| {
            let _context = runtime.as_ref().map(Handle::enter);
            let polled = catch_panic(|| {
                if let Some(item) = item.take() {
                    future.set(Some(function.start(item)));
                }
                future.as_mut().as_pin_mut().expect("it was just made").poll(cx)
            });
            match polled {
                Ok(poll) => poll.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            }
        });
        let Some(limit) = *limit else { return ori_bridge::sync(caught) };
        ori_bridge::sync_timeout(limit, caught).unwrap_or_else(|error| {
            if error.is_timeout() {
                return Err(OriError::new(ErrorKind::TimedOut, format!("took longer than {limit:?}")));
            }
            Err(error)
        })
    }
}

impl<A, S: AsyncFunction<A>> Runner<A, S::Output> for OneByOneRunner<S> {
    fn run(&mut self, items: &mut Items<'_, A>, out: &mut Vec<S::Output>, stop: &AtomicBool) -> Outcome<()> {
        for item in items.lend() {
            out.push(self.one(item)?);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, item: A) -> Outcome<S::Output> {
        let mut item = self.0.function.wrap(item);
        let mut tries = 0;
        loop {
            let again = if tries < self.0.retries { self.0.function.share(&item) } else { None };
            match (self.once(item), again) {
                (Err(_), Some(again)) => item = again,
                (outcome, _) => return outcome,
            }
            tries += 1;
        }
    }
}
