//! [`lock`]: a mutex that no panic can poison.
//!
//! User code never runs under a lock of this crate, so a poisoned mutex cannot hold a broken
//! invariant; treating it as an error would only turn one failure into two.

use crate::model::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whether or not a thread panicked with the lock held.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
