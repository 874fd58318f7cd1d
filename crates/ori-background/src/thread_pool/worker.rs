//! A worker: takes jobs until the pool is closed or nobody needed it for a while.

use std::cell::Cell;
use std::time::Instant;

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError, Result, catch_panic};

use super::core::{Core, Sleeper};
use super::time_limit::{self, Note};
use crate::linger::linger;
use crate::model::sync::Arc;
use crate::model::sync::atomic::{AtomicBool, Ordering};
use crate::model::thread;

#[cfg(not(shuttle))]
thread_local! {
    /// The address of the core of the pool to which this thread belongs; 0 for other threads.
    static POOL: Cell<usize> = const { Cell::new(0) };
}
#[cfg(shuttle)]
shuttle::thread_local! {
    static POOL: Cell<usize> = Cell::new(0);
}

/// Notes that this thread belongs to this pool, whose end it must not wait for.
pub(super) fn belongs_to(core: &Arc<Core>) {
    POOL.with(|pool| pool.set(Arc::as_ptr(core).addr()));
}

/// Whether the calling thread belongs to this pool.
pub(super) fn is_thread_of(core: &Arc<Core>) -> bool {
    POOL.with(Cell::get) == Arc::as_ptr(core).addr()
}

/// Starts the thread of a worker that is already searching.
pub(super) fn start(core: &Arc<Core>, number: u64, note: Option<Arc<Note>>) -> Result<()> {
    let name = format!("{}-{number}", core.options.thread_name);
    let core = Arc::clone(core);
    spawn(name, move || {
        event!(TRACE, "worker started", pool = core.options.thread_name.as_str(), number = number);
        run(&core, note.as_ref());
        event!(TRACE, "worker left", pool = core.options.thread_name.as_str(), number = number);
    })
}

/// Starts a thread and lets it go: it ends when its work does.
pub(super) fn spawn(name: String, f: impl FnOnce() + Send + 'static) -> Result<()> {
    match thread::Builder::new().name(name).spawn(f) {
        Ok(_) => Ok(()),
        Err(error) => Err(OriError::new(
            ErrorKind::Spawn,
            "a thread could not be started: too many of them, or too \
                 little memory",
        )
        .with_source(error)),
    }
}

fn run(core: &Arc<Core>, note: Option<&Arc<Note>>) {
    belongs_to(core);
    if let Some(note) = note {
        time_limit::attach(Arc::clone(note));
    }
    let sleeper = Arc::new(Sleeper { woken: AtomicBool::new(false), thread: thread::current() });
    let mut lingered = false;
    let mut state = core.lock();
    loop {
        if let Some(job) = core.take(&mut state) {
            drop(state);
            // A job of Ori contains its panics; one of somebody else's must not end the worker.
            let _ = catch_panic(job);
            if note.is_some_and(|note| note.take_given_up()) {
                return;
            }
            state = core.lock();
            state.searching += 1;
            lingered = false;
            continue;
        }
        // One at a time, still searching, so that a job that comes meanwhile wakes nobody else.
        if !lingered && state.searching == 1 && !state.closed {
            lingered = true;
            core.posted.store(false, Ordering::Relaxed);
            drop(state);
            linger(|| core.posted.load(Ordering::Relaxed));
            state = core.lock();
            continue;
        }
        state.searching -= 1;
        if state.closed {
            core.leave(&mut state, note);
            return;
        }
        state.idle.push(Arc::clone(&sleeper));
        drop(state);
        sleep(core, &sleeper);
        state = core.lock();
        // Whoever wakes a sleeper has counted it as searching already.
        if !sleeper.woken.swap(false, Ordering::Acquire) {
            state.idle.retain(|other| !Arc::ptr_eq(other, &sleeper));
            core.leave(&mut state, note);
            return;
        }
    }
}

/// Returns when the sleeper was woken, or has slept through the idle time-out.
fn sleep(core: &Core, sleeper: &Sleeper) {
    let deadline = Instant::now().checked_add(core.options.idle_timeout);
    while !sleeper.woken.load(Ordering::Acquire) {
        match deadline {
            None => thread::park(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                thread::park_timeout(left);
            }
        }
    }
}
