//! [`Meter`]: what a stage has done so far, counted by its workers once a batch.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) items: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) busy_nanos: AtomicU64,
}

impl Meter {
    /// Counts a batch that this stage ran: `items` values went in, `errors` of them failed.
    pub(crate) fn count(&self, items: usize, errors: usize, busy: Duration) {
        self.items.fetch_add(items as u64, Relaxed);
        if errors > 0 {
            self.errors.fetch_add(errors as u64, Relaxed);
        }
        self.busy_nanos.fetch_add(u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}
