//! [`run_in_background_process`]: a function becomes one that returns at once.

use std::sync::Arc;

use ori_errors::{ErrorKind, OriError, Result};
use ori_worker::{Task, TaskFn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ProcessPool;
use crate::{Background, BackgroundFn, BackgroundFuture, Executor, Job, RunsInBackground, Shutdown};

/// Makes `f` run in worker processes: calling the result takes the arguments of `f`, starts the call
/// in a worker and gives a [`BackgroundFuture`].
///
/// The calls have a [`ProcessPool`] of their own, with default options; with
/// [`run_in_background`](crate::run_in_background) they use one that you made. The pool lives as long
/// as the result of this function: keep it until you have the results of its calls, for its drop
/// cancels them. `f` is a `fn` item or a closure that captures nothing.
///
/// # Errors
/// `NoInteractiveProcessPools` where worker processes cannot be started: `main` must begin with
/// `init()`. Nothing has been started then. What goes wrong in a call comes out of its future.
///
/// ```no_run
/// use ori_background::run_in_background_process;
///
/// fn main() -> ori_errors::Result<()> {
///     ori_worker::init();
///     let add = run_in_background_process(|a: i32, b: i32| a + b)?;
///     assert_eq!(add(1, 2).result()?, 3);
///     Ok(())
/// }
/// ```
///
/// A closure that captures does not compile:
/// ```compile_fail
/// let step = std::env::args().count();
/// let add = ori_background::run_in_background_process(move |n: usize| n + step);
/// ```
pub fn run_in_background_process<Args, F: ProcessFn<Args>>(f: F) -> Result<Background<F::Wrapper>> {
    ProcessPool::builder().build()?.wrap(f)
}

/// A function of 0 to 8 arguments that can run in a worker process: a `fn` item or a closure that
/// captures nothing, whose arguments and result can be serialized.
///
/// `Args` is the tuple of the arguments. Implemented for all such functions, by nothing else.
///
/// ```
/// fn check<Args>(_: impl ori_background::ProcessFn<Args>) {}
/// check(|a: u32, b: String| b.len() + a as usize);
/// ```
pub trait ProcessFn<Args>: BackgroundFn<Args> + TaskFn<Args> {
    #[doc(hidden)]
    fn wrap_in(self, pool: ProcessPool) -> Arc<Self::Wrapper>;
}

macro_rules! process_fn {
    ($($A:ident $argument:ident)*) => {
        impl<F, R, $($A),*> ProcessFn<($($A,)*)> for F
        where
            F: Fn($($A),*) -> R + Copy + Send + Sync + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
            $($A: Serialize + DeserializeOwned + Send + 'static,)*
        {
            fn wrap_in(self, pool: ProcessPool) -> Arc<Self::Wrapper> {
                let task = Task::new::<($($A,)*), F>(self);
                Arc::new(move |$($argument: $A),*| -> BackgroundFuture<R> {
                    pool.call(task, &($($argument,)*))
                })
            }
        }
    };
}

process_fn!();
process_fn!(A a);
process_fn!(A a B b);
process_fn!(A a B b C c);
process_fn!(A a B b C c D d);
process_fn!(A a B b C c D d E e);
process_fn!(A a B b C c D d E e G g);
process_fn!(A a B b C c D d E e G g H h);
process_fn!(A a B b C c D d E e G g H h I i);

impl<Args, F: ProcessFn<Args>> RunsInBackground<Args, F> for ProcessPool {
    fn wrap(self, f: F) -> Result<Background<F::Wrapper>> {
        let executor = Arc::new(Processes(self.clone()));
        Ok(Background::new(f.wrap_in(self), executor))
    }
}

/// What `Background::executor` shows of a process pool.
struct Processes(ProcessPool);

impl Executor for Processes {
    fn execute(&self, _job: Job) -> Result<()> {
        let message = "a closure cannot be sent to another process; submit a function to the `ProcessPool`";
        Err(OriError::new(ErrorKind::Unsupported, message))
    }

    fn max_workers(&self) -> usize {
        self.0.max_workers()
    }

    fn shutdown(&self, how: Shutdown) {
        self.0.shutdown(how);
    }
}
