//! [`Promise`]: the side that settles a future.

use std::fmt;
use std::sync::Arc;

use ori_errors::{Result, catch_panic};

use super::shared::{Callback, Outcome, Shared};
use crate::thread_pool::time_limit;

/// The other side of a [`BackgroundFuture`](crate::BackgroundFuture): whoever runs the task settles
/// the future with it.
///
/// Made by [`BackgroundFuture::pair`](crate::BackgroundFuture::pair), for executors whose tasks
/// are not closures. Dropping it unsettled settles the future as
/// [`Cancelled`](ori_errors::ErrorKind::Cancelled).
///
/// ```
/// use ori_background::BackgroundFuture;
///
/// let (promise, future) = BackgroundFuture::pair();
/// std::thread::spawn(move || promise.complete(Ok(42)));
/// assert_eq!(future.result()?, 42);
///
/// let (promise, future) = BackgroundFuture::<()>::pair();
/// drop(promise);
/// assert!(future.result().unwrap_err().is_cancelled());
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[must_use = "dropping it cancels the future"]
pub struct Promise<T> {
    /// `None` once it was used.
    shared: Option<Arc<Shared<T>>>,
}

impl<T> Promise<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared: Some(shared) }
    }

    fn shared(&self) -> &Shared<T> {
        self.shared.as_ref().expect("only methods that take the promise by value use it up")
    }

    /// Says that the task runs now. False when it was cancelled before: then do not run it.
    ///
    /// From here on `cancel` returns false, unless a hook was set with
    /// [`on_cancel`](Self::on_cancel).
    ///
    /// ```
    /// # use ori_background::BackgroundFuture;
    /// let (promise, future) = BackgroundFuture::<()>::pair();
    /// assert!(promise.start());
    /// assert!(future.is_running());
    /// assert!(!future.cancel());
    ///
    /// let (promise, future) = BackgroundFuture::<()>::pair();
    /// assert!(future.cancel());
    /// assert!(!promise.start());
    /// ```
    #[must_use = "a cancelled task must not run"]
    pub fn start(&self) -> bool {
        self.shared().start()
    }

    /// Whether the future was settled already, by its `cancel` or by a time limit.
    ///
    /// ```
    /// # use ori_background::BackgroundFuture;
    /// let (promise, future) = BackgroundFuture::<()>::pair();
    /// assert!(!promise.is_settled());
    /// future.cancel();
    /// assert!(promise.is_settled());
    /// ```
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.shared().phase().is_settled()
    }

    /// Makes the task one that can be cancelled while it runs: `cancel` settles the future, then
    /// calls `hook`, which stops whoever runs the task.
    ///
    /// It is called once at most, on the thread that cancels, also when the task is still queued,
    /// and at once if the future is cancelled already. A second hook replaces the first. A panic
    /// in it is contained.
    ///
    /// ```
    /// # use ori_background::BackgroundFuture;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let (promise, future) = BackgroundFuture::<()>::pair();
    /// promise.on_cancel(move || sender.send("kill the worker").unwrap());
    /// assert!(promise.start());
    /// assert!(future.cancel());
    /// assert_eq!(receiver.recv().unwrap(), "kill the worker");
    /// ```
    pub fn on_cancel(&self, hook: impl FnOnce() + Send + 'static) {
        self.shared().on_cancel(Box::new(hook));
    }

    /// Settles the future. False when it was settled already: then the outcome is dropped.
    ///
    /// The callbacks of the future run before it returns; panics in them are contained.
    ///
    /// ```
    /// # use ori_background::BackgroundFuture;
    /// let (promise, future) = BackgroundFuture::pair();
    /// assert!(promise.complete(Ok("value")));
    /// assert_eq!(future.result().unwrap(), "value");
    /// ```
    pub fn complete(mut self, outcome: Result<T>) -> bool {
        self.shared.take().is_some_and(|shared| shared.settle(outcome))
    }
}

impl<T> Promise<T> {
    /// As [`complete`](Self::complete), from a thread on which no user code may run. The callbacks
    /// of the future are given back, to be called elsewhere.
    #[must_use = "these callbacks are to be called"]
    pub(crate) fn complete_quietly(mut self, outcome: Outcome<T>) -> Vec<Callback> {
        self.shared.take().map(|shared| shared.settle_quietly(outcome)).unwrap_or_default()
    }
}

impl<T: Send + 'static> Promise<T> {
    /// Runs `f` as the task, here and now, and settles the future with its value or its panic.
    ///
    /// Does not run it when the future was cancelled. On a thread of a
    /// [`ThreadPool`](crate::ThreadPool) with a time limit the limit applies. Never unwinds.
    ///
    /// ```
    /// # use ori_background::BackgroundFuture;
    /// let (promise, future) = BackgroundFuture::pair();
    /// promise.run(|| 6 * 7);
    /// assert_eq!(future.result().unwrap(), 42);
    ///
    /// let (promise, future) = BackgroundFuture::<()>::pair();
    /// promise.run(|| panic!("boom"));
    /// assert!(future.result().unwrap_err().is_panic());
    /// ```
    pub fn run(mut self, f: impl FnOnce() -> T) {
        let Some(shared) = self.shared.take() else { return };
        // The drops of `f`, of the value and of its late twin are user code too, so all is inside.
        let _ = catch_panic(move || {
            if shared.start() {
                let limited = time_limit::enter(&shared);
                let outcome = catch_panic(f);
                drop(limited);
                shared.settle(outcome);
            }
        });
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.abandon();
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("phase", &self.shared().phase()).finish()
    }
}
