//! [`Progress`]: results with a progress bar on the terminal.
//!
//! The bar is drawn by a thread of its own that looks at the run's statistics, so it costs the items
//! nothing and moves on while the consumer waits.

use std::fmt;
use std::io::IsTerminal as _;
use std::iter::FusedIterator;
use std::ops::Deref;
#[cfg(feature = "async")]
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
#[cfg(feature = "async")]
use std::task::{Context, Poll};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

#[cfg(feature = "async")]
use futures_core::Stream;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

#[cfg(feature = "async")]
use crate::ResultStream;
use crate::engine::lock;
use crate::{Results, Watcher};

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);
/// For a source that knew how many items it has.
const WITH_LENGTH: &str = "{wide_bar} {human_pos}/{human_len}  {rate}/s, {eta} left{msg}";
/// For any other.
const WITHOUT_LENGTH: &str = "{spinner} {human_pos} results  {rate}/s, {elapsed}{msg}";

/// Results that show on the terminal how far the run is: how many results have come out, how many a
/// second, how long the rest will take (where the source knew how many items it has), and how many
/// items failed. From [`Results::progress`], with the feature `progress`.
///
/// It is what it was made of otherwise: an iterator, or a stream, and by `Deref` everything else. The
/// bar is on the standard error stream; **where that is no terminal, nothing is shown** and no thread
/// started. **Dropping it** ends the run and leaves the last state of the bar.
///
/// For [`execute_eager`](crate::PoolChain::execute_eager), collect lazy results: an `Err` ends that too.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
/// let doubled: Vec<u64> = chain.execute_lazy(0..1000)?.progress().collect::<Result<_, _>>()?;
/// assert_eq!(doubled.len(), 1000);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[must_use = "a chain that was started and dropped ends at once"]
pub struct Progress<R> {
    // Dropped first: the bar shows what it has left.
    results: R,
    _bar: Option<Bar>,
}

impl<O: Send + 'static> Results<O> {
    /// Shows the progress of the run on the terminal; see [`Progress`].
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
    /// for result in chain.execute_lazy(0..1000)?.progress() {
    ///     result?;
    /// }
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn progress(self) -> Progress<Self> {
        let bar = Bar::on_terminal(self.watcher());
        Progress { results: self, _bar: bar }
    }
}

#[cfg(feature = "async")]
impl<O: Send + 'static> ResultStream<O> {
    /// Shows the progress of the run on the terminal; see [`Progress`].
    ///
    /// ```
    /// use futures_lite::{StreamExt as _, stream};
    /// use ori_poolchain::PoolChain;
    ///
    /// # futures_lite::future::block_on(async {
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
    /// let results = chain.execute_stream(stream::iter(0..1000))?.progress();
    /// assert_eq!(results.count().await, 1000);
    /// # Ok::<(), ori_errors::OriError>(())
    /// # }).unwrap();
    /// ```
    pub fn progress(self) -> Progress<Self> {
        let bar = Bar::on_terminal(self.watcher());
        Progress { results: self, _bar: bar }
    }
}

impl<R> Deref for Progress<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.results
    }
}

impl<R: Iterator> Iterator for Progress<R> {
    type Item = R::Item;

    #[inline]
    fn next(&mut self) -> Option<R::Item> {
        self.results.next()
    }

    fn fold<B, F: FnMut(B, R::Item) -> B>(self, init: B, f: F) -> B {
        let Self { results, _bar } = self;
        results.fold(init, f)
    }
}

impl<R: FusedIterator> FusedIterator for Progress<R> {}

#[cfg(feature = "async")]
impl<R: Stream + Unpin> Stream for Progress<R> {
    type Item = R::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R::Item>> {
        Pin::new(&mut self.results).poll_next(cx)
    }
}

impl<R: fmt::Debug> fmt::Debug for Progress<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.results).finish()
    }
}

/// Results a second, with a decimal only where there are few.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    let rate = state.per_sec();
    // A terminal that cannot be written to shows no rate either.
    let _ = if rate < 100.0 { write!(out, "{rate:.1}") } else { write!(out, "{}", HumanCount(rate as u64)) };
}

/// A bar and the thread that draws it, until this is dropped.
struct Bar {
    ends: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    fn on_terminal(watcher: Watcher) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let ends = Arc::<(Mutex<bool>, Condvar)>::default();
        let end = Arc::clone(&ends);
        // Without a thread there is no bar, and the run is none the worse.
        let thread = Builder::new().name("ori-progress".into()).spawn(move || draw(&watcher, &end)).ok()?;
        Some(Self { ends, thread: Some(thread) })
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        *lock(&self.ends.0) = true;
        self.ends.1.notify_one();
        if let Some(thread) = self.thread.take() {
            // A bar that panicked has been told of by the hook.
            let _ = thread.join();
        }
    }
}

fn draw(watcher: &Watcher, (over, ended): &(Mutex<bool>, Condvar)) {
    let expected = watcher.stats().expected();
    let (bar, template) = match expected {
        Some(items) => (ProgressBar::new(items), WITH_LENGTH),
        None => (ProgressBar::new_spinner(), WITHOUT_LENGTH),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("rate", rate));
    }
    loop {
        let waited = ended.wait_timeout_while(lock(over), TICK, |over| !*over);
        let over = *waited.unwrap_or_else(PoisonError::into_inner).0;
        let stats = watcher.stats();
        match stats.errors() {
            0 => {}
            1 => bar.set_message("  1 error"),
            errors => bar.set_message(format!("  {errors} errors")),
        }
        bar.set_position(stats.results());
        bar.tick();
        if over {
            return bar.abandon();
        }
    }
}
