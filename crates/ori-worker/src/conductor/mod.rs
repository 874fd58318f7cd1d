//! The parent's side: one thread that drives all workers of a pool.
//!
//! | module | what lives there |
//! |---|---|
//! | `job` | [`Job`], [`Sink`], [`Replies`]: what goes in, what comes out |
//! | `context` | [`Context`]: a value that each worker gets once |
//! | `inbox` | how other threads reach the conductor |
//! | `driver` | who drives: the conductor's own thread, or one that waits for a result |
//! | `core` | the table of workers and jobs; one turn of driving them |
//! | `events` | what comes from the workers: frames, and their ends |
//! | `member` | one worker as its parent sees it |
//! | `launch` | starting a process |
//! | `peek` | results that a worker has finished and not sent |
//! | `outbox` | what waits to be written to one worker |
//!
//! Invariant: nothing here runs user code or serde of user types, and no call blocks but the one
//! poll.

mod context;
mod core;
mod driver;
mod events;
mod inbox;
mod job;
mod launch;
mod member;
mod outbox;
mod peek;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use ori_errors::{ErrorKind, OriError, Result};
use serde::Serialize;

pub use context::Context;
pub use driver::Driver;
pub use job::{Job, JobId, Replies, Sink};
#[cfg(any(test, fuzzing))]
pub(crate) use peek::end_of_items;

use self::core::Core;
use crate::options::WorkerOptions;
use crate::start::check_ready;
use crate::task::Task;
use inbox::{Command, Ending, Inbox};
use job::Queued;

/// Starts workers, hands jobs to them, and makes up for those that die.
///
/// Workers are started when there is work for them, up to `max_workers`, and kept. Dropping it
/// cancels what is not finished, ends the workers, and waits until they are gone: a fraction of a
/// second at most.
#[must_use = "dropping it ends its workers"]
pub struct Conductor {
    driver: Driver,
    next_job: AtomicU64,
    next_context: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Conductor {
    /// A conductor without workers yet.
    ///
    /// # Errors
    /// `NoInteractiveProcessPools` where worker processes cannot be started (see
    /// [`check_ready`]); `Validation` for no workers at all; `Spawn` when
    /// there is no thread to be had. Nothing has been started then.
    pub fn start(options: WorkerOptions) -> Result<Self> {
        check_ready()?;
        check(&options)?;
        let failed = |error| OriError::new(ErrorKind::Spawn, "cannot start the conductor").with_source(error);
        let inbox = Arc::new(Inbox::new().map_err(failed)?);
        let driver = Driver::new(Core::new(options, Arc::clone(&inbox))?, inbox);
        let thread = thread::Builder::new().name("ori-conductor".into());
        let own = driver.clone();
        let thread = thread.spawn(move || own.conduct()).map_err(failed)?;
        Ok(Self {
            driver,
            next_job: AtomicU64::new(1),
            next_context: AtomicU64::new(1),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// What drives the workers, for those who wait for their jobs.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// A number for a job, which can be cancelled by it even before it is submitted.
    pub fn reserve(&self) -> JobId {
        JobId(self.next_job.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes a job over. Each of its items will have exactly one result.
    ///
    /// # Errors
    /// `Closed` after a shutdown.
    pub fn submit(&self, id: JobId, job: Job) -> Result<()> {
        if self.driver.submit(Queued::new(id, job, self.inbox())) {
            return Ok(());
        }
        Err(OriError::new(ErrorKind::Closed, "the process pool was shut down"))
    }

    /// Gives a job up. Not begun, it never will be; begun, its worker is killed. Its sink may still
    /// be told results that were on their way, and is told `Cancelled` for the other items.
    pub fn cancel(&self, job: JobId) {
        let _ = self.inbox().push(Command::Cancel(job));
        self.driver.nudge();
    }

    fn inbox(&self) -> &Arc<Inbox> {
        self.driver.inbox()
    }

    /// Encodes a value that each worker gets once, and makes its state of by `init`.
    ///
    /// # Errors
    /// `Codec` when it cannot be encoded.
    pub fn context<C: Serialize + ?Sized>(&self, init: Task, value: &C) -> Result<Context> {
        // As the one argument of a function.
        let number = self.next_context.fetch_add(1, Ordering::Relaxed);
        Context::new(number, init, value, Arc::downgrade(self.inbox()))
    }

    /// The process ids of the workers, those that are starting included.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        self.inbox().pids()
    }

    /// Finishes all jobs, then ends the workers and waits until they are gone.
    pub fn finish(&self) {
        self.end(Ending::Finish);
    }

    /// Cancels the jobs that no worker has, finishes the others, then ends the workers and waits
    /// until they are gone.
    pub fn cancel_pending(&self) {
        self.end(Ending::CancelPending);
    }

    /// Cancels all jobs, kills the workers that are busy, and waits until all are gone.
    pub fn abandon(&self) {
        self.end(Ending::Kill);
    }

    fn end(&self, how: Ending) {
        let _ = self.inbox().push(Command::End(how));
        self.driver.nudge();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A sink may hold the last handle, and is dropped by that very thread.
            if thread.thread().id() != thread::current().id() {
                // A panic there is a fault of ours, which the hook has printed.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl fmt::Debug for Conductor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conductor").field("worker_pids", &self.worker_pids()).finish_non_exhaustive()
    }
}

fn check(options: &WorkerOptions) -> Result<()> {
    let bad = |text: &str| Err(OriError::new(ErrorKind::Validation, text));
    if options.max_workers == 0 {
        return bad("max_workers must be at least 1, not 0");
    }
    if options.max_items_per_worker == Some(0) {
        return bad("max_tasks_per_worker must be at least 1, not 0");
    }
    if options.max_memory_per_worker == Some(0) {
        return bad("max_memory_per_worker must be at least 1 byte, not 0");
    }
    Ok(())
}
