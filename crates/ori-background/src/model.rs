//! The locks, atomics and threads of this crate: those of the standard library, or, built with
//! `--cfg shuttle`, those of a scheduler that tries out one interleaving after the other.
//!
//! `cargo xtask models` runs `tests/models.rs` so. Time does not pass there: a time-out never
//! comes to the rescue of a wake-up that was lost.

#[cfg(not(shuttle))]
pub(crate) use std::{sync, thread};

#[cfg(shuttle)]
pub(crate) use shuttle::{sync, thread};
