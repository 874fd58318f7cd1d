//! [`Portal`]: from any thread into a runtime that runs elsewhere.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;

use crate::call::sync;
use crate::place::on_scheduler_thread;

/// A way into a running tokio runtime, for threads that are outside of it.
///
/// Made inside the runtime, given to any thread. Cheap to clone. Dropping it does nothing, and holding it does
/// not keep the runtime alive. Into a current-thread runtime that nobody runs (no thread is in its `block_on`)
/// everything waits until somebody does.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let portal = ori_bridge::Portal::current()?;
/// let thread = std::thread::spawn(move || portal.call(async || 1 + 1));
/// let value = ori_bridge::unblock(|| thread.join().unwrap()).await??;
/// assert_eq!(value, 2);
/// # Ok::<(), ori_bridge::OriError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
#[must_use = "a portal does nothing until something is sent through"]
pub struct Portal {
    handle: Handle,
}

impl Portal {
    /// The way into the runtime that the caller is in.
    ///
    /// # Errors
    /// `Unsupported` outside of a tokio runtime.
    ///
    /// ```
    /// assert!(ori_bridge::Portal::current().is_err());
    /// ```
    pub fn current() -> Result<Self> {
        let handle = Handle::try_current().map_err(|error| {
            OriError::new(ErrorKind::Unsupported, "there is no tokio runtime here to make a portal to")
                .with_source(error)
        })?;
        Ok(Self { handle })
    }

    /// Calls an async function in the runtime and blocks until its value is there.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let portal = ori_bridge::Portal::from(runtime.handle().clone());
    /// assert_eq!(portal.call(async || "from the runtime").unwrap(), "from the runtime");
    /// ```
    ///
    /// # Errors
    /// `WouldDeadlock` on the thread of the current-thread runtime that it leads to. `Panicked` when the function
    /// panics. `Cancelled` when the runtime was shut down before the function was ready.
    pub fn call<F, Fut>(&self, f: F) -> Result<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        let here = Handle::try_current().is_ok_and(|current| current.id() == self.handle.id());
        if here && self.handle.runtime_flavor() == RuntimeFlavor::CurrentThread && on_scheduler_thread() {
            let message = "the call would block the thread that has to run it; await the function instead";
            return Err(OriError::new(ErrorKind::WouldDeadlock, message));
        }
        self.spawn(f).result()
    }

    /// Starts an async function in the runtime and goes on.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let portal = ori_bridge::Portal::from(runtime.handle().clone());
    /// let task = portal.spawn(async || 6 * 7);
    /// assert_eq!(task.result().unwrap(), 42);
    /// ```
    pub fn spawn<F, Fut>(&self, f: F) -> PortalTask<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        // `f` is called in there too: it may need the runtime, and its panic is one of the function.
        let whole = async move { f().await };
        PortalTask { task: self.handle.spawn(Caught { future: Box::pin(whole) }) }
    }
}

/// The way into this runtime.
impl From<Handle> for Portal {
    fn from(handle: Handle) -> Self {
        Self { handle }
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("runtime", &self.handle.id()).finish()
    }
}

/// An async function that runs in the runtime behind a [`Portal`].
///
/// Await it in any runtime, or block for its [`result`](Self::result). Dropping it lets the function run on.
///
/// ```
/// # let runtime = tokio::runtime::Runtime::new().unwrap();
/// let portal = ori_bridge::Portal::from(runtime.handle().clone());
/// let tasks: Vec<_> = (0..3).map(|n| portal.spawn(async move || n * n)).collect();
/// let values: Vec<i32> = tasks.into_iter().map(|task| task.result().unwrap()).collect();
/// assert_eq!(values, [0, 1, 4]);
/// ```
#[must_use = "its result tells whether it worked; drop it explicitly to let it run on unobserved"]
pub struct PortalTask<T> {
    task: JoinHandle<Result<T>>,
}

impl<T: Send> PortalTask<T> {
    /// Blocks until the function is ready.
    ///
    /// # Errors
    /// `Panicked` when the function panicked, `Cancelled` after [`cancel`](Self::cancel) and when the
    /// runtime was shut down.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let portal = ori_bridge::Portal::from(runtime.handle().clone());
    /// let error = portal.spawn(async || panic!("no")).result().unwrap_err();
    /// assert_eq!(error.panic_message(), Some("no"));
    /// ```
    pub fn result(self) -> Result<T> {
        sync(self)
    }
}

impl<T> PortalTask<T> {
    /// Asks the runtime to drop the function at its next `.await`. Does nothing once it is ready.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let portal = ori_bridge::Portal::from(runtime.handle().clone());
    /// let task = portal.spawn(|| std::future::pending::<()>());
    /// task.cancel();
    /// assert!(task.result().is_err());
    /// ```
    pub fn cancel(&self) {
        self.task.abort();
    }
}

/// Gives the function's value.
///
/// # Cancel safety
/// Dropping it lets the function run on.
impl<T> Future for PortalTask<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        Poll::Ready(ready!(pin!(&mut self.task).poll(cx)).unwrap_or_else(|_| {
            // Panics are caught inside, so this is an abort: by `cancel` or by the runtime's end.
            Err(OriError::new(
                ErrorKind::Cancelled,
                "cancelled, or its runtime was shut down, before it was ready",
            ))
        }))
    }
}

impl<T> fmt::Debug for PortalTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalTask").field("finished", &self.task.is_finished()).finish_non_exhaustive()
    }
}

/// A future whose panics are values.
struct Caught<F> {
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_panic(|| self.future.as_mut().poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
