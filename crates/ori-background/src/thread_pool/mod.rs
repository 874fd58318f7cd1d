//! [`ThreadPool`]: an elastic pool of threads.
//!
//! | module | what lives there |
//! |---|---|
//! | `core` | the queue, the counts of workers, and why no wake-up is lost |
//! | `worker` | the loop of a thread |
//! | `time_limit` | tasks that run too long |
//! | `builder` | [`ThreadPoolBuilder`], the options |
//! | `map` | [`Map`], a function over an iterator |

mod builder;
mod core;
mod map;
pub(crate) mod time_limit;
mod worker;

use std::fmt;
use std::sync::Arc;

use ori_errors::__private::event;
use ori_errors::Result;

pub use builder::ThreadPoolBuilder;
pub use map::Map;

use self::core::Core;
use crate::{BackgroundFuture, Executor, Job, Shutdown};

/// Runs closures on threads: started when work comes and none is idle, up to
/// [`max_workers`](ThreadPoolBuilder::max_workers), ended when nothing came for the
/// [`idle_timeout`](ThreadPoolBuilder::idle_timeout).
///
/// A clone is another handle to the same pool. Dropping the last handle cancels the tasks that
/// have not begun, as [`Shutdown::Abandon`] does, and does not block: what runs finishes in the
/// background, then the threads end. (Python's executor runs all that is queued first; for that,
/// call [`shutdown`](Self::shutdown) with [`Shutdown::Wait`].)
///
/// If the system does not allow another thread, the pool goes on with those that it has; when it
/// has none, the task's future gives [`Spawn`](ori_errors::ErrorKind::Spawn).
///
/// ```
/// use ori_background::ThreadPool;
///
/// let pool = ThreadPool::builder().max_workers(4).build()?;
/// let sum = pool.submit(|| (1..=100u64).sum::<u64>());
/// assert_eq!(sum.result()?, 5050);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[doc(alias = "ThreadPoolExecutor")]
#[derive(Clone)]
pub struct ThreadPool {
    core: Arc<Core>,
    /// Shared by the handles only, so that its drop is the drop of the last one.
    handle: Arc<Handle>,
}

struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.close(Shutdown::Abandon);
    }
}

impl ThreadPool {
    /// The options of a pool, with their defaults.
    ///
    /// ```
    /// let pool = ori_background::ThreadPool::builder().build()?;
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }

    fn new(core: Arc<Core>) -> Self {
        let handle = Arc::new(Handle { core: Arc::clone(&core) });
        Self { core, handle }
    }

    /// Runs `f` on a thread of the pool. What goes wrong comes out of the future: a panic of `f`,
    /// a full queue, a pool that was shut down.
    ///
    /// ```
    /// let pool = ori_background::ThreadPool::builder().build()?;
    /// let name = String::from("Ada");
    /// let greeting = pool.submit(move || format!("hello {name}"));
    /// assert_eq!(greeting.result()?, "hello Ada");
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn submit<R: Send + 'static>(&self, f: impl FnOnce() -> R + Send + 'static) -> BackgroundFuture<R> {
        BackgroundFuture::submit(self, f)
    }

    /// Calls `f` for each item, several at a time, and gives the results in input order: each its
    /// value or its error.
    ///
    /// Begins at once. Reads at most four items a worker ahead of what was taken (at least 64, at
    /// most 1,024), so that the input may be endless; `items` is read on the caller's thread. With
    /// a `queue_limit` it waits for room instead of failing.
    ///
    /// ```
    /// let pool = ori_background::ThreadPool::builder().build()?;
    /// let squares = pool.map(|n: u64| n * n, 1..).take(3).collect::<ori_errors::Result<Vec<_>>>()?;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn map<A, R, F, I>(&self, f: F, items: I) -> Map<F, I::IntoIter, R>
    where
        F: Fn(A) -> R + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
        A: Send + 'static,
        R: Send + 'static,
    {
        Map::new(self.clone(), f, items.into_iter())
    }

    /// Ends the pool, for all its handles: submitting afterwards is
    /// [`Closed`](ori_errors::ErrorKind::Closed).
    ///
    /// With [`Wait`](Shutdown::Wait) and [`CancelPending`](Shutdown::CancelPending) it blocks until
    /// the running tasks are over, except those that exceeded the time limit. Called on a thread
    /// of this pool (by a task or a callback), it never blocks, since it would wait for itself. It can be called again, to
    /// wait, or to cancel what the first call let wait.
    ///
    /// ```
    /// use ori_background::{Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::builder().max_workers(1).build()?;
    /// let tasks = [pool.submit(|| 1), pool.submit(|| 2)];
    /// pool.shutdown(Shutdown::Wait);
    /// assert!(tasks.iter().all(|task| task.is_done()));
    /// # tasks.map(|task| task.detach());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) {
        self.core.close(how);
        event!(DEBUG, "pool closed", pool = self.core.options.thread_name.as_str(), how = how.as_str());
        if how != Shutdown::Abandon && !worker::is_thread_of(&self.core) {
            self.core.join();
        }
    }
}

impl Executor for ThreadPool {
    fn execute(&self, job: Job) -> Result<()> {
        self.core.push(job).map_err(|(error, job)| {
            core::discard([job]);
            error
        })
    }

    fn max_workers(&self) -> usize {
        self.core.options.max_workers
    }

    fn shutdown(&self, how: Shutdown) {
        Self::shutdown(self, how);
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.core.lock();
        f.debug_struct("ThreadPool")
            .field("max_workers", &self.core.options.max_workers)
            .field("threads", &state.threads)
            .field("idle", &state.idle.len())
            .field("queued", &state.queue.len())
            .field("closed", &state.closed)
            .field("handles", &Arc::strong_count(&self.handle))
            .finish()
    }
}
