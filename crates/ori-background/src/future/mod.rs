//! [`BackgroundFuture`]: the result of a call that runs in the background.
//!
//! | module | what lives there |
//! |---|---|
//! | `shared` | the record that a task and its future have in common |
//! | `promise` | [`Promise`], the side that settles a future |
//! | `group` | [`wait`] and [`as_completed`], several futures at once |

mod group;
mod promise;
pub(crate) mod shared;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ori_errors::{ErrorKind, OriError, Result};
use ori_worker::Driver;

pub use group::{AsCompleted, ReturnWhen, as_completed, wait};
pub use promise::Promise;

use self::shared::{Phase, Shared, Waiter};
use crate::Executor;
use crate::model::sync::Arc;
use crate::model::thread;

/// The result of a call that runs in the background.
///
/// Wait for it with [`result`](Self::result), or `.await` it on any runtime or none. Dropping it
/// does not cancel the task, which runs and whose result is dropped (so it is in Python's
/// `concurrent.futures`); [`detach`](Self::detach) says the same in words. A task whose executor is
/// shut down or dropped before the task ran comes out as
/// [`Cancelled`](ori_errors::ErrorKind::Cancelled).
///
/// The result can be taken once: later calls give [`Closed`](ori_errors::ErrorKind::Closed).
///
/// ```
/// let pool = ori_background::ThreadPool::builder().build()?;
/// let future = pool.submit(|| 6 * 7);
/// assert_eq!(future.result()?, 42);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
///
/// # Cancel safety
/// A dropped `.await` takes no result; the future can be awaited again.
#[doc(alias = "JoinHandle")]
#[must_use = "take its result, or `detach` it: errors and panics of the task come out of it only"]
pub struct BackgroundFuture<T> {
    shared: Arc<Shared<T>>,
    /// For a call in a worker process: what a thread that waits can do meanwhile.
    driver: Option<Driver>,
}

impl<T> BackgroundFuture<T> {
    /// A future and the [`Promise`] that settles it, for executors of your own whose tasks are
    /// not closures.
    ///
    /// ```
    /// let (promise, future) = ori_background::BackgroundFuture::pair();
    /// promise.complete(Ok(1));
    /// assert_eq!(future.result()?, 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn pair() -> (Promise<T>, Self) {
        let shared = Arc::new(Shared::new());
        (Promise::new(Arc::clone(&shared)), Self { shared, driver: None })
    }

    /// A future that is done.
    ///
    /// ```
    /// let future = ori_background::BackgroundFuture::ready(Ok(1));
    /// assert!(future.is_done());
    /// assert_eq!(future.result()?, 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn ready(outcome: Result<T>) -> Self {
        Self { shared: Arc::new(Shared::ready(outcome)), driver: None }
    }

    /// Blocks until the task is done and gives its result.
    ///
    /// Called by a task for a task that waits behind it in the same pool, it may wait for ever.
    ///
    /// # Errors
    /// `Panicked` when the task panicked, `Cancelled` when it was cancelled or its executor ended
    /// before it ran, `TimedOut` when it exceeded the executor's time limit, `QueueFull`, `Closed`
    /// or `Spawn` when the executor could not take it, `Closed` when the result was taken before.
    ///
    /// ```
    /// let pool = ori_background::ThreadPool::builder().build()?;
    /// assert_eq!(pool.submit(|| 1 + 1).result()?, 2);
    /// assert!(pool.submit(|| panic!("boom")).result().unwrap_err().is_panic());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn result(self) -> Result<T> {
        self.wait_for(None)
    }

    /// As [`result`](Self::result), but blocks no longer than `limit`. When the limit passes, the
    /// task goes on and the future can be asked again.
    ///
    /// # Errors
    /// `TimedOut` when `limit` has passed, else as [`result`](Self::result).
    ///
    /// ```
    /// use std::time::Duration;
    /// let (promise, mut future) = ori_background::BackgroundFuture::pair();
    /// assert!(future.result_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// promise.complete(Ok(7));
    /// assert_eq!(future.result_timeout(Duration::from_secs(10))?, 7);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn result_timeout(&mut self, limit: Duration) -> Result<T> {
        self.wait_for(Some(limit))
    }

    pub(crate) fn with_driver(mut self, driver: Driver) -> Self {
        self.driver = Some(driver);
        self
    }

    /// Somebody waits for the result without driving.
    fn nudge(&self) {
        if let Some(driver) = &self.driver {
            driver.nudge();
        }
    }

    fn wait_for(&self, limit: Option<Duration>) -> Result<T> {
        // A limit beyond the clock's range is no limit.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        if let Some(driver) = &self.driver {
            driver.drive(|| self.shared.is_settled(), deadline);
        }
        self.shared.linger();
        loop {
            let mut state = self.shared.lock();
            if let Some(outcome) = state.take() {
                drop(state);
                return outcome.open();
            }
            let previous = state.waiter.replace(Waiter::Thread(thread::current()));
            drop(state);
            drop(previous);
            self.nudge();
            let Some(deadline) = deadline else {
                thread::park();
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(OriError::new(
                    ErrorKind::TimedOut,
                    format!("the task was not done within {:?}", limit.unwrap_or_default()),
                ));
            }
            thread::park_timeout(left);
        }
    }

    /// Whether the task is over: with a value, with an error, or cancelled.
    ///
    /// ```
    /// let (promise, future) = ori_background::BackgroundFuture::pair();
    /// assert!(!future.is_done());
    /// promise.complete(Ok(1));
    /// assert!(future.is_done());
    /// ```
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.shared.phase().is_settled()
    }

    /// Whether the task runs right now.
    ///
    /// ```
    /// let (promise, future) = ori_background::BackgroundFuture::<()>::pair();
    /// assert!(!future.is_running());
    /// assert!(promise.start());
    /// assert!(future.is_running());
    /// ```
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.shared.phase() == Phase::Running
    }

    /// Cancels the task if it has not begun; true when it is cancelled now or was before.
    ///
    /// A closure that runs on a thread cannot be stopped: then it returns false and changes nothing.
    /// A task that runs where it can be stopped (a worker process) is stopped. The closure of a
    /// cancelled task is dropped when its turn in the queue comes.
    ///
    /// ```
    /// let (promise, future) = ori_background::BackgroundFuture::<()>::pair();
    /// assert!(future.cancel());
    /// promise.run(|| unreachable!("a cancelled task does not run"));
    /// assert!(future.result().unwrap_err().is_cancelled());
    /// ```
    pub fn cancel(&self) -> bool {
        self.shared.cancel()
    }

    /// Whether the task was cancelled: by [`cancel`](Self::cancel), or by the end of its executor.
    ///
    /// ```
    /// let (promise, future) = ori_background::BackgroundFuture::<()>::pair();
    /// drop(promise);
    /// assert!(future.is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.phase() == Phase::Cancelled
    }

    /// Has `callback` called once when the task is over, at once if it is already.
    ///
    /// It runs on the thread that ends the task (a worker, the caller of `cancel`, the pool's
    /// watch over time limits), after whoever waits for the result was woken; callbacks run in the
    /// order in which they were added. Keep it short. A panic in it is contained.
    ///
    /// ```
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let pool = ori_background::ThreadPool::builder().build()?;
    /// let future = pool.submit(|| 1);
    /// future.on_done(move || sender.send("done").unwrap());
    /// assert_eq!(receiver.recv().unwrap(), "done");
    /// # assert_eq!(future.result()?, 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "add_done_callback")]
    pub fn on_done(&self, callback: impl FnOnce() + Send + 'static) {
        self.shared.on_done(Box::new(callback));
        self.nudge();
    }

    /// Lets the task run and drops its result, its error and its panic.
    ///
    /// ```
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let pool = ori_background::ThreadPool::builder().build()?;
    /// pool.submit(move || sender.send(1)).detach();
    /// assert_eq!(receiver.recv().unwrap(), 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn detach(self) {
        drop(self);
    }
}

impl<T: Send + 'static> BackgroundFuture<T> {
    /// Hands `f` to `executor`; an error of the executor comes out of the future.
    pub(crate) fn submit(executor: &dyn Executor, f: impl FnOnce() -> T + Send + 'static) -> Self {
        let (promise, future) = Self::pair();
        match executor.execute(Box::new(move || promise.run(f))) {
            Ok(()) => future,
            // The job was dropped and has cancelled its future, but why it was is known better here.
            Err(error) => Self::ready(Err(error)),
        }
    }
}

impl<T> Future for BackgroundFuture<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.shared.lock();
        if let Some(outcome) = state.take() {
            drop(state);
            return Poll::Ready(outcome.open());
        }
        if matches!(&state.waiter, Some(Waiter::Waker(waker)) if waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        drop(state);
        // Cloning and dropping a waker runs the runtime's code: not under the lock.
        let waker = context.waker().clone();
        let mut state = self.shared.lock();
        if let Some(outcome) = state.take() {
            drop(state);
            return Poll::Ready(outcome.open());
        }
        let previous = state.waiter.replace(Waiter::Waker(waker));
        drop(state);
        drop(previous);
        self.nudge();
        Poll::Pending
    }
}

impl<T> fmt::Debug for BackgroundFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundFuture").field("phase", &self.shared.phase()).finish()
    }
}
