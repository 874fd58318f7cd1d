//! [`Workers`]: how many of a segment's workers there are, and how many may run.
//!
//! A worker is a job on an executor that takes work until there is none and then ends: it never
//! waits inside, so that any executor will do, and an idle chain occupies nobody. Whoever makes
//! work visible *offers* it: [`Workers::offer`] starts one more worker if there are fewer than the
//! cap, and each worker that finds more work than it takes offers again, so the number doubles
//! while there is work.
//!
//! No offer is lost: a worker that leaves first gives up its seat, then looks for work once more
//! ([`Workers::leave`]); who brings work first makes it visible, then looks for a free seat. What
//! holds a worker up, a full window or permits that all are taken, it says *after* giving up its
//! seat ([`Segment::has_more`]): whoever hears it earlier clears the note and finds no seat to offer.
//! The consumer, which has no seat, looks last too when it has helped.
//!
//! *Seats* bound the workers; *permits* bound how many of them run user functions at this moment
//! (a worker that reads the source holds none, and the consumer that helps needs one).

use std::cell::Cell;
use std::fmt;

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError, Result};

use super::pace::Pace;
use super::run::Run;
use crate::model::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::model::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize};
use crate::model::sync::{Arc, OnceLock, Weak};

/// Runs a worker's job on a thread of its own.
pub(crate) trait Spawn<'e>: Send + Sync {
    fn spawn(&self, job: Box<dyn FnOnce() + Send + 'e>) -> Result<()>;
}

/// Who works at a stage, for its statistics.
pub(crate) trait Crew: Send + Sync {
    /// The most items that are worked on at the same time.
    fn most(&self) -> usize;
    /// How many workers there are now, with or without work.
    fn alive(&self) -> usize;
    /// How many are worked on now.
    fn running(&self) -> usize;
}

/// The typed half of a segment, which knows how to work.
pub(crate) trait Segment<'e>: Send + Sync {
    fn workers(&self) -> &Workers<'e>;
    /// Works until there is nothing to do.
    fn drain(&self) -> Leave;
    /// Runs one batch on the calling thread; false if there was none. `may_pull` allows reading the
    /// source for it.
    fn help(&self, may_pull: bool) -> bool;
    /// Reads the source and runs a batch that starts at `position` on the calling thread; false if
    /// somebody else was faster.
    fn begin(&self, position: u64) -> bool;
    /// Whether there is something to help with.
    fn can_help(&self, may_pull: bool) -> bool;
    /// Whether one more worker would find something to do.
    fn can_work(&self) -> bool;
    /// The same, asked by somebody who stops working and has no seat: where there is work that must
    /// wait, this notes whom it waits for, and he will offer it.
    fn has_more(&self) -> bool {
        self.can_work()
    }
    /// How many batches run at this moment, where that is not the number of permits.
    fn running(&self) -> Option<usize> {
        None
    }
    /// How many workers there are, where those are not the seats.
    fn alive(&self) -> Option<usize> {
        None
    }
    /// The run is over: gives up what runs elsewhere. May be called more than once.
    fn stop(&self) {}
}

/// Why a worker stopped working.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// There was nothing to do.
    Idle,
    /// It was stuck in user code past a time limit, and was replaced: its seat is taken.
    Lost,
}

pub(crate) struct Workers<'e> {
    pub(crate) run: Arc<Run<'e>>,
    pub(crate) pace: Pace,
    /// The last of its stages.
    name: Arc<str>,
    spawner: Arc<dyn Spawn<'e> + 'e>,
    segment: OnceLock<Weak<dyn Segment<'e> + 'e>>,
    /// The most user functions that run at the same time.
    most: usize,
    /// One seat more than permits: a reader of a source that may block.
    reader: AtomicBool,
    /// Whether the consumer may run these stages.
    helpable: AtomicBool,
    /// It does so now.
    expected: AtomicBool,

    seats: AtomicUsize,
    permits: AtomicUsize,
    /// A worker left because there was no permit.
    denied: AtomicBool,
    /// Batches in the queues of the segment's stages.
    queued: AtomicIsize,
}

impl<'e> Workers<'e> {
    pub(crate) fn new(
        run: Arc<Run<'e>>,
        name: Arc<str>,
        spawner: Arc<dyn Spawn<'e> + 'e>,
        most: usize,
        chunk: Option<usize>,
    ) -> Self {
        Self {
            run,
            pace: Pace::new(most, chunk),
            name,
            spawner,
            segment: OnceLock::new(),
            most,
            reader: AtomicBool::new(false),
            helpable: AtomicBool::new(true),
            expected: AtomicBool::new(false),
            seats: AtomicUsize::new(0),
            permits: AtomicUsize::new(0),
            denied: AtomicBool::new(false),
            queued: AtomicIsize::new(0),
        }
    }

    pub(crate) fn set_segment(&self, segment: Weak<dyn Segment<'e> + 'e>) {
        self.segment.set(segment).expect("workers belong to one segment");
    }

    /// Allows one worker more than may run, for a source that may block whoever reads it.
    pub(crate) fn add_reader(&self) {
        self.reader.store(true, Relaxed);
    }

    /// The consumer must not run these stages: it might get stuck in them.
    pub(crate) fn forbid_help(&self) {
        self.helpable.store(false, Relaxed);
    }

    /// Whether the consumer may run these stages.
    pub(crate) fn may_be_helped(&self) -> bool {
        self.most > 1 && self.helpable.load(Relaxed)
    }

    /// Whether the consumer may help with any item now; then it does so in the place of one worker,
    /// since a processor that it shares with a worker is lost to both.
    pub(crate) fn expect_help(&self) -> bool {
        let trusted = self.pace.is_proven();
        if self.expected.load(Relaxed) != trusted {
            self.expected.store(trusted, Relaxed);
            if !trusted {
                // The last worker may have left while the consumer was reading the source.
                self.offer();
            }
        }
        trusted
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    // Seats.

    fn seats_now(&self) -> usize {
        let most = if self.expected.load(Relaxed) { self.most - 1 } else { self.most };
        most.saturating_add(usize::from(self.reader.load(Relaxed)))
    }

    fn try_sit(&self) -> bool {
        let limit = self.seats_now();
        self.seats.fetch_update(SeqCst, SeqCst, |seats| (seats < limit).then_some(seats + 1)).is_ok()
    }

    /// Whether there are fewer workers than wanted now.
    pub(crate) fn has_seat(&self) -> bool {
        self.seats.load(SeqCst) < self.seats_now()
    }

    /// Whether there are more workers than wanted now.
    pub(crate) fn is_crowded(&self) -> bool {
        self.seats.load(Relaxed) > self.seats_now()
    }

    /// Starts one more worker, if a seat is free.
    pub(crate) fn offer(&self) {
        if self.run.is_stopped() || !self.try_sit() {
            return;
        }
        let Some(segment) = self.segment.get().and_then(Weak::upgrade) else { return };
        let seat = Seat { segment, taken: false };
        DROPPED_SEAT.with(|dropped| dropped.set(None));
        OFFERS.with(|offers| offers.set(true));
        let spawned = self.spawner.spawn(Box::new(move || seat.work()));
        OFFERS.with(|offers| offers.set(false));
        // With nobody on the other seats the work would lie for ever.
        let error = spawned.err().or(DROPPED_SEAT.with(Cell::take));
        if let Some(error) = error.filter(|_| self.seats.load(SeqCst) == 0) {
            self.run.fail(error);
        }
    }

    /// Gives up a seat; false if there is work again and the worker sits on.
    fn leave(&self, segment: &dyn Segment<'e>) -> bool {
        self.seats.fetch_sub(1, SeqCst);
        !(!self.run.is_stopped() && segment.has_more() && self.try_sit())
    }

    /// The same for the consumer, which has no seat: whoever found the source in its hands, or no
    /// permit because of it, has left.
    pub(crate) fn leave_to_others(&self, segment: &dyn Segment<'e>) {
        if !self.run.is_stopped() && segment.has_more() {
            self.offer();
        }
    }

    /// Whether there is anything to do for one more worker.
    fn has_work(&self, segment: &dyn Segment<'e>) -> bool {
        !self.run.is_stopped() && segment.can_work()
    }

    /// Whether a permit is free.
    pub(crate) fn may_start(&self) -> bool {
        self.permits.load(SeqCst) < self.most
    }

    /// The same; where none is, whoever gives one back will offer work.
    pub(crate) fn may_start_later(&self) -> bool {
        self.may_start() || {
            self.denied.store(true, SeqCst);
            self.may_start()
        }
    }

    /// Offers work if there is some that nobody has taken: called by each worker when it has taken
    /// what it can do itself.
    pub(crate) fn offer_rest(&self, segment: &dyn Segment<'e>) {
        if self.has_seat() && self.has_work(segment) {
            self.offer();
        }
    }

    /// Gives up the seat and the permit of a worker that is stuck in user code, and starts another.
    pub(crate) fn replace_lost(&self) {
        self.permits.fetch_sub(1, SeqCst);
        self.seats.fetch_sub(1, SeqCst);
        self.offer();
    }

    // Permits.

    /// A permit to run user functions, if one is free.
    pub(crate) fn try_start(&self) -> bool {
        let take = || {
            self.permits
                .fetch_update(SeqCst, SeqCst, |running| (running < self.most).then_some(running + 1))
                .is_ok()
        };
        if take() {
            return true;
        }
        self.denied.store(true, SeqCst);
        take()
    }

    /// Gives the permit back, to somebody who was denied one if there is work for him.
    pub(crate) fn finish(&self) {
        self.permits.fetch_sub(1, SeqCst);
        if self.denied.load(SeqCst)
            && self.denied.swap(false, SeqCst)
            && let Some(segment) = self.segment.get().and_then(Weak::upgrade)
        {
            self.offer_rest(&*segment);
        }
    }

    // The queues of the stages.

    pub(crate) fn add_queued(&self, batches: isize) {
        self.queued.fetch_add(batches, SeqCst);
    }

    pub(crate) fn queued_batches(&self) -> usize {
        usize::try_from(self.queued.load(Relaxed)).unwrap_or(0)
    }

    pub(crate) fn has_queued(&self) -> bool {
        self.queued.load(SeqCst) > 0
    }
}

impl Crew for Workers<'_> {
    fn most(&self) -> usize {
        self.most
    }

    fn alive(&self) -> usize {
        let segment = self.segment.get().and_then(Weak::upgrade);
        let elsewhere = segment.and_then(|segment| segment.alive());
        elsewhere.unwrap_or_else(|| self.seats.load(Relaxed).max(self.permits.load(Relaxed)))
    }

    /// The helping consumer included.
    fn running(&self) -> usize {
        let segment = self.segment.get().and_then(Weak::upgrade);
        segment.and_then(|segment| segment.running()).unwrap_or_else(|| self.permits.load(Relaxed))
    }
}

/// A worker's place in its segment, from the offer to the end of its work.
struct Seat<'e> {
    segment: Arc<dyn Segment<'e> + 'e>,
    taken: bool,
}

impl Seat<'_> {
    fn work(mut self) {
        self.taken = true;
        let segment = Arc::clone(&self.segment);
        let workers = segment.workers();
        // What user functions tell belongs to the run, too.
        workers.run.span.in_scope(|| {
            event!(TRACE, "worker started", stage = &*workers.name);
            self.work_on();
            event!(TRACE, "worker left", stage = &*workers.name);
        });
    }

    fn work_on(&mut self) {
        loop {
            match ori_errors::catch_panic(|| self.segment.drain()) {
                Ok(Leave::Idle) => {}
                Ok(Leave::Lost) => return,
                Err(error) => self.segment.workers().run.fail(error),
            }
            if self.segment.workers().leave(&*self.segment) {
                return;
            }
        }
    }
}

/// A job that the executor dropped gives its seat back.
impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let workers = self.segment.workers();
        let last = workers.seats.fetch_sub(1, SeqCst) == 1;
        let error =
            || OriError::new(ErrorKind::Closed, "the executor dropped a stage's worker before it ran");
        if OFFERS.with(Cell::get) {
            // Dropped while it is offered: the executor may have a better word for it.
            DROPPED_SEAT.with(|dropped| dropped.set(Some(error())));
        } else if last && workers.has_work(&*self.segment) {
            workers.run.fail(error());
        }
    }
}

#[cfg(not(shuttle))]
thread_local! {
    /// This thread is offering a seat to an executor.
    static OFFERS: Cell<bool> = const { Cell::new(false) };
    /// What became of it, if the executor dropped it at once.
    static DROPPED_SEAT: Cell<Option<OriError>> = const { Cell::new(None) };
}
#[cfg(shuttle)]
shuttle::thread_local! {
    static OFFERS: Cell<bool> = Cell::new(false);
    static DROPPED_SEAT: Cell<Option<OriError>> = Cell::new(None);
}

impl fmt::Debug for Workers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("most", &self.most)
            .field("seats", &self.seats)
            .field("permits", &self.permits)
            .field("queued", &self.queued)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
