//! [`Shared`]: the one record that a task and its future have in common.
//!
//! A task is queued, then running, then settled, once and for good; whoever settles it first wins:
//! the task's own end, a cancel, a time limit, or the task being dropped unrun. Everything is
//! under one short lock. What runs user code (wakers, callbacks, hooks, and the drop of values that
//! came too late) is taken out under the lock and used after it.
//!
//! One waiter is enough, because waiting needs the future mutably or by value.

use std::mem;
use std::task::Waker;

use ori_errors::{ErrorKind, OriError, Result, catch_panic};

use super::group::Group;
use crate::linger::linger;
use crate::model::sync::atomic::{AtomicBool, Ordering};
use crate::model::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::model::thread::Thread;

/// What runs when a task is settled.
pub(crate) type Callback = Box<dyn FnOnce() + Send + 'static>;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Queued,
    Running,
    /// The task gave its value.
    Done,
    /// The task gave an error other than `Cancelled`.
    Failed,
    Cancelled,
}

impl Phase {
    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Who wants to know that the task is settled.
pub(super) enum Waiter {
    Thread(Thread),
    Waker(Waker),
    /// One of several futures that are waited for together, and its position among them.
    Group(Arc<Group>, usize),
}

pub(crate) struct Shared<T> {
    /// For a thread that looks a few times before it sleeps, without taking the lock each time.
    settled: AtomicBool,
    state: Mutex<State<T>>,
}

/// What a settled task has given.
pub(crate) enum Outcome<T> {
    Here(Result<T>),
    /// Opened by whoever takes it: decoding is user code, which must not run where the bytes
    /// arrived. The flag tells whether they are an error.
    Sealed(bool, Box<dyn FnOnce() -> Result<T> + Send>),
}

impl<T> Outcome<T> {
    fn phase(&self) -> Phase {
        match self {
            Self::Here(Ok(_)) | Self::Sealed(false, _) => Phase::Done,
            Self::Here(Err(error)) if error.is_cancelled() => Phase::Cancelled,
            Self::Here(Err(_)) | Self::Sealed(true, _) => Phase::Failed,
        }
    }

    /// The result itself. Call it without the lock.
    pub(super) fn open(self) -> Result<T> {
        match self {
            Self::Here(result) => result,
            Self::Sealed(_, open) => catch_panic(open).and_then(|result| result),
        }
    }
}

pub(super) struct State<T> {
    pub(super) phase: Phase,
    /// `None` before the task is settled, and again when its result was taken.
    outcome: Option<Outcome<T>>,
    pub(super) waiter: Option<Waiter>,
    /// What few tasks need, so that a million queued ones stay small.
    extras: Option<Box<Extras>>,
}

#[derive(Default)]
struct Extras {
    callbacks: Vec<Callback>,
    on_cancel: Option<Callback>,
}

/// What is left to do after the lock when a task was settled.
struct Settled {
    waiter: Option<Waiter>,
    extras: Option<Box<Extras>>,
    phase: Phase,
}

impl<T> Shared<T> {
    pub(crate) fn new() -> Self {
        Self::with(Phase::Queued, None)
    }

    pub(crate) fn ready(outcome: Result<T>) -> Self {
        let outcome = Outcome::Here(outcome);
        Self::with(outcome.phase(), Some(outcome))
    }

    fn with(phase: Phase, outcome: Option<Outcome<T>>) -> Self {
        let settled = AtomicBool::new(phase.is_settled());
        Self { settled, state: Mutex::new(State { phase, outcome, waiter: None, extras: None }) }
    }

    /// Looks a short while whether the task is settled: for a short task this takes less time than
    /// to sleep and to be woken.
    pub(super) fn linger(&self) {
        linger(|| self.settled.load(Ordering::Relaxed));
    }

    /// Whether the task is settled, without taking the lock; it may say so a moment late.
    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Queued becomes running; false when the task was settled before.
    pub(crate) fn start(&self) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Queued {
            state.phase = Phase::Running;
        }
        state.phase == Phase::Running
    }

    /// Settles the task, unless it is settled already: then the outcome is thrown away.
    pub(crate) fn settle(&self, outcome: Result<T>) -> bool {
        let mut state = self.lock();
        if state.phase.is_settled() {
            drop(state);
            let _ = catch_panic(move || drop(outcome));
            return false;
        }
        let settled = state.settle(Outcome::Here(outcome));
        self.settled.store(true, Ordering::Relaxed);
        drop(state);
        settled.announce();
        true
    }

    /// As [`settle`](Self::settle), from a thread on which no user code may run: the callbacks
    /// are given back, to be called elsewhere.
    pub(crate) fn settle_quietly(&self, outcome: Outcome<T>) -> Vec<Callback> {
        let mut state = self.lock();
        if state.phase.is_settled() {
            return Vec::new();
        }
        let mut settled = state.settle(outcome);
        self.settled.store(true, Ordering::Relaxed);
        drop(state);
        let callbacks = settled.extras.take().map(|extras| extras.callbacks);
        settled.announce();
        callbacks.unwrap_or_default()
    }

    /// What happens when nobody is left who could settle the task.
    pub(crate) fn abandon(&self) {
        if !self.phase().is_settled() {
            self.settle(Err(OriError::new(
                ErrorKind::Cancelled,
                "cancelled: its executor was shut down or dropped before it ran this: keep the executor, \
                 or the function made of it, until the result is there",
            )));
        }
    }

    pub(crate) fn cancel(&self) -> bool {
        let mut state = self.lock();
        let can_be_stopped = state.extras.as_ref().is_some_and(|extras| extras.on_cancel.is_some());
        match state.phase {
            Phase::Cancelled => return true,
            Phase::Done | Phase::Failed => return false,
            Phase::Running if !can_be_stopped => return false,
            Phase::Queued | Phase::Running => {}
        }
        let mut settled = state.settle(Outcome::Here(Err(OriError::new(ErrorKind::Cancelled, "cancelled"))));
        self.settled.store(true, Ordering::Relaxed);
        drop(state);
        let hook = settled.extras.as_mut().and_then(|extras| extras.on_cancel.take());
        settled.announce();
        hook.into_iter().for_each(contain);
        true
    }

    /// Has `hook` called by the cancel of the task, at once if it is cancelled already.
    pub(crate) fn on_cancel(&self, hook: Callback) {
        let mut state = self.lock();
        let unwanted = match state.phase {
            Phase::Cancelled => {
                drop(state);
                contain(hook);
                return;
            }
            Phase::Done | Phase::Failed => Some(hook),
            Phase::Queued | Phase::Running => state.extras.get_or_insert_default().on_cancel.replace(hook),
        };
        drop(state);
        let _ = catch_panic(move || drop(unwanted));
    }

    /// Has `callback` called when the task is settled, at once if it is already.
    pub(crate) fn on_done(&self, callback: Callback) {
        let mut state = self.lock();
        if state.phase.is_settled() {
            drop(state);
            contain(callback);
        } else {
            state.extras.get_or_insert_default().callbacks.push(callback);
        }
    }
}

impl<T> State<T> {
    fn settle(&mut self, outcome: Outcome<T>) -> Settled {
        self.phase = outcome.phase();
        self.outcome = Some(outcome);
        Settled { waiter: self.waiter.take(), extras: self.extras.take(), phase: self.phase }
    }

    /// The result, when the task is settled; `Closed` when it was taken before.
    pub(super) fn take(&mut self) -> Option<Outcome<T>> {
        if !self.phase.is_settled() {
            return None;
        }
        Some(mem::take(&mut self.outcome).unwrap_or_else(|| {
            let message = "the result of this future was taken before";
            Outcome::Here(Err(OriError::new(ErrorKind::Closed, message)))
        }))
    }
}

impl Settled {
    fn announce(self) {
        match self.waiter {
            Some(Waiter::Thread(thread)) => thread.unpark(),
            Some(Waiter::Group(group, index)) => group.announce(index, self.phase),
            Some(Waiter::Waker(waker)) => {
                let _ = catch_panic(move || waker.wake());
            }
            None => {}
        }
        if let Some(Extras { callbacks, on_cancel }) = self.extras.map(|extras| *extras) {
            callbacks.into_iter().for_each(contain);
            let _ = catch_panic(move || drop(on_cancel));
        }
    }
}

fn contain(callback: Callback) {
    // The panic hook has reported it; there is nobody else to tell.
    let _ = catch_panic(callback);
}
