//! [`ProcessPool`]: functions in worker processes.
//!
//! The workers and their conductor are those of `ori-worker`; here are the futures, the wrappers
//! and the options. Values are encoded on the thread that submits and decoded on the thread that
//! takes the result.
//!
//! | module | what lives there |
//! |---|---|
//! | `builder` | [`ProcessPoolBuilder`], the options |
//! | `call` | one call and its future |
//! | `function` | [`run_in_background_process`] |
//! | `map` | [`ProcessMap`], a function over an iterator |

mod builder;
mod call;
mod function;
mod map;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ori_errors::Result;
use ori_worker::{Conductor, Job, Sink, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::ProcessPoolBuilder;
pub use function::{ProcessFn, run_in_background_process};
pub use map::ProcessMap;

use crate::{BackgroundFuture, Shutdown, ThreadPool};

/// Runs functions in worker processes, which are this same program, started again.
///
/// A worker that aborts, overflows its stack, is killed or eats all memory costs the one item that
/// it was running; it is replaced, and everything else goes on. Workers are started when work comes
/// and none is idle, up to [`max_workers`](ProcessPoolBuilder::max_workers), and kept until the
/// pool ends.
///
/// `main` must begin with `ori_worker::init()` (`ori::init()`). Functions are `fn` items or closures
/// that capture nothing; arguments and results are serialized with serde, in a format that does
/// not describe itself (postcard), so types that need to look ahead (`serde_json::Value`,
/// untagged enums) do not fit. Bytes travel fastest as [`Payload`](ori_worker::Payload).
///
/// A clone is another handle to the same pool. Dropping the last handle cancels what is not done,
/// kills the workers that are busy, and returns when all are gone: after a fraction of a second.
/// (Python's executor runs all that is queued first; for that, call [`shutdown`](Self::shutdown)
/// with [`Shutdown::Wait`].)
///
/// ```no_run
/// use ori_background::ProcessPool;
///
/// fn main() -> ori_errors::Result<()> {
///     ori_worker::init();
///     let pool = ProcessPool::builder().max_workers(2).build()?;
///     let square = pool.submit(|n: u64| n * n, 12);
///     assert_eq!(square.result()?, 144);
///     Ok(())
/// }
/// ```
#[doc(alias = "ProcessPoolExecutor")]
#[derive(Clone)]
pub struct ProcessPool {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    conductor: Conductor,
    max_workers: usize,
    task_timeout: Option<Duration>,
    retries: u32,
    /// Where the callbacks of futures run: user code has no place on the conductor.
    callbacks: ThreadPool,
}

impl ProcessPool {
    /// The options of a pool, with their defaults.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().max_workers(2);
    /// ```
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }

    /// Runs `f` with `argument` in a worker process. Several arguments are one tuple.
    ///
    /// What goes wrong comes out of the future: a panic of `f` (`Panicked`), the death of its
    /// worker (`WorkerLost`), a time limit (`TimedOut`), a value that cannot be encoded or decoded
    /// (`Codec`), a pool that was shut down (`Closed`). Cancelling the future stops the worker
    /// when it runs this.
    ///
    /// ```no_run
    /// # fn main() -> ori_errors::Result<()> {
    /// # ori_worker::init();
    /// let pool = ori_background::ProcessPool::builder().build()?;
    /// let sum = pool.submit(|(a, b): (u32, u32)| a + b, (1, 2));
    /// assert_eq!(sum.result()?, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit<A, R, F>(&self, f: F, argument: A) -> BackgroundFuture<R>
    where
        F: Fn(A) -> R + Copy + Send + Sync + 'static,
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.call(Task::new(f), &(argument,))
    }

    fn call<Args: Serialize, R>(&self, task: Task, arguments: &Args) -> BackgroundFuture<R>
    where
        R: DeserializeOwned + Send + 'static,
    {
        call::start(&self.inner, task, arguments)
    }

    /// Calls `f` for each item, several at a time, and gives the results in input order: each its
    /// value or its error.
    ///
    /// Begins at once and reads a bounded number of items ahead of what was taken, so that the
    /// input may be endless; `items` is read on the caller's thread. Items travel in batches, the
    /// first of which has one item; then their size follows the time that they take.
    ///
    /// ```no_run
    /// # fn main() -> ori_errors::Result<()> {
    /// # ori_worker::init();
    /// let pool = ori_background::ProcessPool::builder().build()?;
    /// let squares = pool.map(|n: u64| n * n, 1..).take(3).collect::<ori_errors::Result<Vec<_>>>()?;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<A, R, F, I>(&self, f: F, items: I) -> ProcessMap<I::IntoIter, R>
    where
        F: Fn(A) -> R + Copy + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        ProcessMap::new(self.clone(), Task::new(f), None, items.into_iter())
    }

    /// As [`map`](Self::map), with a context that is sent to each worker once.
    ///
    /// # Errors
    /// `Codec` when the context cannot be encoded.
    ///
    /// ```no_run
    /// # fn main() -> ori_errors::Result<()> {
    /// # ori_worker::init();
    /// let pool = ori_background::ProcessPool::builder().build()?;
    /// let words = vec!["a".to_owned(), "b".to_owned()];
    /// let found = pool.map_with(words, |words: &Vec<String>, n: usize| words[n].clone(), [1, 0])?;
    /// assert_eq!(found.collect::<ori_errors::Result<Vec<_>>>()?, ["b", "a"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_with<C, A, R, F, I>(&self, context: C, f: F, items: I) -> Result<ProcessMap<I::IntoIter, R>>
    where
        F: Fn(&C, A) -> R + Copy + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
        C: Serialize + DeserializeOwned + 'static,
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        let context = self.inner.conductor.context(Task::init(|context: C| context), &context)?;
        let task = Task::with_state(move |context: &mut C, item: A| f(context, item));
        Ok(ProcessMap::new(self.clone(), task, Some(context), items.into_iter()))
    }

    /// The process ids of the workers, those that are starting included.
    ///
    /// ```no_run
    /// # ori_worker::init();
    /// let pool = ori_background::ProcessPool::builder().build()?;
    /// assert!(pool.worker_pids().is_empty());
    /// pool.submit(|n: u8| n, 1).result()?;
    /// assert_eq!(pool.worker_pids().len(), 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        self.inner.conductor.worker_pids()
    }

    /// The most workers at a time.
    ///
    /// ```no_run
    /// # ori_worker::init();
    /// let pool = ori_background::ProcessPool::builder().max_workers(3).build()?;
    /// assert_eq!(pool.max_workers(), 3);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn max_workers(&self) -> usize {
        self.inner.max_workers
    }

    /// Ends the pool, for all its handles: submitting afterwards is
    /// [`Closed`](ori_errors::ErrorKind::Closed). When it returns, the workers are gone.
    ///
    /// [`Wait`](Shutdown::Wait) runs everything that was submitted,
    /// [`CancelPending`](Shutdown::CancelPending) what workers have already. With
    /// [`Abandon`](Shutdown::Abandon) every future that is not done is
    /// [`Cancelled`](ori_errors::ErrorKind::Cancelled) at once: what runs in a process can be
    /// stopped, and is.
    ///
    /// ```no_run
    /// # ori_worker::init();
    /// use ori_background::{ProcessPool, Shutdown};
    /// let pool = ProcessPool::builder().build()?;
    /// let future = pool.submit(|n: u8| n + 1, 1);
    /// pool.shutdown(Shutdown::Wait);
    /// assert!(future.is_done());
    /// # future.detach();
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) {
        match how {
            Shutdown::Wait => self.inner.conductor.finish(),
            Shutdown::CancelPending => self.inner.conductor.cancel_pending(),
            Shutdown::Abandon => self.inner.conductor.abandon(),
        }
    }
}

impl Inner {
    fn job(&self, task: Task, sink: Arc<dyn Sink>) -> Job {
        Job::new(task, sink).with_limit(self.task_timeout).with_retries(self.retries)
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool")
            .field("max_workers", &self.inner.max_workers)
            .field("worker_pids", &self.worker_pids())
            .finish()
    }
}
