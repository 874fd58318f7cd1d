//! [`run_in_background`]: a function becomes one that returns at once.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use ori_errors::Result;

use crate::{BackgroundFuture, Executor, Shutdown, ThreadPool};

/// Makes `f` run on threads: calling the result takes the arguments of `f`, starts the call in the
/// background and gives a [`BackgroundFuture`].
///
/// The calls have a [`ThreadPool`] of their own, with default options; with
/// [`run_in_background`] they use one that you made. The pool lives as long as the result of this
/// function: keep it until you have the results of its calls, for its drop cancels those that have not
/// begun. The types of a closure's arguments must be written out.
///
/// # Errors
/// None for threads today; the wrapper for worker processes, which has the same shape, has some.
/// What goes wrong in a call, or when a thread cannot be started, comes out of its future.
///
/// ```
/// use ori_background::run_in_background_thread;
///
/// let add = run_in_background_thread(|a: i32, b: i32| a + b)?;
/// assert_eq!(add(1, 2).result()?, 3);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub fn run_in_background_thread<Args, F: BackgroundFn<Args>>(f: F) -> Result<Background<F::Wrapper>> {
    run_in_background(f, ThreadPool::builder().build()?)
}

/// As [`run_in_background_thread`], with the executor of your choice: a [`ThreadPool`] or a
/// [`ProcessPool`](crate::ProcessPool) with options, or your own [`Executor`].
///
/// # Errors
/// None for threads today; see [`run_in_background_thread`].
///
/// ```
/// use ori_background::{ThreadPool, run_in_background};
///
/// fn length(text: String) -> usize {
///     text.len()
/// }
///
/// let pool = ThreadPool::builder().max_workers(4).thread_name("measure").build()?;
/// let length = run_in_background(length, pool)?;
/// let lengths = ["a", "bc"].map(|text| length(text.to_owned()));
/// assert_eq!(lengths.into_iter().map(|n| n.result()).collect::<Result<Vec<_>, _>>()?, [1, 2]);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub fn run_in_background<Args, F, E>(f: F, executor: E) -> Result<Background<F::Wrapper>>
where
    F: BackgroundFn<Args>,
    E: RunsInBackground<Args, F>,
{
    executor.wrap(f)
}

/// What [`run_in_background`] takes for the function `F`: any [`Executor`], and a
/// [`ProcessPool`](crate::ProcessPool) when `F` can run in a process.
///
/// ```
/// use ori_background::{RunsInBackground, ThreadPool};
/// fn check<Args, F, E: RunsInBackground<Args, F>>(_: F, _: E)
/// where
///     F: ori_background::BackgroundFn<Args>,
/// {
/// }
/// check(|n: u32| n + 1, ThreadPool::builder().build()?);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub trait RunsInBackground<Args, F: BackgroundFn<Args>> {
    #[doc(hidden)]
    fn wrap(self, f: F) -> Result<Background<F::Wrapper>>;
}

impl<Args, F: BackgroundFn<Args>, E: Executor> RunsInBackground<Args, F> for E {
    fn wrap(self, f: F) -> Result<Background<F::Wrapper>> {
        let executor: Arc<dyn Executor> = Arc::new(self);
        Ok(Background::new(f.wrap(Arc::clone(&executor)), executor))
    }
}

/// A function whose calls run in the background.
///
/// Call it with exactly the arguments of the function: it derefs to
/// `dyn Fn(A, B, ..) -> BackgroundFuture<R>`. A clone calls the same function on the same executor.
/// Dropping the last clone drops its executor; a [`ThreadPool`] of which this was the last handle
/// cancels the calls that have not begun, so keep the wrapper until you have their results.
///
/// ```
/// use ori_background::run_in_background_thread;
///
/// let shout = run_in_background_thread(|text: &'static str| text.to_uppercase())?;
/// let futures = ["a", "b"].map(|text| shout(text));
/// for future in futures {
///     println!("{}", future.result()?);
/// }
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[must_use = "call it"]
pub struct Background<W: ?Sized> {
    call: Arc<W>,
    executor: Arc<dyn Executor>,
}

impl<W: ?Sized> Background<W> {
    pub(crate) fn new(call: Arc<W>, executor: Arc<dyn Executor>) -> Self {
        Self { call, executor }
    }

    /// What runs the calls.
    ///
    /// ```
    /// use ori_background::{ThreadPool, run_in_background};
    /// let pool = ThreadPool::builder().max_workers(3).build()?;
    /// let double = run_in_background(|n: u32| n * 2, pool)?;
    /// assert_eq!(double.executor().max_workers(), 3);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn executor(&self) -> &dyn Executor {
        &*self.executor
    }

    /// Runs the calls that were made, then ends the executor, as [`Shutdown::Wait`] says; for
    /// another way, `executor().shutdown(..)`.
    ///
    /// Blocks until all calls are over; an executor of your own does what its
    /// [`shutdown`](Executor::shutdown) does. Later calls give
    /// [`Closed`](ori_errors::ErrorKind::Closed).
    ///
    /// ```
    /// let double = ori_background::run_in_background_thread(|n: u32| n * 2)?;
    /// let four = double(2);
    /// double.shutdown();
    /// assert!(four.is_done());
    /// # assert_eq!(four.result()?, 4);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn shutdown(&self) {
        self.executor.shutdown(Shutdown::Wait);
    }
}

impl<W: ?Sized> Deref for Background<W> {
    type Target = W;

    fn deref(&self) -> &W {
        &self.call
    }
}

impl<W: ?Sized> Clone for Background<W> {
    fn clone(&self) -> Self {
        Self { call: Arc::clone(&self.call), executor: Arc::clone(&self.executor) }
    }
}

impl<W: ?Sized> fmt::Debug for Background<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("max_workers", &self.executor.max_workers())
            .finish_non_exhaustive()
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "so that only this crate can implement `BackgroundFn`")]
    pub trait Sealed<Args> {}
}

/// A function of 0 to 8 arguments that can run in the background: anything that is
/// `Fn(A, B, ..) -> R + Send + Sync + 'static`, where arguments and result are `Send + 'static`.
///
/// `Args` is the tuple of the arguments. Implemented for all such functions, by nothing else.
///
/// ```
/// use ori_background::{Background, BackgroundFn, ThreadPool, run_in_background};
///
/// fn with_one_worker<Args, F: BackgroundFn<Args>>(f: F) -> ori_errors::Result<Background<F::Wrapper>> {
///     run_in_background(f, ThreadPool::builder().max_workers(1).build()?)
/// }
/// assert_eq!(with_one_worker(|| 7)?().result()?, 7);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub trait BackgroundFn<Args>: sealed::Sealed<Args> {
    /// `dyn Fn(A, B, ..) -> BackgroundFuture<R> + Send + Sync`.
    type Wrapper: ?Sized + Send + Sync + 'static;

    #[doc(hidden)]
    fn wrap(self, executor: Arc<dyn Executor>) -> Arc<Self::Wrapper>;
}

macro_rules! background_fn {
    ($($A:ident $argument:ident)*) => {
        impl<F, R, $($A),*> sealed::Sealed<($($A,)*)> for F
        where
            F: Fn($($A),*) -> R + Send + Sync + 'static,
        {
        }

        impl<F, R, $($A),*> BackgroundFn<($($A,)*)> for F
        where
            F: Fn($($A),*) -> R + Send + Sync + 'static,
            R: Send + 'static,
            $($A: Send + 'static,)*
        {
            type Wrapper = dyn Fn($($A),*) -> BackgroundFuture<R> + Send + Sync;

            fn wrap(self, executor: Arc<dyn Executor>) -> Arc<Self::Wrapper> {
                let f = Arc::new(self);
                Arc::new(move |$($argument: $A),*| {
                    let f = Arc::clone(&f);
                    BackgroundFuture::submit(&*executor, move || f($($argument),*))
                })
            }
        }
    };
}

background_fn!();
background_fn!(A a);
background_fn!(A a B b);
background_fn!(A a B b C c);
background_fn!(A a B b C c D d);
background_fn!(A a B b C c D d E e);
background_fn!(A a B b C c D d E e G g);
background_fn!(A a B b C c D d E e G g H h);
background_fn!(A a B b C c D d E e G g H h I i);
