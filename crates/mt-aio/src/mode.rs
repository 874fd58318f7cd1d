//! Running one function in either mode: [`srun`], [`arun`], [`arun2`], [`Asynch`], [`Suspended`].
//!
//! An *asyn* function is an `async fn` whose last argument is a [`Context`]. Given a context in
//! sync mode it never suspends, so polling it once runs it from beginning to end: that is all
//! that [`srun`] does. An *asynch* function is a plain `fn` that returns an [`Asynch`]: the value
//! itself, or a future of it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{self, Poll, Waker, ready};

use ori_errors::{ErrorKind, OriError};

use crate::Context;

/// Runs an asyn function in sync mode, on the calling thread, without a runtime.
///
/// Works anywhere: in `main`, on a thread of a pool, also inside a runtime (where it blocks the
/// thread for as long as the function takes).
///
/// # Errors
/// Whatever `f` returns. A function that suspends, although the context says sync mode, is ended
/// and gives [`Suspended`], which names the line that called `srun`; the original gave `None`
/// without a word.
///
/// ```
/// use mt_aio::{Context, OriError, srun};
///
/// async fn twice(n: u32, _cx: &Context) -> Result<u32, OriError> {
///     Ok(n * 2)
/// }
///
/// assert_eq!(srun(async |cx| twice(21, cx).await).unwrap(), 42);
///
/// let error: OriError = srun(async |_| Ok(std::future::pending::<()>().await)).unwrap_err();
/// assert_eq!(error.kind(), mt_aio::ErrorKind::Suspended);
/// ```
#[track_caller]
pub fn srun<T, E>(f: impl AsyncFnOnce(&Context) -> Result<T, E>) -> Result<T, E>
where
    E: From<Suspended>,
{
    srun_with(Context::sync(), f)
}

/// [`srun`] with values for the function's context: the original's `extra_context_vars`.
///
/// The function runs in sync mode, whatever the mode of `cx`.
///
/// # Errors
/// As [`srun`].
///
/// ```
/// use mt_aio::{Context, OriError, srun_with};
///
/// let cx = Context::asynchronous().with("hello");
/// let length = srun_with(cx, async |cx| {
///     assert!(!cx.is_async());
///     Ok::<_, OriError>(cx.get::<&str>().map_or(0, |text| text.len()))
/// });
/// assert_eq!(length.unwrap(), 5);
/// ```
#[track_caller]
pub fn srun_with<T, E>(cx: Context, f: impl AsyncFnOnce(&Context) -> Result<T, E>) -> Result<T, E>
where
    E: From<Suspended>,
{
    poll_once(f(&cx.into_sync()))
}

/// Calls an asyn function from an asynch one: runs it at once in sync mode, hands back its future
/// in async mode.
///
/// # Errors
/// In sync mode, a function that suspends gives [`Suspended`] as [`srun`] does.
///
/// ```
/// use mt_aio::{Asynch, Context, OriError, arun};
///
/// async fn half(n: u32, _cx: &Context) -> Result<u32, OriError> {
///     Ok(n / 2)
/// }
///
/// // A plain function: callers that know nothing of async use it as ever.
/// fn quarter(n: u32, cx: &Context) -> Asynch<Result<u32, OriError>, impl Future<Output = Result<u32, OriError>>> {
///     arun(cx, move |cx| async move { half(half(n, cx).await?, cx).await })
/// }
///
/// assert_eq!(quarter(8, &Context::sync()).now().unwrap(), 2);
/// # futures_lite::future::block_on(async {
/// assert_eq!(quarter(8, &Context::asynchronous()).await.unwrap(), 2);
/// # });
/// ```
#[track_caller]
pub fn arun<'cx, T, E, F>(
    cx: &'cx Context,
    asyn_fn: impl FnOnce(&'cx Context) -> F,
) -> Asynch<Result<T, E>, F>
where
    F: Future<Output = Result<T, E>>,
    E: From<Suspended>,
{
    let future = asyn_fn(cx);
    if cx.is_async() { Asynch::Later(future) } else { Asynch::Now(poll_once(future)) }
}

/// Calls an asynch function from an asyn one: gives its value in both modes.
///
/// `asynch` is the asynch function, or what it returned.
///
/// # Cancel safety
/// As cancel-safe as the future that the asynch function returns.
///
/// ```
/// use mt_aio::{Asynch, Context, OriError, arun2, srun};
///
/// fn answer(cx: &Context) -> Asynch<u32, std::future::Ready<u32>> {
///     if cx.is_async() { Asynch::Later(std::future::ready(42)) } else { Asynch::Now(42) }
/// }
///
/// async fn twice(cx: &Context) -> Result<u32, OriError> {
///     Ok(arun2(answer, cx).await + arun2(answer(cx), cx).await)
/// }
///
/// assert_eq!(srun(twice).unwrap(), 84);
/// ```
pub async fn arun2<'cx, T, M>(asynch: impl AsynchCall<'cx, M, Output = T>, cx: &'cx Context) -> T {
    asynch.call(cx).await
}

/// What [`arun2`] takes: an asynch function, or the [`Asynch`] that one returned.
///
/// Implemented for both; `M` only keeps the two apart.
pub trait AsynchCall<'cx, M> {
    /// The value in the end.
    type Output;
    /// What gives the value.
    type Future: IntoFuture<Output = Self::Output>;

    /// Calls the function, in the mode of `cx`.
    ///
    /// ```
    /// use mt_aio::{Asynch, AsynchCall, Context};
    /// let now: Asynch<u8, std::future::Ready<u8>> = Asynch::Now(1);
    /// assert_eq!(now.call(&Context::sync()).now(), 1);
    /// ```
    fn call(self, cx: &'cx Context) -> Self::Future;
}

impl<'cx, T, F: Future<Output = T>> AsynchCall<'cx, ()> for Asynch<T, F> {
    type Output = T;
    type Future = Self;

    fn call(self, _cx: &'cx Context) -> Self {
        self
    }
}

impl<'cx, T, F, G> AsynchCall<'cx, Asynch<T, F>> for G
where
    G: FnOnce(&'cx Context) -> Asynch<T, F>,
    F: Future<Output = T>,
{
    type Output = T;
    type Future = Asynch<T, F>;

    fn call(self, cx: &'cx Context) -> Asynch<T, F> {
        self(cx)
    }
}

/// What an asynch function returns: the value in sync mode, a future of it in async mode.
///
/// `.await` works on both. Dropping a [`Later`](Self::Later) cancels its future.
///
/// ```
/// use mt_aio::Asynch;
///
/// let now: Asynch<u32, std::future::Ready<u32>> = Asynch::Now(1);
/// let later = Asynch::Later(std::future::ready(2));
/// assert_eq!(now.now(), 1);
/// assert_eq!(futures_lite::future::block_on(async { later.await }), 2);
/// ```
#[must_use = "in async mode nothing happens until it is awaited"]
#[derive(Debug)]
pub enum Asynch<T, F> {
    /// The value: the function ran in sync mode.
    Now(T),
    /// A future of the value: the function was called in async mode.
    Later(F),
}

impl<T, F> Asynch<T, F> {
    /// The value, in sync mode.
    ///
    /// # Panics
    /// When the function was called in async mode, and so has not run: use `.await` there.
    ///
    /// ```
    /// let asynch: mt_aio::Asynch<u8, ()> = mt_aio::Asynch::Now(7);
    /// assert_eq!(asynch.now(), 7);
    /// ```
    #[track_caller]
    pub fn now(self) -> T {
        match self {
            Self::Now(value) => value,
            Self::Later(_) => panic!("called in async mode: `.await` the result instead of `.now()`"),
        }
    }
}

impl<T, F: Future<Output = T>> IntoFuture for Asynch<T, F> {
    type Output = T;
    type IntoFuture = AsynchFuture<T, F>;

    fn into_future(self) -> AsynchFuture<T, F> {
        match self {
            Self::Now(value) => AsynchFuture { state: State::Now { value: Some(value) } },
            Self::Later(future) => AsynchFuture { state: State::Later { future } },
        }
    }
}

pin_project_lite::pin_project! {
    /// The future of an [`Asynch`]: ready at once when the value is there.
    #[must_use = "futures do nothing until they are awaited"]
    #[derive(Debug)]
    pub struct AsynchFuture<T, F> {
        #[pin]
        state: State<T, F>,
    }
}

pin_project_lite::pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<T, F> {
        Now { value: Option<T> },
        Later { #[pin] future: F },
    }
}

impl<T, F: Future<Output = T>> Future for AsynchFuture<T, F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<T> {
        Poll::Ready(match self.project().state.project() {
            StateProjection::Now { value } => value.take().expect("polled after it was ready"),
            StateProjection::Later { future } => ready!(future.poll(task)),
        })
    }
}

/// A function that was run in sync mode had to wait for something.
///
/// Becomes an [`OriError`] of kind [`Suspended`](ErrorKind::Suspended), or an
/// [`io::Error`](std::io::Error), with `?`.
///
/// ```
/// use mt_aio::{Suspended, srun};
///
/// let error = srun(async |_| Ok::<(), Suspended>(std::future::pending().await)).unwrap_err();
/// assert_eq!(error.location().file(), file!());
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Suspended {
    caller: &'static Location<'static>,
}

impl Suspended {
    /// The line that ran the function in sync mode.
    ///
    /// ```
    /// # let error = mt_aio::srun(async |_| Ok::<(), mt_aio::Suspended>(std::future::pending().await)).unwrap_err();
    /// assert!(error.location().line() > 0);
    /// ```
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.caller
    }
}

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the function that was run synchronously at {} had to wait: pass its context on to whatever it \
             awaits, or await it in a runtime with `Context::asynchronous()`",
            self.caller
        )
    }
}

impl std::error::Error for Suspended {}

impl From<Suspended> for OriError {
    fn from(suspended: Suspended) -> Self {
        Self::new(ErrorKind::Suspended, suspended.to_string())
    }
}

impl From<Suspended> for std::io::Error {
    fn from(suspended: Suspended) -> Self {
        OriError::from(suspended).into()
    }
}

#[track_caller]
fn poll_once<T, E: From<Suspended>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    // Nobody polls again, so nobody need be woken.
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Suspended { caller: Location::caller() }.into()),
    }
}
