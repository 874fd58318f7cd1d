//! The executors that stages bring along: good ones, and some that refuse or lose their jobs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;

use ori_background::{Executor, Job, ThreadPool};
use ori_errors::{ErrorKind, OriError, Result};

/// rayon's pool, as a program would share it.
pub(crate) struct Rayon;

impl Executor for Rayon {
    fn execute(&self, job: Job) -> Result<()> {
        static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();
        // Named, since a thread without a name inherits that of the chain's thread that starts it.
        let builder = rayon::ThreadPoolBuilder::new().num_threads(4).thread_name(|_| "rayon".to_owned());
        POOL.get_or_init(|| builder.build().expect("rayon starts")).spawn(job);
        Ok(())
    }

    fn max_workers(&self) -> usize {
        4
    }
}

/// One pool of threads for all chains that ask for it.
pub(crate) fn shared() -> ThreadPool {
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| pool(4)).clone()
}

pub(crate) fn pool(workers: usize) -> ThreadPool {
    ThreadPool::builder().max_workers(workers).thread_name("stress").build().expect("the options are good")
}

/// Starts a thread for each job.
pub(crate) struct NewThread;

impl Executor for NewThread {
    fn execute(&self, job: Job) -> Result<()> {
        thread::Builder::new()
            .spawn(job)
            .map(drop)
            .map_err(|error| OriError::new(ErrorKind::Spawn, "no thread").with_source(error))
    }

    fn max_workers(&self) -> usize {
        8
    }
}

/// Does to every third job what a pool should not.
pub(crate) struct Unreliable {
    pub(crate) pool: ThreadPool,
    pub(crate) refuses: bool,
    pub(crate) jobs: Arc<AtomicU64>,
}

impl Executor for Unreliable {
    fn execute(&self, job: Job) -> Result<()> {
        if self.jobs.fetch_add(1, Relaxed) % 3 < 2 {
            return self.pool.execute(job);
        }
        drop(job);
        if self.refuses { Err(OriError::new(ErrorKind::QueueFull, "refused")) } else { Ok(()) }
    }

    fn max_workers(&self) -> usize {
        4
    }
}
