//! [`Run`]: what all parts of one execution share: whether it goes on, how far source and consumer
//! are, and who waits.
//!
//! # The window
//! `pulled - released` items are inside the chain. The source is read only while that is below the
//! window; the consumer releases a batch when it asks for the one after. Whoever finds the window
//! full says so in `full` and leaves, and says it again when its seat is free; the consumer, when
//! the window is half empty, clears that and offers work again. Both sides write their half first
//! and read the other's half after, with `SeqCst`, so one of them always sees the other.
//!
//! # The consumer
//! A consumer that has nothing to do leaves a [`Waker`] and looks once more before it waits. Whoever
//! makes something visible that it may wait for calls [`Run::wake_consumer`] after. To wake a thread
//! costs some microseconds, and the processor that it takes from a worker: a consumer that has
//! *patience* is woken when so many results are there.
//!
//! In an eager run what has come out is wanted in any case, so it fills no window but one that the
//! user chose, and only so much of it waits for the consumer that its buffers are soon used again.

use std::fmt;
use std::task::Waker;
use std::time::Instant;

use ori_errors::__private::Span;
use ori_errors::OriError;

use super::lock::lock;
use super::observed::Turn;
use super::workers::Workers;
use crate::model::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::model::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use crate::model::sync::{Mutex, OnceLock, Weak};

/// Batches in the window for each worker, where the user did not set one: enough that no worker
/// waits while one slow batch holds the others' results back.
const BATCHES_A_WORKER: usize = 16;
/// The part of the window that is worth waking the consumer for, however patient it is.
const MUCH: u64 = 4;
/// The results that an eager consumer is woken for: few wake-ups, and little left to do at the end.
const EAGER_PATIENCE: u64 = 8192;
/// The least and the most items in such a window.
const WINDOW_LEAST: usize = 1024;
const WINDOW_MOST: usize = 65_536;

pub(crate) struct Run<'e> {
    pub(crate) started: Instant,
    /// What its events belong to.
    pub(crate) span: Span,
    /// Nothing more is wanted: cancelled, dropped, failed or finished.
    stopped: AtomicBool,
    /// Why the run cannot go on, for the consumer.
    failure: Mutex<Option<OriError>>,
    /// The workers that read the source: they are offered work when the window opens.
    front: OnceLock<Weak<Workers<'e>>>,

    /// Items read from the source.
    pulled: AtomicU64,
    /// Items the consumer is done with.
    released: AtomicU64,
    /// The most items between the two.
    window: AtomicUsize,
    /// The window fits the batches.
    fits: bool,
    /// The least that it may be then.
    least: AtomicUsize,
    /// Somebody left because the window was full.
    full: AtomicBool,
    /// Who is told when that changes.
    observed: OnceLock<Weak<dyn Turn + 'e>>,
    /// When the run was over, in nanoseconds since its beginning.
    ended_at: OnceLock<u64>,
    /// A subscriber knows that the run is over.
    told: AtomicBool,
    /// The source has ended: `pulled` is final.
    ended: AtomicBool,
    /// When it has, in nanoseconds since the beginning of the run.
    source_ended_at: OnceLock<u64>,

    /// All results are wanted together, or the first error.
    eager: bool,
    delivered: AtomicU64,
    /// What the consumer asked for last has come.
    ready: AtomicBool,
    /// So many results are worth waking the consumer for: see [`Run::delivered`].
    patience: AtomicU64,
    consumer_waits: AtomicBool,
    consumer: Mutex<Option<Waker>>,
}

impl<'e> Run<'e> {
    /// A run with the user's window, or one that fits the batches.
    pub(crate) fn new(window: Option<usize>, eager: bool) -> Self {
        Self {
            started: Instant::now(),
            span: Span::none(),
            stopped: AtomicBool::new(false),
            failure: Mutex::new(None),
            front: OnceLock::new(),
            pulled: AtomicU64::new(0),
            released: AtomicU64::new(0),
            window: AtomicUsize::new(window.unwrap_or(WINDOW_LEAST)),
            fits: window.is_none(),
            least: AtomicUsize::new(WINDOW_LEAST),
            full: AtomicBool::new(false),
            observed: OnceLock::new(),
            ended_at: OnceLock::new(),
            told: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            source_ended_at: OnceLock::new(),
            eager,
            delivered: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            patience: AtomicU64::new(if eager { EAGER_PATIENCE } else { 1 }),
            consumer_waits: AtomicBool::new(false),
            consumer: Mutex::new(None),
        }
    }

    /// The same run, in this span.
    pub(crate) fn in_span(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    pub(crate) fn set_front(&self, workers: Weak<Workers<'e>>) {
        self.front.set(workers).expect("a run has one source");
    }

    pub(crate) fn set_observed(&self, observed: Weak<dyn Turn + 'e>) {
        // The one caller has just made it.
        let _ = self.observed.set(observed);
    }

    /// Nanoseconds since the beginning.
    pub(crate) fn nanos(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// When the run was over.
    pub(crate) fn ended_at(&self) -> Option<u64> {
        self.ended_at.get().copied()
    }

    /// How many items have come out, taken or not.
    pub(crate) fn delivered_items(&self) -> u64 {
        // Whoever delivers counts after, and the consumer may be faster.
        self.delivered.load(SeqCst).max(self.released.load(SeqCst))
    }

    /// Whether the run is over, for whatever reason.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Ends the run: nothing is started any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, SeqCst);
        self.ended_at.get_or_init(|| self.nanos());
    }

    /// Whether nobody has told of the end yet; the caller will.
    pub(crate) fn tells_of_end(&self) -> bool {
        !self.told.swap(true, Relaxed)
    }

    /// Ends the run with an error for the consumer.
    pub(crate) fn fail(&self, error: OriError) {
        lock(&self.failure).get_or_insert(error);
        self.stop();
        self.wake_consumer();
    }

    pub(crate) fn take_failure(&self) -> Option<OriError> {
        lock(&self.failure).take()
    }

    // The window.

    /// Fits the window to so many workers and items in a batch, unless the user chose it.
    pub(crate) fn fit_window(&self, workers: usize, batch: usize) {
        if self.fits {
            let wanted = workers.saturating_mul(batch).saturating_mul(BATCHES_A_WORKER);
            let least = self.least.load(Relaxed);
            let wanted = wanted.clamp(least, WINDOW_MOST.max(least));
            if wanted != self.window() {
                self.window.store(wanted, Relaxed);
            }
        }
    }

    /// A stage works on so many items at the same time: as many again may wait for it.
    #[cfg(feature = "async")]
    pub(crate) fn widen_window(&self, in_flight: usize) {
        let least =
            self.least.fetch_max(in_flight.saturating_mul(2), Relaxed).max(in_flight.saturating_mul(2));
        if self.fits {
            self.window.fetch_max(least, Relaxed);
        }
    }

    pub(crate) fn window(&self) -> usize {
        self.window.load(Relaxed)
    }

    /// Whether what has come out no longer counts as inside.
    fn gathers(&self) -> bool {
        self.eager && self.fits
    }

    fn room(&self) -> usize {
        let pulled = self.pulled.load(SeqCst);
        let room = |most: usize, out: &AtomicU64| {
            let inside = pulled.saturating_sub(out.load(SeqCst));
            most.saturating_sub(usize::try_from(inside).unwrap_or(usize::MAX))
        };
        if self.gathers() {
            // No less than the window, half of which must come free again.
            let ahead = WINDOW_MOST.max(self.window());
            room(self.window(), &self.delivered).min(room(ahead, &self.released))
        } else {
            room(self.window(), &self.released)
        }
    }

    /// How many items may be read from the source now, for somebody who wants `wanted`: 0 rather
    /// than a small part of that, since small batches are dear.
    pub(crate) fn room_for(&self, wanted: usize) -> usize {
        let room = self.room();
        if room >= wanted.min(self.window() / 4).max(1) { room } else { 0 }
    }

    /// The same, and the consumer is asked to offer work again if there is no room.
    pub(crate) fn room_or_full(&self, wanted: usize) -> usize {
        match self.room_for(wanted) {
            0 => {
                if !self.full.swap(true, SeqCst) {
                    self.window_turned();
                }
                self.wake_consumer();
                self.room_for(wanted)
            }
            room => room,
        }
    }

    /// Sets how many items were read; only the one who holds the source may call it.
    pub(crate) fn set_pulled(&self, items: u64) {
        self.pulled.store(items, Release);
    }

    pub(crate) fn pulled(&self) -> u64 {
        self.pulled.load(SeqCst)
    }

    /// Counts items that left the chain, and offers work when that opens the window.
    pub(crate) fn release(&self, items: usize) {
        if items == 0 {
            return;
        }
        self.released.fetch_add(items as u64, SeqCst);
        self.reopen();
    }

    /// Offers work if the window was full and has room again.
    fn reopen(&self) {
        if self.full.load(SeqCst) && self.room() >= self.window().div_ceil(2) && self.full.swap(false, SeqCst)
        {
            self.window_turned();
            if let Some(front) = self.front.get().and_then(Weak::upgrade) {
                front.offer();
            }
        }
    }

    /// Whether the source is not read because the window is full.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(SeqCst)
    }

    fn window_turned(&self) {
        if let Some(observed) = self.observed.get().and_then(Weak::upgrade) {
            observed.window_turned();
        }
    }

    pub(crate) fn end_source(&self) {
        self.source_ended_at.get_or_init(|| self.nanos());
        self.ended.store(true, SeqCst);
        self.wake_consumer();
    }

    /// When the source ended, if it has.
    pub(crate) fn source_ended_at(&self) -> Option<u64> {
        self.source_ended_at.get().copied()
    }

    pub(crate) fn source_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    /// Whether everything that was read has left the chain, and no more will be read.
    pub(crate) fn is_drained(&self, left: u64) -> bool {
        self.source_ended() && self.pulled() == left
    }

    // The consumer.

    /// Whether a batch should be passed on as soon as one of its items has failed.
    pub(crate) fn ends_at_error(&self) -> bool {
        self.eager
    }

    /// A batch has come out. Says whether the consumer should look now: what it wants next is there,
    /// and as much as it has patience for, or a good part of the window; or this was the last one.
    ///
    /// An error ends the patience: it may be what an eager run waits for.
    pub(crate) fn delivered(&self, items: usize, next: bool, failed: bool) -> bool {
        let delivered = self.delivered.fetch_add(items as u64, SeqCst) + items as u64;
        if next {
            self.ready.store(true, SeqCst);
        }
        if failed {
            self.set_patience(1);
        }
        let mut enough = self.patience.load(SeqCst);
        if self.gathers() {
            self.reopen();
        } else {
            enough = enough.min(self.window() as u64 / MUCH);
        }
        let waiting = delivered.saturating_sub(self.released.load(Relaxed));
        (waiting >= enough && self.ready.load(SeqCst)) || self.is_drained(delivered)
    }

    /// The consumer is about to look for what comes next.
    pub(crate) fn asks(&self) {
        self.ready.store(false, SeqCst);
    }

    /// How many results are worth waking the consumer for; 1 is each of them.
    pub(crate) fn set_patience(&self, results: u64) {
        self.patience.store(results, SeqCst);
    }

    /// Leaves a waker; the caller must look for work once more before it waits.
    pub(crate) fn register_consumer(&self, waker: &Waker) {
        let mut slot = lock(&self.consumer);
        match &mut *slot {
            Some(old) => old.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
        drop(slot);
        self.consumer_waits.store(true, SeqCst);
    }

    /// Wakes the consumer if it waits.
    pub(crate) fn wake_consumer(&self) {
        if self.consumer_waits.load(SeqCst) && self.consumer_waits.swap(false, SeqCst) {
            let waker = lock(&self.consumer).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("stopped", &self.stopped)
            .field("pulled", &self.pulled)
            .field("released", &self.released)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
