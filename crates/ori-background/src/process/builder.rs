//! [`ProcessPoolBuilder`]: the options of a process pool.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result};
use ori_worker::{Conductor, InitializerOutcome, Task, WorkerOptions};

use super::{Inner, ProcessPool};
use crate::ThreadPool;

/// The options of a [`ProcessPool`]; made by [`ProcessPool::builder`].
///
/// ```no_run
/// # ori_worker::init();
/// use std::time::Duration;
/// let pool = ori_background::ProcessPool::builder()
///     .max_workers(4)
///     .task_timeout(Duration::from_secs(5))
///     .retries(1)
///     .build()?;
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "an option counts when `build` is called"]
pub struct ProcessPoolBuilder {
    workers: WorkerOptions,
    task_timeout: Option<Duration>,
    retries: u32,
}

impl ProcessPoolBuilder {
    pub(super) fn new() -> Self {
        Self { workers: WorkerOptions::default(), task_timeout: None, retries: 0 }
    }

    /// The most workers at a time. Default: the number of processors.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().max_workers(2);
    /// ```
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.workers.max_workers = workers;
        self
    }

    /// How long one call may run, counted while it runs, not while it waits. Default: no limit.
    ///
    /// Then its worker is killed and replaced, whatever it is doing, and the call is
    /// [`TimedOut`](ErrorKind::TimedOut). Workers are looked at in steps of an eighth of the limit,
    /// so that a call may run by that much longer.
    ///
    /// ```
    /// use std::time::Duration;
    /// let options = ori_background::ProcessPool::builder().task_timeout(Duration::from_secs(5));
    /// ```
    pub fn task_timeout(mut self, limit: Duration) -> Self {
        self.task_timeout = Some(limit);
        self
    }

    /// How many calls a worker runs before it is replaced. Default: no bound.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().max_tasks_per_worker(100);
    /// ```
    #[doc(alias = "max_tasks_per_child")]
    pub fn max_tasks_per_worker(mut self, tasks: u64) -> Self {
        self.workers.max_items_per_worker = Some(tasks);
        self
    }

    /// How many bytes a worker may have in memory (resident) after a call; one that has more is
    /// replaced. Default: no bound.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().max_memory_per_worker(512 << 20);
    /// ```
    pub fn max_memory_per_worker(mut self, bytes: u64) -> Self {
        self.workers.max_memory_per_worker = Some(bytes);
        self
    }

    /// What each worker does once, before its first call. Default: nothing.
    ///
    /// When it panics or gives an `Err`, the calls that wait fail with its message.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().initializer(|| {
    ///     // read a model, open a log ..
    /// });
    /// ```
    pub fn initializer<F, R>(mut self, f: F) -> Self
    where
        F: Fn() -> R + Copy + Send + Sync + 'static,
        R: InitializerOutcome + 'static,
    {
        self.workers.initializer = Some(Task::initializer(f));
        self
    }

    /// How often a call whose worker died, or whose time limit passed, is tried again. Default: 0.
    ///
    /// A call that returned, panicked or gave an error is never tried again.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().retries(3);
    /// ```
    pub fn retries(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    /// An environment variable of the workers, besides those of this process.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().env("OMP_NUM_THREADS", "1");
    /// ```
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.workers.env.push((key.into(), value.into()));
        self
    }

    /// Another executable for the workers. Default: this one.
    ///
    /// Its `main` begins with `init()` too, and its functions are found by name: only those under
    /// `#[ori::task]` (`#[ori_worker::task]`) can be called, and both executables must have them,
    /// from the same crate. Contexts and initializers have no names, so they do not go with it.
    ///
    /// ```
    /// let options = ori_background::ProcessPool::builder().executable("/opt/app/worker");
    /// ```
    pub fn executable(mut self, path: impl Into<PathBuf>) -> Self {
        self.workers.executable = Some(path.into());
        self
    }

    /// Standard output and standard error of each worker, made anew for each. Default: those of
    /// this process.
    ///
    /// ```
    /// use std::process::Stdio;
    /// let quiet = ori_background::ProcessPool::builder().outputs(|| Ok((Stdio::null(), Stdio::null())));
    /// ```
    pub fn outputs(
        mut self,
        make: impl Fn() -> std::io::Result<(std::process::Stdio, std::process::Stdio)> + Send + Sync + 'static,
    ) -> Self {
        self.workers.outputs = Some(Arc::new(make));
        self
    }

    /// Makes the pool. No worker is started before there is work.
    ///
    /// # Errors
    /// `Validation` when an option is zero, naming it; `NoInteractiveProcessPools` where worker
    /// processes cannot be started, with the line of code that mends it; `Spawn` when the one
    /// thread that talks to the workers cannot be started. Nothing has been started then.
    ///
    /// ```
    /// let error = ori_background::ProcessPool::builder().max_workers(0).build().unwrap_err();
    /// assert!(error.is_validation());
    /// assert!(error.to_string().contains("max_workers"));
    /// ```
    pub fn build(self) -> Result<ProcessPool> {
        let zero = [
            ("max_workers", self.workers.max_workers == 0),
            ("task_timeout", self.task_timeout.is_some_and(|limit| limit.is_zero())),
            ("max_tasks_per_worker", self.workers.max_items_per_worker == Some(0)),
            ("max_memory_per_worker", self.workers.max_memory_per_worker == Some(0)),
        ];
        if let Some((name, _)) = zero.into_iter().find(|(_, is_zero)| *is_zero) {
            let message = format!("process pool: {name} must be more than zero");
            return Err(OriError::new(ErrorKind::Validation, message));
        }
        let max_workers = self.workers.max_workers;
        let callbacks = ThreadPool::builder()
            .max_workers(1)
            .thread_name("ori-callback")
            .idle_timeout(Duration::from_secs(1))
            .build()?;
        let inner = Inner {
            conductor: Conductor::start(self.workers)?,
            max_workers,
            task_timeout: self.task_timeout,
            retries: self.retries,
            callbacks,
        };
        Ok(ProcessPool { inner: Arc::new(inner) })
    }
}
