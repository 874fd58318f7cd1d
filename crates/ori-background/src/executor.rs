//! [`Executor`]: whatever can run jobs on threads other than the caller's.
//!
//! Everything of Ori that runs user code on threads goes through this one interface: the wrappers
//! of `run_in_background`, and each stage of a pool chain. The interface is as small as it can
//! be, so that any pool fits: a job is a boxed closure that carries its own result channel,
//! cancellation and panic handling, and resolves its future even when it is dropped unrun.

use std::sync::Arc;

use ori_errors::Result;

/// One piece of work for an [`Executor`]: run it once, or drop it.
///
/// A job of Ori does not unwind: it catches the panics of user code. A job that is dropped before
/// it ran resolves its future as [`Cancelled`](ori_errors::ErrorKind::Cancelled).
///
/// ```
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let job: ori_background::Job = Box::new(move || sender.send(1).unwrap());
/// job();
/// assert_eq!(receiver.recv().unwrap(), 1);
/// ```
pub type Job = Box<dyn FnOnce() + Send + 'static>;

/// How a pool ends.
///
/// ```
/// use ori_background::{Shutdown, ThreadPool};
/// let pool = ThreadPool::builder().build()?;
/// pool.shutdown(Shutdown::Wait);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[non_exhaustive]
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Run everything that was submitted, then return.
    Wait,
    /// Cancel what has not started, wait for what is running, then return.
    CancelPending,
    /// Cancel what has not started and return at once; what is running finishes on its own.
    Abandon,
}

impl Shutdown {
    /// The word for a subscriber.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::CancelPending => "cancel pending",
            Self::Abandon => "abandon",
        }
    }
}

/// Runs jobs on threads of its own.
///
/// Implement it for a pool you already have, and hand that pool to
/// [`run_in_background`](crate::run_in_background) or to `PoolChain::add`. What drop does is the
/// executor's own affair, but a job must be run or dropped in the end: a job that is kept for ever
/// leaves somebody waiting for ever.
///
/// ```
/// use ori_background::{Executor, Job, run_in_background};
/// use ori_errors::{ErrorKind, OriError, Result};
///
/// /// Starts a thread for each job.
/// struct NewThread;
///
/// impl Executor for NewThread {
///     fn execute(&self, job: Job) -> Result<()> {
///         match std::thread::Builder::new().spawn(job) {
///             Ok(_) => Ok(()),
///             Err(error) => Err(OriError::new(ErrorKind::Spawn, "no thread").with_source(error)),
///         }
///     }
///
///     fn max_workers(&self) -> usize {
///         usize::MAX
///     }
/// }
///
/// let add = run_in_background(|a: i32, b: i32| a + b, NewThread)?;
/// assert_eq!(add(1, 2).result()?, 3);
/// # Ok::<(), OriError>(())
/// ```
pub trait Executor: Send + Sync + 'static {
    /// Takes `job` to run it once, soon, on a thread other than the caller's. Must not wait for
    /// other jobs to end: the engine of a chain calls this between two items.
    ///
    /// # Errors
    /// An error of the executor's choice when it cannot take the job (kind
    /// [`Closed`](ori_errors::ErrorKind::Closed) after a shutdown,
    /// [`QueueFull`](ori_errors::ErrorKind::QueueFull) when bounded); the job is dropped.
    fn execute(&self, job: Job) -> Result<()>;

    /// How many jobs can run at the same time, at least 1. A chain's stage uses it as its number
    /// of workers unless told otherwise. Default: the number of processors.
    fn max_workers(&self) -> usize {
        ori_worker::processors()
    }

    /// Ends the executor, for `Background::shutdown`. Default: does nothing, for executors that
    /// are shared with others.
    fn shutdown(&self, how: Shutdown) {
        let _ = how;
    }
}

impl<E: Executor + ?Sized> Executor for Arc<E> {
    fn execute(&self, job: Job) -> Result<()> {
        (**self).execute(job)
    }

    fn max_workers(&self) -> usize {
        (**self).max_workers()
    }

    fn shutdown(&self, how: Shutdown) {
        (**self).shutdown(how);
    }
}
