//! The locks, atomics and threads of this crate: those of the standard library, or, built with
//! `--cfg shuttle`, those of a scheduler that tries out one interleaving after the other.
//!
//! `cargo xtask models` runs `tests/models.rs` so. Time does not pass there: a time-out never
//! comes to the rescue of a wake-up that was lost. Only what is there to be ended by the clock, a
//! [`nap`] and the pause between two looks of a monitor ([`wait_until`]), ends when others have run.

#[cfg(not(shuttle))]
pub(crate) use std::{sync, thread};

#[cfg(shuttle)]
pub(crate) use shuttle::thread;

/// What waits for nobody is the standard library's.
#[cfg(shuttle)]
pub(crate) mod sync {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use std::sync::{Arc, OnceLock, PoisonError, Weak};
}

use std::time::Duration;

/// How often to look for what may come in a moment, before sleeping or leaving. A model need not look
/// twice: other schedules have it look later.
pub(crate) const fn looks(most: usize) -> usize {
    if cfg!(shuttle) { 1 } else { most }
}

/// Sleeps for so long, or until this thread is unparked.
pub(crate) fn nap(pause: Duration) {
    if cfg!(shuttle) { thread::yield_now() } else { thread::park_timeout(pause) }
}

/// Waits until the flag is set, which is told through `told`, but no longer than the pause; says
/// whether it is.
pub(crate) fn wait_until(flag: &sync::Mutex<bool>, told: &sync::Condvar, pause: Duration) -> bool {
    let flag = flag.lock().unwrap_or_else(sync::PoisonError::into_inner);
    if cfg!(shuttle) {
        let is_set = *flag;
        drop(flag);
        thread::yield_now();
        return is_set;
    }
    let waited = told.wait_timeout_while(flag, pause, |is_set| !*is_set);
    *waited.unwrap_or_else(sync::PoisonError::into_inner).0
}
