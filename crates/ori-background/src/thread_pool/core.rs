//! The queue, the counts of workers, and who wakes whom.
//!
//! Everything is under one short lock; sleeping, waking and running happen outside it. A worker
//! that counts is in one of three states:
//!
//! - *searching*: it will look at the queue before it sleeps or ends. It was just started, or
//!   woken, or has finished a job.
//! - *running* a job.
//! - *idle*: on the stack of sleepers, to be woken by whoever takes it off.
//!
//! **No wake-up is lost.** Under the lock it always holds that there are no more queued jobs than
//! searching workers, unless no worker is idle and no thread more may (or can) be started. A push
//! adds a job and, when that would break the rule, takes the top sleeper off the stack or starts a
//! thread, and counts it as searching, in the same critical section. A searching worker becomes
//! running by taking one job, which lowers both sides by one; it becomes idle only where the
//! queue is empty, so nothing is left behind; and a running worker looks at the queue again
//! when its job ends. A sleeper cannot miss its wake-up: its flag is set under the lock before it is
//! unparked, it looks at the flag before each park, and an unpark before the park makes the park
//! return. Hence also: a job wakes one worker at most, and none when one is on its way already.
//!
//! A searching worker that finds the queue empty lingers a moment, still counted as searching, before
//! it becomes idle; it looks at the queue once more under the lock. `posted` only cuts that short.
//!
//! The stack wakes the worker that slept last: its cache is warm, and the others stay asleep until
//! their idle time-out.

use std::collections::VecDeque;
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result, catch_panic};

use super::time_limit::Note;
use super::worker;
use crate::model::sync::atomic::{AtomicBool, Ordering};
use crate::model::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use crate::model::thread::Thread;
use crate::{Job, Shutdown};

/// The options of a pool, checked.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) max_workers: usize,
    pub(super) thread_name: String,
    pub(super) idle_timeout: Duration,
    pub(super) queue_limit: usize,
    pub(super) task_timeout: Option<Duration>,
}

pub(super) struct Core {
    pub(super) options: Options,
    state: Mutex<State>,
    /// For the worker that lingers: there may be something in the queue.
    pub(super) posted: AtomicBool,
    /// Notified when the last worker that counts is gone.
    ended: Condvar,
    /// Notified when the watch over time limits has something to look at again.
    watch: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<Job>,
    pub(super) idle: Vec<Arc<Sleeper>>,
    pub(super) searching: usize,
    /// Idle, searching and running ones; not those that were given up to a time limit.
    pub(super) threads: usize,
    pub(super) closed: bool,
    /// Tasks that exceeded the limit and whose futures do not know it yet.
    pub(super) expiring: usize,
    /// One for each worker that counts, in pools with a time limit.
    pub(super) notes: Vec<Arc<Note>>,
    started: u64,
    watch_sleeps: bool,
}

impl State {
    pub(super) fn running(&self) -> usize {
        self.threads - self.searching - self.idle.len()
    }
}

/// A worker that can sleep.
pub(super) struct Sleeper {
    pub(super) woken: AtomicBool,
    pub(super) thread: Thread,
}

/// Unparks the worker that was taken off the stack: after the lock, on which it would wait.
pub(super) fn wake(sleeper: Option<Arc<Sleeper>>) {
    if let Some(sleeper) = sleeper {
        sleeper.thread.unpark();
    }
}

/// Drops jobs unrun, which cancels their futures; whatever user code does then is contained.
pub(super) fn discard(jobs: impl IntoIterator<Item = Job>) {
    for job in jobs {
        let _ = catch_panic(move || drop(job));
    }
}

impl Core {
    pub(super) fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            options,
            state: Mutex::default(),
            posted: AtomicBool::new(false),
            ended: Condvar::new(),
            watch: Condvar::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job; gives it back with the reason when it cannot.
    pub(super) fn push(self: &Arc<Self>, job: Job) -> Result<(), (OriError, Job)> {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return Err((OriError::new(ErrorKind::Closed, "the thread pool was shut down"), job));
        }
        // Workers that are free have a job of the queue each: what waits is the rest.
        let free = (self.options.max_workers - state.threads)
            .saturating_add(state.searching)
            .saturating_add(state.idle.len());
        if state.queue.len() >= self.options.queue_limit.saturating_add(free) {
            drop(state);
            let limit = self.options.queue_limit;
            let message = format!("{limit} tasks wait in the queue of the thread pool, its queue_limit");
            return Err((OriError::new(ErrorKind::QueueFull, message), job));
        }
        state.queue.push_back(job);
        match self.summon(&mut state) {
            Ok(woken) => {
                drop(state);
                wake(woken);
                Ok(())
            }
            Err(error) if state.threads == 0 => {
                // Without a thread the queue was empty before: what is in it is this job.
                let job = state.queue.pop_back();
                drop(state);
                job.map_or(Ok(()), |job| Err((error, job)))
            }
            // The threads that there are will come to it.
            Err(_) => Ok(()),
        }
    }

    /// Restores the rule of this module after a job was added or a worker was lost.
    fn summon(self: &Arc<Self>, state: &mut State) -> Result<Option<Arc<Sleeper>>> {
        if state.queue.len() <= state.searching {
            self.posted.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        if let Some(sleeper) = state.idle.pop() {
            state.searching += 1;
            sleeper.woken.store(true, Ordering::Release);
            return Ok(Some(sleeper));
        }
        if state.threads < self.options.max_workers {
            // Under the lock, so that "there is a thread" is never a hope. It is rare.
            let note = self.options.task_timeout.map(|_| Arc::new(Note::default()));
            worker::start(self, state.started, note.clone())?;
            state.started += 1;
            state.threads += 1;
            state.searching += 1;
            state.notes.extend(note);
        }
        Ok(None)
    }

    /// Accounts for running workers that were given up, and has others take their places.
    ///
    /// Gives the jobs that nobody is left to run, because no thread can be started.
    pub(super) fn replace(self: &Arc<Self>, state: &mut State, given_up: usize) -> VecDeque<Job> {
        state.threads -= given_up;
        for _ in 0..given_up {
            // Nobody sleeps while jobs wait, so what this does is start a thread.
            if self.summon(state).map(wake).is_err() {
                break;
            }
        }
        state.expiring = given_up;
        if state.threads > 0 {
            return VecDeque::new();
        }
        std::mem::take(&mut state.queue)
    }

    /// The futures of the tasks that exceeded the limit know it.
    pub(super) fn replaced(&self, state: &mut State) {
        state.expiring = 0;
        if state.threads == 0 {
            self.ended.notify_all();
        }
    }

    /// The watch sleeps: for `limit`, or until a job runs or the pool ends.
    pub(super) fn wait_for_work<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        limit: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        match limit {
            Some(limit) => self.watch.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0,
            None => {
                state.watch_sleeps = true;
                self.watch.wait(state).unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// A searching worker takes a job.
    pub(super) fn take(&self, state: &mut State) -> Option<Job> {
        let job = state.queue.pop_front()?;
        state.searching -= 1;
        if state.watch_sleeps {
            state.watch_sleeps = false;
            self.watch.notify_one();
        }
        Some(job)
    }

    /// A worker that counts, and is neither searching nor idle any more, ends.
    pub(super) fn leave(&self, state: &mut State, note: Option<&Arc<Note>>) {
        state.threads -= 1;
        if let Some(note) = note {
            state.notes.retain(|other| !Arc::ptr_eq(other, note));
        }
        if state.closed && state.threads == 0 {
            self.ended.notify_all();
            self.watch.notify_one();
        }
    }

    /// Closes the pool and cancels what has not started, unless `how` is `Wait`. Does not block.
    pub(super) fn close(&self, how: Shutdown) {
        let mut state = self.lock();
        state.closed = true;
        self.posted.store(true, Ordering::Relaxed);
        let jobs = if how == Shutdown::Wait { VecDeque::new() } else { std::mem::take(&mut state.queue) };
        let idle = std::mem::take(&mut state.idle);
        state.searching += idle.len();
        for sleeper in &idle {
            sleeper.woken.store(true, Ordering::Release);
        }
        self.watch.notify_one();
        drop(state);
        for sleeper in idle {
            wake(Some(sleeper));
        }
        discard(jobs);
    }

    /// Blocks until no worker is left that counts, and all futures are settled.
    pub(super) fn join(&self) {
        let mut state = self.lock();
        while state.threads > 0 || state.expiring > 0 {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
