//! [`ThreadPoolBuilder`]: the options of a thread pool.

use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result};
use ori_worker::processors;

use super::core::{Core, Options};
use super::{ThreadPool, time_limit, worker};

/// The options of a [`ThreadPool`]; made by [`ThreadPool::builder`].
///
/// ```
/// use std::time::Duration;
/// let pool = ori_background::ThreadPool::builder()
///     .max_workers(4)
///     .thread_name("read")
///     .idle_timeout(Duration::from_secs(1))
///     .queue_limit(1_000)
///     .build()?;
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "an option counts when `build` is called"]
pub struct ThreadPoolBuilder {
    max_workers: Option<usize>,
    thread_name: String,
    idle_timeout: Duration,
    queue_limit: Option<usize>,
    task_timeout: Option<Duration>,
}

impl ThreadPoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            max_workers: None,
            thread_name: "ori-thread".to_owned(),
            idle_timeout: Duration::from_secs(10),
            queue_limit: None,
            task_timeout: None,
        }
    }

    /// How many tasks run at the same time; `usize::MAX` means no bound. Default: the number of
    /// processors.
    ///
    /// A thread is started only when a task comes and no thread is idle.
    ///
    /// ```
    /// use ori_background::{Executor, ThreadPool};
    /// assert_eq!(ThreadPool::builder().max_workers(3).build()?.max_workers(), 3);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = Some(workers);
        self
    }

    /// What the names of the threads begin with; a dash and a number follow. Default:
    /// `ori-thread`.
    ///
    /// ```
    /// use ori_background::ThreadPool;
    /// let pool = ThreadPool::builder().thread_name("read").build()?;
    /// let name = pool.submit(|| std::thread::current().name().map(str::to_owned)).result()?;
    /// assert_eq!(name.as_deref(), Some("read-0"));
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "thread_name_prefix")]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// How long a thread without work stays before it ends. Default: 10 s.
    ///
    /// ```
    /// use std::time::Duration;
    /// let pool = ori_background::ThreadPool::builder().idle_timeout(Duration::MAX).build()?;
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How many tasks may wait for a free thread. Default: no bound.
    ///
    /// The future of a task beyond it gives [`QueueFull`](ErrorKind::QueueFull), and so does
    /// `execute`.
    ///
    /// ```
    /// use ori_background::ThreadPool;
    /// use ori_errors::ErrorKind;
    ///
    /// let pool = ThreadPool::builder().max_workers(1).queue_limit(1).build()?;
    /// let (release, gate) = std::sync::mpsc::channel::<()>();
    /// let running = pool.submit(move || gate.recv());
    /// let waiting = pool.submit(|| 1);
    /// let error = pool.submit(|| 2).result().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::QueueFull);
    /// drop(release);
    /// assert_eq!(waiting.result()?, 1);
    /// # running.detach();
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn queue_limit(mut self, tasks: usize) -> Self {
        self.queue_limit = Some(tasks);
        self
    }

    /// How long a task may run, from its begin, not from its submit. Default: no limit.
    ///
    /// When the limit passes, the task's future gives [`TimedOut`](ErrorKind::TimedOut) and another
    /// thread takes the place of the stuck one, so that the pool keeps its capacity. **The thread
    /// itself cannot be stopped**: it goes on until the task ends by itself, its late result is
    /// dropped, and then it ends. A task that must be stopped belongs in a process.
    ///
    /// The limit is for tasks that have a [`BackgroundFuture`](crate::BackgroundFuture). A bare job
    /// given to [`execute`](crate::Executor::execute) has none that could tell, and may run on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ori_background::ThreadPool;
    ///
    /// let limit = Duration::from_millis(5);
    /// let pool = ThreadPool::builder().max_workers(1).task_timeout(limit).build()?;
    /// let (release, gate) = std::sync::mpsc::channel::<()>();
    /// let stuck = pool.submit(move || gate.recv());
    /// assert!(stuck.result().unwrap_err().is_timeout());
    /// assert_eq!(pool.submit(|| 1).result()?, 1); // on a new thread
    /// # drop(release);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn task_timeout(mut self, limit: Duration) -> Self {
        self.task_timeout = Some(limit);
        self
    }

    /// Makes the pool. No worker is started before there is work; with a
    /// [`task_timeout`](Self::task_timeout), the one thread that watches the limits is.
    ///
    /// # Errors
    /// `Validation` when an option is zero or the thread name has a NUL character, naming it;
    /// `Spawn` when the thread that watches the limits cannot be started.
    ///
    /// ```
    /// let error = ori_background::ThreadPool::builder().max_workers(0).build().unwrap_err();
    /// assert!(error.is_validation());
    /// assert!(error.to_string().contains("max_workers"));
    /// ```
    pub fn build(self) -> Result<ThreadPool> {
        let options = Options {
            max_workers: self.max_workers.unwrap_or_else(processors),
            thread_name: self.thread_name,
            idle_timeout: self.idle_timeout,
            queue_limit: self.queue_limit.unwrap_or(usize::MAX),
            task_timeout: self.task_timeout,
        };
        let zero = [
            ("max_workers", options.max_workers == 0),
            ("idle_timeout", options.idle_timeout.is_zero()),
            ("queue_limit", options.queue_limit == 0),
            ("task_timeout", options.task_timeout.is_some_and(|limit| limit.is_zero())),
        ];
        if let Some((name, _)) = zero.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(OriError::new(
                ErrorKind::Validation,
                format!("thread pool: {name} must be more than zero"),
            ));
        }
        if options.thread_name.contains('\0') {
            return Err(OriError::new(
                ErrorKind::Validation,
                "thread pool: thread_name must not contain a NUL character",
            ));
        }
        let watch_name = format!("{}-watch", options.thread_name);
        let core = Core::new(options);
        if let Some(limit) = core.options.task_timeout {
            let watched = std::sync::Arc::clone(&core);
            worker::spawn(watch_name, move || time_limit::watch(&watched, limit))?;
        }
        Ok(ThreadPool::new(core))
    }
}
