//! [`ResultStream`]: a run from and to async code.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;
use ori_errors::Result;
use tokio::runtime::Handle;

use crate::chain::{Owned, PoolChain};
use crate::engine::bell::Bell;
use crate::engine::execution::Consumer;
use crate::model::sync::Arc;
use crate::model::sync::atomic::{AtomicBool, Ordering};
use crate::results::Batches;
use crate::{ChainStats, Watcher};

/// Running a chain over a stream (feature `async`).
impl<I, O> PoolChain<I, O, Owned>
where
    I: Send + 'static,
    O: Send + 'static,
{
    /// Starts the chain over a stream of items and gives a stream of results.
    ///
    /// As [`execute_lazy`](Self::execute_lazy), with the same window and the same errors: work begins at
    /// once and goes on while nobody polls, no further ahead than [`buffer`](Self::buffer). Neither the
    /// stages nor `items` are polled by whoever polls the results: a thread of the chain polls `items`, in
    /// the context of the caller's tokio runtime, or of that of `ori-bridge`.
    ///
    /// Something to iterate over becomes a stream by `futures::stream::iter`.
    ///
    /// # Errors
    /// Those of [`execute_lazy`](Self::execute_lazy).
    ///
    /// # Cancel safety
    /// The stream's `next` is cancel-safe: an item that is not taken is still there.
    ///
    /// ```
    /// use futures_lite::{StreamExt as _, stream};
    /// use ori_poolchain::PoolChain;
    ///
    /// # futures_lite::future::block_on(async {
    /// let chain = PoolChain::new().add_async(async |n: u64| n * 10).add_threadpool(|n| n + 1);
    /// let mut results = chain.execute_stream(stream::iter([1, 2, 3]))?;
    /// let mut values = Vec::new();
    /// while let Some(value) = results.next().await {
    ///     values.push(value?);
    /// }
    /// assert_eq!(values, [11, 21, 31]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// # }).unwrap();
    /// ```
    pub fn execute_stream<S>(&self, items: S) -> Result<ResultStream<O>>
    where
        S: Stream<Item = I> + Send + 'static,
    {
        let runtime = match Handle::try_current() {
            Ok(current) => Some(current),
            Err(_) => ori_bridge::runtime().ok().cloned(),
        };
        let reading = Arc::new(Reading::default());
        let source = Blocking { items: Box::pin(items), runtime, reading: Arc::clone(&reading) };
        let execution = self.start(source, Consumer::Task)?;
        Ok(ResultStream { batches: Batches::new(execution), reading: StopReading(reading) })
    }
}

/// What comes out of a chain, as a stream: one `Ok` or `Err` for each item of the input.
///
/// Made by [`PoolChain::execute_stream`]. It is what [`Results`](crate::Results) is for sync code.
///
/// **Dropping it** ends the run: the source is polled no further, futures in flight are dropped, items that
/// wait are dropped, and the drop does not wait for any of it.
///
/// ```
/// use futures_lite::{StreamExt as _, stream};
/// use ori_poolchain::PoolChain;
///
/// # futures_lite::future::block_on(async {
/// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
/// let results = chain.execute_stream(stream::iter(0..1000))?;
/// assert_eq!(results.filter_map(Result::ok).fold(0, |sum, n| sum + n).await, 999_000);
/// # Ok::<(), ori_errors::OriError>(())
/// # }).unwrap();
/// ```
#[must_use = "a chain that was started and dropped ends at once"]
pub struct ResultStream<O: Send + 'static> {
    batches: Batches<'static, O>,
    reading: StopReading,
}

impl<O: Send + 'static> ResultStream<O> {
    /// Ends the run as dropping it does: the stream gives what is here already, then ends.
    ///
    /// ```
    /// use futures_lite::{StreamExt as _, stream};
    /// use ori_poolchain::PoolChain;
    ///
    /// # futures_lite::future::block_on(async {
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
    /// let results = chain.execute_stream(stream::repeat(1))?;
    /// results.cancel();
    /// results.count().await; // the source would never have ended
    /// # Ok::<(), ori_errors::OriError>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "abort")]
    pub fn cancel(&self) {
        self.batches.cancel();
        self.reading.0.stop();
    }

    /// What the run has done so far, stage by stage.
    ///
    /// ```
    /// use futures_lite::stream;
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2).name("double");
    /// let results = chain.execute_stream(stream::iter([1, 2]))?;
    /// assert_eq!(results.stats().stages()[0].name, "double");
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> ChainStats {
        self.batches.stats()
    }

    /// A handle to look at the run from elsewhere; see [`Results::watcher`](crate::Results::watcher).
    ///
    /// ```
    /// use futures_lite::stream;
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
    /// let results = chain.execute_stream(stream::iter([1, 2]))?;
    /// let watcher = results.watcher();
    /// drop(results);
    /// assert!(watcher.stats().is_over());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        self.batches.watcher()
    }
}

impl<O: Send + 'static> Stream for ResultStream<O> {
    type Item = Result<O>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<O>>> {
        self.batches.poll_next(cx)
    }
}

/// Nothing in it is pinned.
impl<O: Send + 'static> Unpin for ResultStream<O> {}

impl<O: Send + 'static> fmt::Debug for ResultStream<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultStream").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A stream as a source, which blocks the thread that reads it until there is an item.
struct Blocking<S> {
    items: Pin<Box<S>>,
    runtime: Option<Handle>,
    reading: Arc<Reading>,
}

/// Wakes the reader of a stream: for an item, or because nobody wants more.
#[derive(Debug, Default)]
struct Reading {
    bell: Bell,
    stopped: AtomicBool,
}

impl Reading {
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.bell.ring();
    }
}

impl Wake for Reading {
    fn wake(self: Arc<Self>) {
        self.bell.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bell.ring();
    }
}

struct StopReading(Arc<Reading>);

impl Drop for StopReading {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl<S: Stream> Iterator for Blocking<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        let _context = self.runtime.as_ref().map(Handle::enter);
        let waker = Waker::from(Arc::clone(&self.reading));
        let mut cx = Context::from_waker(&waker);
        loop {
            self.reading.bell.hush();
            if self.reading.stopped.load(Ordering::SeqCst) {
                return None;
            }
            if let Poll::Ready(item) = self.items.as_mut().poll_next(&mut cx) {
                return item;
            }
            self.reading.bell.wait(None);
        }
    }
}
