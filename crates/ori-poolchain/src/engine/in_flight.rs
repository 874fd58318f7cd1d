//! [`InFlight`]: thousands of futures that one thread drives.
//!
//! Each future has a slot with a waker of its own, and both are used again for the next item, so that
//! an item costs no allocation. Whoever wakes a future adds the number of its slot to a list and rings
//! the bell; only those futures are polled.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use ori_errors::{Result, catch_panic};

use super::bell::Bell;
use super::lock::lock;
use crate::model::sync::atomic::AtomicBool;
use crate::model::sync::atomic::Ordering::SeqCst;
use crate::model::sync::{Arc, Mutex};

/// Futures that run, each with a note about the item it is for.
pub(crate) struct InFlight<F, N> {
    slots: Vec<Slot<F, N>>,
    free: Vec<usize>,
    woken: Arc<Woken>,
    /// When futures run out of time, the earliest first, with the start they belong to.
    deadlines: VecDeque<(Instant, usize, u64)>,
    starts: u64,
    limit: Option<Duration>,
}

struct Slot<F, N> {
    future: Pin<Box<Option<F>>>,
    note: Option<N>,
    start: u64,
    waker: Waker,
    queued: Arc<SlotWaker>,
}

/// A future that has come to its end.
pub(crate) struct Ended<N, T> {
    pub(crate) note: N,
    pub(crate) how: How<T>,
}

/// How a future ended.
pub(crate) enum How<T> {
    /// It was ready, or panicked.
    Ready(Result<T>),
    /// Its time ran out, and it was dropped.
    OutOfTime,
}

struct Woken {
    slots: Mutex<Vec<usize>>,
    bell: Arc<Bell>,
}

struct SlotWaker {
    slot: usize,
    queued: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, SeqCst) {
            lock(&self.woken.slots).push(self.slot);
            self.woken.bell.ring();
        }
    }
}

impl<F: Future, N> InFlight<F, N> {
    pub(crate) fn new(bell: Arc<Bell>, limit: Option<Duration>) -> Self {
        let woken = Arc::new(Woken { slots: Mutex::default(), bell });
        Self { slots: Vec::new(), free: Vec::new(), woken, deadlines: VecDeque::new(), starts: 0, limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds a future and polls it for the first time.
    pub(crate) fn start(&mut self, future: F, note: N) -> Option<Ended<N, F::Output>> {
        let index = self.free.pop().unwrap_or_else(|| self.add_slot());
        self.starts += 1;
        let slot = &mut self.slots[index];
        slot.future.set(Some(future));
        slot.note = Some(note);
        slot.start = self.starts;
        let ended = self.poll(index);
        if let (None, Some(limit)) = (&ended, self.limit) {
            // A time that no clock reaches is no limit.
            if let Some(deadline) = Instant::now().checked_add(limit) {
                self.deadlines.push_back((deadline, index, self.starts));
            }
        }
        ended
    }

    /// Polls the futures that were woken.
    pub(crate) fn poll_woken(&mut self, mut ended: impl FnMut(Ended<N, F::Output>)) {
        let woken = std::mem::take(&mut *lock(&self.woken.slots));
        for index in woken {
            if let Some(one) = self.poll(index) {
                ended(one);
            }
        }
    }

    /// Drops the futures whose time has run out.
    pub(crate) fn expire(&mut self, mut ended: impl FnMut(Ended<N, F::Output>)) {
        if self.deadlines.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some((deadline, index, start)) = self.deadlines.front().copied() {
            let is_current = self.slots[index].start == start && self.slots[index].note.is_some();
            if is_current && deadline > now {
                return;
            }
            self.deadlines.pop_front();
            if is_current && let Some(note) = self.clear(index) {
                ended(Ended { note, how: How::OutOfTime });
            }
        }
    }

    /// When the next future runs out of time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, ..)| *deadline)
    }

    fn add_slot(&mut self) -> usize {
        let slot = self.slots.len();
        let queued =
            Arc::new(SlotWaker { slot, queued: AtomicBool::new(false), woken: Arc::clone(&self.woken) });
        let waker = Waker::from(Arc::clone(&queued));
        self.slots.push(Slot { future: Box::pin(None), note: None, start: 0, waker, queued });
        slot
    }

    /// Polls a future, unless the wake-up was for one that used the slot before.
    fn poll(&mut self, index: usize) -> Option<Ended<N, F::Output>> {
        let slot = &mut self.slots[index];
        // Before the poll, so that a wake-up during it counts.
        slot.queued.queued.store(false, SeqCst);
        let future = slot.future.as_mut().as_pin_mut()?;
        let mut cx = Context::from_waker(&slot.waker);
        let result = match catch_panic(|| future.poll(&mut cx)) {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(panic) => Err(panic),
        };
        self.clear(index).map(|note| Ended { note, how: How::Ready(result) })
    }

    /// Drops the future of a slot and gives its note.
    fn clear(&mut self, index: usize) -> Option<N> {
        let slot = &mut self.slots[index];
        let note = slot.note.take();
        if catch_panic(|| slot.future.set(None)).is_err() {
            // It panicked while it was dropped: what is left of it is dropped with the set.
            slot.future = Box::pin(None);
        }
        self.free.push(index);
        note
    }
}

impl<F, N> Drop for InFlight<F, N> {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            // Nobody is left to whom a panic in here could be an item's error; the hook has printed it.
            let _ = catch_panic(|| slot.future.set(None));
        }
    }
}
