//! The time limit of tasks: what a worker notes when a task begins, and the one thread that looks
//! at the notes.
//!
//! A timer per task would cost more than many tasks do. Instead each worker has a [`Note`] of the
//! task that it runs and since when. The limit is the same for all tasks of a pool, so one that
//! begins after the watch looked cannot be due before the watch, sleeping one limit at most, looks
//! again: beginning a task never has to wake it. Only the first task after the pool was quiet does.

use std::cell::RefCell;
use std::mem;
use std::time::{Duration, Instant};

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError};

use super::core::{Core, discard};
use super::worker;
use crate::future::shared::Shared;
use crate::model::sync::{Arc, Mutex, MutexGuard, PoisonError};

thread_local! {
    /// The note of this worker thread, in pools with a time limit.
    static NOTE: RefCell<Option<Arc<Note>>> = const { RefCell::new(None) };
}

/// What a worker of a pool with a time limit runs.
#[derive(Default)]
pub(super) struct Note {
    state: Mutex<NoteState>,
}

#[derive(Default)]
struct NoteState {
    running: Option<(Arc<dyn Expire>, Instant)>,
    /// The task of this worker exceeded the limit: the worker no longer counts.
    given_up: bool,
}

/// A task whose future can be settled as timed out while it runs.
trait Expire: Send + Sync {
    fn expire(&self, limit: Duration);
}

impl<T: Send> Expire for Shared<T> {
    fn expire(&self, limit: Duration) {
        self.settle(Err(OriError::new(
            ErrorKind::TimedOut,
            format!("the task ran longer than {limit:?}; its thread cannot be stopped and was replaced"),
        )));
    }
}

impl Note {
    fn lock(&self) -> MutexGuard<'_, NoteState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the worker was given up; it counts again from here on.
    pub(super) fn take_given_up(&self) -> bool {
        mem::take(&mut self.lock().given_up)
    }
}

/// Makes `note` the one in which tasks of this thread are noted.
pub(super) fn attach(note: Arc<Note>) {
    NOTE.set(Some(note));
}

/// Ends the task's note when it is dropped.
pub(crate) struct Noted(Arc<Note>);

/// Notes that the task runs on this thread from now on, if this is a thread with a limit.
pub(crate) fn enter<T: Send + 'static>(task: &Arc<Shared<T>>) -> Option<Noted> {
    let note = NOTE.with_borrow(Clone::clone)?;
    let mut state = note.lock();
    // A task that runs inside a task is part of it.
    if state.running.is_some() {
        return None;
    }
    state.running = Some((Arc::clone(task) as Arc<dyn Expire>, Instant::now()));
    drop(state);
    Some(Noted(note))
}

impl Drop for Noted {
    fn drop(&mut self) {
        let running = self.0.lock().running.take();
        drop(running);
    }
}

/// The watch: ends when the pool is closed and its last worker that counts is gone.
pub(super) fn watch(core: &Arc<Core>, limit: Duration) {
    worker::belongs_to(core);
    let mut state = core.lock();
    loop {
        let now = Instant::now();
        let mut expired = Vec::new();
        let mut next = now.checked_add(limit);
        state.notes.retain(|note| {
            let mut noted = note.lock();
            let due = noted.running.as_ref().and_then(|(_, since)| since.checked_add(limit));
            if due.is_some_and(|due| due <= now) {
                expired.extend(noted.running.take().map(|(task, _)| task));
                noted.given_up = true;
                return false;
            }
            next = next.min(due.or(next));
            true
        });
        if !expired.is_empty() {
            let orphans = core.replace(&mut state, expired.len());
            drop(state);
            discard(orphans);
            // Callbacks of the futures run here.
            for task in expired {
                event!(
                    WARN,
                    "task timed out",
                    pool = core.options.thread_name.as_str(),
                    limit_s = limit.as_secs_f64()
                );
                task.expire(limit);
            }
            state = core.lock();
            core.replaced(&mut state);
            continue;
        }
        if state.closed && state.threads == 0 {
            return;
        }
        let sleep =
            if state.running() == 0 { None } else { next.map(|next| next.saturating_duration_since(now)) };
        state = core.wait_for_work(state, sleep);
    }
}
