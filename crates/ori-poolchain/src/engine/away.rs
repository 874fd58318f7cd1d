//! [`Away`]: the batches of a stage that are with worker processes, and what came back of them.
//!
//! The thread that talks to the processes only stores what came and wakes whoever waits here: it
//! decodes nothing and never touches the engine, so nothing of the user's can stop it.

use std::collections::VecDeque;

use ori_errors::__private::{Span, event};
use ori_errors::OriError;
use ori_worker::{JobId, Replies, Sink};

use super::lock::lock;
use super::meter::{Held, Meter};
use super::tape::{Again, Sent};
use crate::model::sync::atomic::AtomicU32;
use crate::model::sync::atomic::Ordering::Relaxed;
use crate::model::sync::{Arc, Condvar, Mutex, PoisonError};

pub(crate) struct Away {
    state: Mutex<State>,
    changed: Condvar,
    /// The most batches that are away.
    most: usize,
    processes: usize,
    meter: Arc<Meter>,
}

#[derive(Default)]
struct State {
    jobs: Vec<JobId>,
    /// Places for batches that are being encoded.
    reserved: usize,
    returned: VecDeque<Returned>,
    /// A thread waits for what comes back.
    attended: bool,
    /// Nothing is wanted any more.
    over: bool,
    /// How many processes are at work.
    held: Held,
}

/// What came back of some items of a batch.
pub(crate) struct Returned {
    pub(crate) places: Arc<Places>,
    /// The first of them, counted in the batch.
    pub(crate) first: u32,
    pub(crate) what: What,
}

pub(crate) enum What {
    Replies(Replies),
    /// One item has no reply.
    Failed(OriError),
}

/// The positions in the input of the items of a batch.
pub(crate) enum Places {
    From(u64),
    These(Vec<u64>),
}

impl Places {
    pub(crate) fn at(&self, index: usize) -> u64 {
        match self {
            Self::From(first) => first + index as u64,
            Self::These(places) => places[index],
        }
    }

    /// Those of `len` items from `start` on.
    pub(crate) fn part(&self, start: usize, len: usize) -> Self {
        match self {
            Self::From(first) => Self::From(first + start as u64),
            Self::These(places) => Self::These(places[start..start + len].to_vec()),
        }
    }
}

impl Away {
    /// For at most so many batches at a time, which so many processes run.
    pub(crate) fn new(most: usize, processes: usize, meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), most, processes, meter })
    }

    /// A batch has gone or come: each of those that are away is one process's work, as far as there
    /// are processes.
    fn note(&self, state: &mut State) {
        let busy = state.jobs.len().min(self.processes);
        self.meter.hold(&mut state.held, busy);
    }

    /// A place for one more batch, if there is one.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<Reserved> {
        let mut state = lock(&self.state);
        if !self.room_in(&state) {
            return None;
        }
        state.reserved += 1;
        Some(Reserved(Arc::clone(self)))
    }

    pub(crate) fn has_room(&self) -> bool {
        self.room_in(&lock(&self.state))
    }

    fn room_in(&self, state: &State) -> bool {
        !state.over && state.jobs.len() + state.reserved < self.most
    }

    /// How many batches are away.
    pub(crate) fn len(&self) -> usize {
        lock(&self.state).jobs.len()
    }

    /// A batch goes away; false if it is not wanted any more.
    pub(crate) fn leaves(&self, job: JobId) -> bool {
        let mut state = lock(&self.state);
        if !state.over {
            state.jobs.push(job);
            self.note(&mut state);
        }
        !state.over
    }

    /// What came back first, and whether there is more.
    pub(crate) fn take(&self) -> Option<(Returned, bool)> {
        let mut state = lock(&self.state);
        let first = state.returned.pop_front()?;
        Some((first, !state.returned.is_empty()))
    }

    /// Whether a thread would find something to do here: something came back, or nobody waits for
    /// what is away.
    pub(crate) fn wants_attention(&self) -> bool {
        let state = lock(&self.state);
        !state.returned.is_empty() || (!state.attended && !state.jobs.is_empty() && !state.over)
    }

    /// Waits until something comes back, unless there is `more_to_send`; false if there is nothing
    /// to wait for, or somebody waits already.
    pub(crate) fn attend(&self, more_to_send: impl FnOnce() -> bool) -> bool {
        let mut state = lock(&self.state);
        if !state.returned.is_empty() {
            return true;
        }
        if state.over || state.attended || state.jobs.is_empty() {
            return false;
        }
        if self.room_in(&state) && more_to_send() {
            return true;
        }
        state.attended = true;
        while state.returned.is_empty() && !state.jobs.is_empty() && !state.over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.attended = false;
        true
    }

    /// Nothing is wanted any more: gives the batches that are away.
    pub(crate) fn end(&self) -> Vec<JobId> {
        let (jobs, unwanted) = {
            let mut state = lock(&self.state);
            state.over = true;
            let jobs = std::mem::take(&mut state.jobs);
            self.note(&mut state);
            (jobs, std::mem::take(&mut state.returned))
        };
        self.changed.notify_all();
        drop(unwanted);
        jobs
    }

    fn returns(&self, returned: Returned, last_of: Option<JobId>) {
        let mut state = lock(&self.state);
        if let Some(job) = last_of {
            state.jobs.retain(|away| *away != job);
            self.note(&mut state);
        }
        if state.over {
            drop(state);
            drop(returned);
            return;
        }
        state.returned.push_back(returned);
        drop(state);
        self.changed.notify_one();
    }
}

/// A place for one more batch, given back when this is dropped.
pub(crate) struct Reserved(Arc<Away>);

impl Drop for Reserved {
    fn drop(&mut self) {
        lock(&self.0.state).reserved -= 1;
    }
}

/// Takes in the results of one batch.
pub(crate) struct Return {
    pub(crate) away: Arc<Away>,
    pub(crate) job: JobId,
    pub(crate) places: Arc<Places>,
    /// Items without a result.
    pub(crate) left: AtomicU32,
    pub(crate) span: Span,
    pub(crate) stage: Arc<str>,
    pub(crate) sent: Sent,
}

impl Return {
    fn come(&self, first: u32, items: u32, what: What) {
        let last = self.left.fetch_sub(items, Relaxed) == items;
        let returned = Returned { places: Arc::clone(&self.places), first, what };
        self.away.returns(returned, last.then_some(self.job));
    }
}

impl Sink for Return {
    fn is_wanted(&self) -> bool {
        !lock(&self.away.state).over
    }

    fn sent(&self) {
        self.away.meter.sent(&self.sent);
    }

    fn retried(&self, item: u32, tries: u32, error: &OriError) {
        let position = self.places.at(item as usize);
        self.away.meter.died(&self.sent, position, error, Again::Yes);
        self.away.meter.retried(position, error);
        event!(
            in &self.span, DEBUG, "item retried",
            stage = &*self.stage, item = position, tries = tries,
            kind = error.kind().as_str()
        );
    }

    fn replies(&self, first: u32, replies: Replies) {
        let items = u32::try_from(replies.len()).unwrap_or(u32::MAX);
        let place = |index: u32| self.places.at(index as usize);
        let ends = || (place(first), place(first + items.max(1) - 1) + 1);
        self.away.meter.replied(&self.sent, ends, &replies);
        self.come(first, items, What::Replies(replies));
    }

    fn failed(&self, item: u32, error: OriError) {
        if error.is_worker_lost() || error.is_timeout() {
            self.away.meter.died(&self.sent, self.places.at(item as usize), &error, Again::No);
        }
        self.come(item, 1, What::Failed(error));
    }
}
