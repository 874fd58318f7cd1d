//! The locks, atomics and threads of this crate: those of the standard library, or, built with
//! `--cfg shuttle`, those of a scheduler that tries out one interleaving after the other.
//!
//! `cargo xtask models` runs `tests/models.rs` so. Time does not pass there: a time-out never
//! comes to the rescue of a wake-up that was lost.

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

/// How often to look for what may come in a moment, before sleeping or leaving. A model need not look
/// twice: other schedules have it look later.
pub(crate) const fn looks(most: usize) -> usize {
    if cfg!(shuttle) { 1 } else { most }
}
