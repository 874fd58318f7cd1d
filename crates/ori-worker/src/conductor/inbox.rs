//! [`Inbox`]: how other threads reach the conductor, which may be asleep in a poll.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::job::{JobId, Queued};

/// How a conductor ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// After all jobs.
    Finish,
    /// After the jobs that workers have; the others are cancelled.
    CancelPending,
    /// Now.
    Kill,
}

impl Ending {
    /// The word for a subscriber.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Finish => "wait",
            Self::CancelPending => "cancel pending",
            Self::Kill => "abandon",
        }
    }
}

struct Waiting {
    commands: VecDeque<Command>,
    /// Whether jobs are taken: until the first order to end.
    open: bool,
    /// The workers that can be given jobs, or will be.
    pids: Vec<u32>,
}

pub(super) enum Command {
    Submit(Queued),
    Cancel(JobId),
    Forget(u64),
    End(Ending),
}

pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    /// That the conductor is in a poll, or about to be.
    asleep: AtomicBool,
    /// That somebody wants the conductor's place: it does not fall asleep in it.
    called: AtomicBool,
    alarm: OwnedFd,
    /// Jobs that were submitted and are not over.
    jobs: AtomicUsize,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        let alarm = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let waiting = Waiting { commands: VecDeque::new(), open: true, pids: Vec::new() };
        Ok(Self {
            waiting: Mutex::new(waiting),
            asleep: AtomicBool::new(false),
            called: AtomicBool::new(false),
            alarm,
            jobs: AtomicUsize::new(0),
        })
    }

    /// Hands a command over; `false` when it is a job and no more jobs are taken.
    #[must_use = "a job that was not taken has to be answered"]
    pub(super) fn push(&self, command: Command) -> bool {
        let mut waiting = self.lock();
        match command {
            Command::Submit(_) if !waiting.open => return false,
            Command::End(_) => waiting.open = false,
            _ => {}
        }
        waiting.commands.push_back(command);
        drop(waiting);
        self.wake();
        true
    }

    /// How many jobs were submitted and are not over.
    pub(super) fn jobs(&self) -> usize {
        self.jobs.load(Ordering::SeqCst)
    }

    pub(super) fn has_commands(&self) -> bool {
        !self.lock().commands.is_empty()
    }

    pub(super) fn set_pids(&self, pids: Vec<u32>) {
        self.lock().pids = pids;
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        self.lock().pids.clone()
    }

    /// Ends the conductor's sleep, or the next one if it does not sleep yet.
    pub(super) fn call(&self) {
        self.called.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Ends the conductor's sleep, if it sleeps.
    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // A full counter means that it is awake already.
            let _ = rustix::io::write(&self.alarm, &1_u64.to_ne_bytes());
        }
    }

    pub(super) fn take(&self) -> VecDeque<Command> {
        std::mem::take(&mut self.lock().commands)
    }

    /// The conductor is going to sleep; `false` when there is something to do first.
    pub(super) fn falls_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        if !self.called.swap(false, Ordering::SeqCst) && self.lock().commands.is_empty() {
            return true;
        }
        self.asleep.store(false, Ordering::SeqCst);
        false
    }

    /// The conductor is awake; `rang` tells whether the alarm did it.
    pub(super) fn awake(&self, rang: bool) {
        self.asleep.store(false, Ordering::SeqCst);
        if rang {
            let _ = rustix::io::read(&self.alarm, &mut [0; 8]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts as one job of an inbox while it lives.
pub(super) struct Ticket(Arc<Inbox>);

impl Ticket {
    pub(super) fn new(inbox: &Arc<Inbox>) -> Self {
        inbox.jobs.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(inbox))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.jobs.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }
}
