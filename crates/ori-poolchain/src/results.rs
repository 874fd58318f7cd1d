//! [`Results`]: the iterator over what comes out of a chain.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
#[cfg(feature = "async")]
use std::task::{Context, Poll, ready};

use ori_errors::{OriError, Result};

use crate::engine::execution::{Execution, Next};
use crate::{ChainStats, Watcher};

/// What comes out of a chain, as it comes: one `Ok` or `Err` for each item of the input.
///
/// Made by [`PoolChain::execute_lazy`](crate::PoolChain::execute_lazy). The results stand in the
/// order of the input unless the chain is [`unordered`](crate::PoolChain::unordered). An `Err` is
/// the error of one item ([`OriError::item`] tells which); iteration goes on after it.
///
/// If the chain itself cannot go on (a thread cannot be started, an executor refuses its jobs), the
/// last result is that error.
///
/// **Dropping it** ends the run: the source is read no further, items that wait are dropped, and
/// the call returns without waiting for items that are running; those finish in the background.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new().add_threadpool(|text: &str| text.parse::<u8>()).fallible();
/// let results = chain.execute_lazy(["1", "two", "3"])?;
/// let numbers: Vec<Option<u8>> = results.map(Result::ok).collect();
/// assert_eq!(numbers, [Some(1), None, Some(3)]);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[must_use = "a chain that was started and dropped ends at once"]
pub struct Results<O: Send + 'static> {
    batches: Batches<'static, O>,
}

impl<O: Send + 'static> Results<O> {
    pub(crate) fn new(execution: Execution<'static, O>) -> Self {
        Self { batches: Batches::new(execution) }
    }

    /// Ends the run as dropping it does: `next` gives what is here already, then `None`.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
    /// let mut results = chain.execute_lazy(0..)?;
    /// assert_eq!(results.next().unwrap()?, 0);
    /// results.cancel();
    /// assert!(results.count() < 1_000_000); // the source would never have ended
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "abort")]
    pub fn cancel(&self) {
        self.batches.cancel();
    }

    /// What the run has done so far, stage by stage.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2).name("double");
    /// let mut results = chain.execute_lazy(0..100)?;
    /// results.by_ref().for_each(drop);
    /// assert_eq!(results.stats().stages()[0].items, 100);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> ChainStats {
        self.batches.stats()
    }

    /// A handle to look at the run from elsewhere, also while this thread waits for a result.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
    /// let results = chain.execute_lazy(0..100)?;
    /// let watcher = results.watcher();
    /// let looking = std::thread::spawn(move || watcher.stats().read() <= 100);
    /// assert_eq!(results.count(), 100);
    /// assert!(looking.join().unwrap());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        self.batches.watcher()
    }
}

impl<O: Send + 'static> Iterator for Results<O> {
    type Item = Result<O>;

    #[inline]
    fn next(&mut self) -> Option<Result<O>> {
        self.batches.next()
    }

    fn fold<B, F: FnMut(B, Result<O>) -> B>(self, init: B, f: F) -> B {
        self.batches.fold(init, f)
    }
}

impl<O: Send + 'static> FusedIterator for Results<O> {}

impl<O: Send + 'static> fmt::Debug for Results<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The batches of an execution, item by item.
pub(crate) struct Batches<'e, O: Send + 'e> {
    execution: Execution<'e, O>,
    /// The values of the batch, last first, so that they can be popped and the buffer used again.
    values: Vec<O>,
    /// The errors of the batch, and the position of its next item: used only where there are any.
    errors: VecDeque<(u64, OriError)>,
    position: u64,
    ended: bool,
}

impl<O: Send + 'static> Batches<'static, O> {
    pub(crate) fn watcher(&self) -> Watcher {
        self.execution.watcher()
    }
}

impl<'e, O: Send + 'e> Batches<'e, O> {
    pub(crate) fn new(execution: Execution<'e, O>) -> Self {
        Self { execution, values: Vec::new(), errors: VecDeque::new(), position: 0, ended: false }
    }

    pub(crate) fn cancel(&self) {
        self.execution.finish();
    }

    pub(crate) fn stats(&self) -> ChainStats {
        self.execution.stats()
    }

    /// Takes in what the execution gave.
    fn refill(&mut self, next: Next<O>) -> Option<Result<(), OriError>> {
        match next {
            Next::Batch(batch) => {
                self.position = batch.first();
                self.values = batch.values;
                self.values.reverse();
                self.errors = batch.errors.into();
                Some(Ok(()))
            }
            Next::Failed(error) => {
                self.ended = true;
                self.execution.finish();
                Some(Err(error))
            }
            Next::End => {
                self.ended = true;
                None
            }
        }
    }

    /// The next item of the batch, when there are errors about; `None` when it is used up.
    fn next_here(&mut self) -> Option<Result<O>> {
        let item = if self.errors.front().is_some_and(|(position, _)| *position == self.position) {
            self.errors.pop_front().map(|(_, error)| Err(error))
        } else {
            self.values.pop().map(Ok)
        };
        if item.is_some() {
            self.position += 1;
        } else {
            self.execution.recycle(std::mem::take(&mut self.values));
        }
        item
    }

    /// The next item, when there are errors about or the batch is used up.
    #[cold]
    fn next_slowly(&mut self) -> Option<Result<O>> {
        loop {
            if let Some(item) = self.next_here() {
                return Some(item);
            }
            if self.ended {
                return None;
            }
            let next = self.execution.next();
            if let Err(error) = self.refill(next)? {
                return Some(Err(error));
            }
        }
    }

    /// The next item, or the waker is woken when there may be one.
    #[cfg(feature = "async")]
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<O>>> {
        loop {
            if let Some(item) = self.next_here() {
                return Poll::Ready(Some(item));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let next = ready!(self.execution.poll_next(cx));
            match self.refill(next) {
                Some(Ok(())) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<O: Send> Iterator for Batches<'_, O> {
    type Item = Result<O>;

    #[inline]
    fn next(&mut self) -> Option<Result<O>> {
        if self.errors.is_empty()
            && let Some(value) = self.values.pop()
        {
            return Some(Ok(value));
        }
        self.next_slowly()
    }

    fn fold<B, F: FnMut(B, Result<O>) -> B>(mut self, init: B, mut f: F) -> B {
        let mut folded = init;
        loop {
            if self.errors.is_empty() {
                for value in self.values.drain(..).rev() {
                    folded = f(folded, Ok(value));
                }
            }
            match self.next_slowly() {
                Some(item) => folded = f(folded, item),
                None => return folded,
            }
        }
    }
}

/// The most bytes that are reserved for results because the source says how many there will be. It
/// may be wrong, and there may be an error before.
const MOST_RESERVED: usize = 1 << 30;

/// Collects all values in order; the first error ends the run and is returned.
pub(crate) fn collect<'e, O: Send + 'e>(mut execution: Execution<'e, O>, expected: usize) -> Result<Vec<O>> {
    let mut values = Vec::new();
    // Where that much cannot be had, the results may still fit.
    let _ = values.try_reserve_exact(expected.min(MOST_RESERVED / size_of::<O>().max(1)));
    loop {
        match execution.next() {
            Next::Batch(mut batch) => {
                if let Some((_, error)) = batch.errors.into_iter().next() {
                    return Err(error);
                }
                values.append(&mut batch.values);
                execution.recycle(batch.values);
            }
            Next::Failed(error) => return Err(error),
            Next::End => return Ok(values),
        }
    }
}
