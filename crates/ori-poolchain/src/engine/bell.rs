//! [`Bell`]: wakes one thread that waits for any of many things.

use std::time::{Duration, Instant};

use super::lock::lock;
use crate::model::sync::Mutex;
use crate::model::sync::atomic::AtomicBool;
use crate::model::sync::atomic::Ordering::SeqCst;
use crate::model::thread::{self, Thread};

/// Rung by anybody; one thread at a time waits for it.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    waiting: Mutex<Option<Thread>>,
}

impl Bell {
    /// Wakes the waiting thread, or lets its next wait end at once.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, SeqCst)
            && let Some(thread) = &*lock(&self.waiting)
        {
            thread.unpark();
        }
    }

    /// Forgets earlier ringing: to be called before looking for what it was about.
    pub(crate) fn hush(&self) {
        self.rung.store(false, SeqCst);
    }

    /// Waits until it is rung, at most until `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        *lock(&self.waiting) = Some(thread::current());
        while !self.rung.load(SeqCst) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => break,
                Some(left) => thread::park_timeout(left),
            }
        }
        *lock(&self.waiting) = None;
    }
}
