//! [`AprocManager`]: send futures to it and forget them.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use tokio::task::{JoinError, JoinSet};

use crate::operation::runtime;
use crate::report;

/// What an [`AprocManager`] does with the failure of an aproc: the original's `handle_exception`.
///
/// ```
/// use mt_aio::{AprocManager, HandleException};
/// let manager = AprocManager::new(8, HandleException::Silent);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum HandleException {
    /// A later [`send`](AprocManager::send) or [`cleanup`](AprocManager::cleanup) returns it.
    Raise,
    /// Nobody hears of it.
    Silent,
    /// It is reported when it happens: to the function given to
    /// [`warn_function`](AprocManager::warn_function), else to `tracing` with the feature of that
    /// name, else on the standard error stream.
    Warn,
}

/// Runs futures, at most so many at a time, whose end nobody waits for one by one: *aprocs*.
///
/// [`send`](Self::send) starts one; [`cleanup`](Self::cleanup) waits for all of them. The manager
/// can be shared between tasks by reference or in an `Arc`.
///
/// Dropping it cancels the aprocs that are still running, and reports the failures that nobody was
/// given yet, as with [`Warn`](HandleException::Warn).
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use mt_aio::{AprocManager, HandleException};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let sum = Arc::new(AtomicU32::new(0));
/// let manager = AprocManager::new(16, HandleException::Raise);
/// for n in 1..=100 {
///     let sum = sum.clone();
///     manager.send(async move { _ = sum.fetch_add(n, Ordering::Relaxed) }).await?;
/// }
/// manager.cleanup().await?;
/// assert_eq!(sum.load(Ordering::Relaxed), 5050);
/// # Ok::<_, mt_aio::OriError>(())
/// # }).unwrap();
/// ```
pub struct AprocManager {
    max_concurrency: usize,
    running: Mutex<JoinSet<()>>,
    /// Whose turn it is to wait for the set, which wakes one waiter only.
    turn: tokio::sync::Mutex<()>,
    failures: Arc<Failures>,
}

impl AprocManager {
    /// A manager that runs at most `max_concurrency` aprocs at a time (the original's default is
    /// 1024).
    ///
    /// A limit of 0 is a `Validation` error of the first send.
    ///
    /// ```
    /// use mt_aio::{AprocManager, HandleException};
    /// let manager = AprocManager::new(1024, HandleException::Raise);
    /// ```
    #[must_use = "without `send` it does nothing"]
    pub fn new(max_concurrency: usize, policy: HandleException) -> Self {
        Self {
            max_concurrency,
            running: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            failures: Arc::new(Failures::new(policy, None)),
        }
    }

    /// Gives the failures to this function, with [`Warn`](HandleException::Warn): the original's
    /// `logger`. A panic in it is contained.
    ///
    /// ```
    /// use mt_aio::{AprocManager, HandleException};
    /// let manager = AprocManager::new(8, HandleException::Warn)
    ///     .warn_function(|error| println!("went wrong: {error}"));
    /// ```
    #[must_use = "the manager is returned, not changed in place"]
    pub fn warn_function(mut self, function: impl Fn(&OriError) + Send + Sync + 'static) -> Self {
        self.failures = Arc::new(Failures::new(self.failures.policy, Some(Box::new(function))));
        self
    }

    /// Starts an aproc, as soon as fewer than `max_concurrency` run.
    ///
    /// Its output is `()` or a `Result`, whose error becomes one of kind `Task`. A
    /// `tokio::task::JoinHandle` is such a future: its task runs already, and counts until it ends.
    ///
    /// # Errors
    /// With [`Raise`](HandleException::Raise), the failure of an aproc that was sent *earlier*;
    /// this one was accepted. Each failure is returned once: of kind `Task` (or its own, if it was
    /// an [`OriError`]), `Panicked`, or `Cancelled` when its task was aborted.
    ///
    /// `Validation` for a limit that cannot work and `Unsupported` outside a tokio runtime: the
    /// aproc was dropped.
    ///
    /// # Cancel safety
    /// A future that is dropped while it waits for a place drops the aproc, which has not begun.
    ///
    /// ```
    /// use mt_aio::{AprocManager, HandleException};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let manager = AprocManager::new(8, HandleException::Raise);
    /// manager.send(async { "seven".parse::<u8>().map(drop) }).await.unwrap();
    /// assert!(manager.cleanup().await.is_err());
    /// assert!(manager.cleanup().await.is_ok());
    /// # });
    /// ```
    pub async fn send<F>(&self, aproc: F) -> Result<()>
    where
        F: Future<Output: AprocOutput> + Send + 'static,
    {
        if self.max_concurrency == 0 {
            return Err(OriError::new(ErrorKind::Validation, "max_concurrency must be at least 1, not 0"));
        }
        let runtime = runtime()?;
        let failures = self.failures.clone();
        let mut task = Some(async move {
            let mut aproc = pin!(aproc);
            let outcome = poll_fn(|cx| match catch_panic(|| aproc.as_mut().poll(cx)) {
                Ok(poll) => poll.map(AprocOutput::into_result),
                Err(panic) => Poll::Ready(Err(panic)),
            });
            if let Err(error) = outcome.await {
                failures.take_note(error);
            }
        });
        let mut start = || {
            let mut running = self.running();
            // Those that ended leave the set as others come in.
            while running.try_join_next().is_some() {}
            if running.len() < self.max_concurrency
                && let Some(task) = task.take()
            {
                // Taken before this one starts: a send never returns the failure of its own aproc.
                let earlier = self.failures.raise();
                running.spawn_on(task, &runtime);
                return Some(earlier);
            }
            None
        };
        loop {
            if let Some(earlier) = start() {
                return earlier;
            }
            self.join_one().await;
        }
    }

    /// Waits until all aprocs are done.
    ///
    /// # Errors
    /// With [`Raise`](HandleException::Raise), the first failure that nobody was given yet. The
    /// aprocs are all done then, too. Where several failed, each further call returns the next,
    /// then `Ok`.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped: the aprocs go on, and so can another `cleanup`.
    ///
    /// ```
    /// use mt_aio::{AprocManager, HandleException};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let manager = AprocManager::new(8, HandleException::Raise);
    /// manager.send(async { Err("one") as Result<(), _> }).await.unwrap();
    /// manager.send(async { Err("two") as Result<(), _> }).await.unwrap();
    /// let mut failures = 0;
    /// while manager.cleanup().await.is_err() {
    ///     failures += 1;
    /// }
    /// assert_eq!(failures, 2);
    /// # });
    /// ```
    pub async fn cleanup(&self) -> Result<()> {
        while self.join_one().await {}
        self.failures.raise()
    }

    /// Waits until one more aproc has ended; `false` when there is none.
    async fn join_one(&self) -> bool {
        let _turn = self.turn.lock().await;
        poll_fn(|cx| self.running().poll_join_next(cx)).await.is_some()
    }

    fn running(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AprocManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AprocManager")
            .field("max_concurrency", &self.max_concurrency)
            .field("running", &self.running().len())
            .field("policy", &self.failures.policy)
            .finish()
    }
}

type WarnFunction = Box<dyn Fn(&OriError) + Send + Sync>;

/// What is done with failures, and those that wait for somebody to take them. Shared by the manager
/// and its aprocs; whoever drops it last reports what is left.
struct Failures {
    policy: HandleException,
    warn: Option<WarnFunction>,
    unseen: Mutex<VecDeque<OriError>>,
    /// That there are some, for those who have none to take.
    has_unseen: AtomicBool,
}

impl Failures {
    fn new(policy: HandleException, warn: Option<WarnFunction>) -> Self {
        Self { policy, warn, unseen: Mutex::default(), has_unseen: AtomicBool::new(false) }
    }

    fn take_note(&self, error: OriError) {
        match self.policy {
            HandleException::Raise => {
                let mut unseen = self.unseen();
                unseen.push_back(error);
                self.has_unseen.store(true, Ordering::Release);
            }
            HandleException::Silent => {}
            HandleException::Warn => self.warn(&error),
        }
    }

    fn raise(&self) -> Result<()> {
        if !self.has_unseen.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut unseen = self.unseen();
        let first = unseen.pop_front();
        self.has_unseen.store(!unseen.is_empty(), Ordering::Release);
        first.map_or(Ok(()), Err)
    }

    fn warn(&self, error: &OriError) {
        match &self.warn {
            // The panic has been printed; there is nobody else to tell.
            Some(function) => drop(catch_panic(|| function(error))),
            None => report::unseen("an aproc failed", error),
        }
    }

    fn unseen(&self) -> MutexGuard<'_, VecDeque<OriError>> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        while let Err(error) = self.raise() {
            self.warn(&error);
        }
    }
}

/// What an aproc may give: nothing, or a `Result`, whose value is thrown away.
///
/// ```
/// use mt_aio::AprocOutput;
///
/// assert!(().into_result().is_ok());
/// assert!("x".parse::<u8>().into_result().is_err());
/// ```
pub trait AprocOutput {
    /// The failure, if it is one.
    ///
    /// # Errors
    /// The error of a `Result`, as an [`OriError`].
    ///
    /// ```
    /// # use mt_aio::AprocOutput;
    /// assert!(Ok::<u8, String>(1).into_result().is_ok());
    /// ```
    fn into_result(self) -> Result<()>;
}

impl AprocOutput for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

/// An aproc that never ends, or only by a panic.
impl AprocOutput for never::Never {
    fn into_result(self) -> Result<()> {
        self
    }
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> AprocOutput for Result<T, E> {
    fn into_result(self) -> Result<()> {
        let error = match self {
            Ok(_) => return Ok(()),
            Err(error) => error.into(),
        };
        Err(match error.downcast::<OriError>() {
            Ok(error) => *error,
            Err(error) => match error.downcast::<JoinError>() {
                Ok(error) => ended_early(*error),
                Err(error) => OriError::new(ErrorKind::Task, "an aproc failed").with_source(error),
            },
        })
    }
}

/// A task that panicked or was aborted, while a manager waited for its handle.
fn ended_early(error: JoinError) -> OriError {
    match error.try_into_panic() {
        Ok(payload) => catch_panic(|| std::panic::resume_unwind(payload)).unwrap_err(),
        Err(error) => OriError::new(ErrorKind::Cancelled, "the task was aborted").with_source(error),
    }
}

/// A name for the type of `loop {}`, which has none of its own in stable Rust.
mod never {
    pub(super) type Never = <fn() -> ! as Returns>::Value;

    #[expect(unnameable_types, reason = "only the type that it leads to is for others")]
    pub trait Returns {
        type Value;
    }

    impl<T> Returns for fn() -> T {
        type Value = T;
    }
}
