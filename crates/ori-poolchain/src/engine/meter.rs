//! [`Meter`]: what a stage has done so far, told by its workers once a batch.

use std::time::{Duration, Instant};

use ori_errors::OriError;
use ori_worker::Replies;

use super::run::Run;
use super::tape::{Again, Seat, Sent, Tape};
use crate::model::sync::atomic::AtomicU64;
use crate::model::sync::atomic::Ordering::Relaxed;

/// A few relaxed additions for each batch: the figures need not fit each other to the nanosecond
/// while the stage works, and they do when it has ended.
#[derive(Debug)]
pub(crate) struct Meter {
    epoch: Instant,
    pub(crate) items: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) lost_workers: AtomicU64,
    pub(crate) batches: AtomicU64,
    /// Nanoseconds of the batches that have ended.
    busy: AtomicU64,
    /// Of the batches that run: the sum of when they began, and how many there are. One number, so
    /// that whoever looks sees both of the same moment.
    running: AtomicU64,
    /// When a batch ended last, in nanoseconds.
    ended: AtomicU64,
    tape: Tape,
}

/// The low bits of `running` count; the others add up microseconds, modulo half a year.
const COUNT_BITS: u32 = 20;

/// A batch that has begun; to be given to [`Meter::end`].
#[derive(Copy, Clone, Debug)]
pub(crate) struct Begun {
    /// Nanoseconds since the beginning of the run.
    pub(crate) at: u64,
    seat: Seat,
}

/// What came of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    /// The position after the last item that was run.
    pub(crate) end: u64,
    /// Items whose outcome is known.
    pub(crate) items: usize,
    pub(crate) errors: usize,
}

/// A future that has begun; to be given to [`Meter::end_future`].
#[cfg(feature = "async")]
#[derive(Copy, Clone, Debug)]
pub(crate) struct BegunFuture {
    at: u64,
    seat: Seat,
}

/// How many futures or processes are at work, and since when.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Held {
    since: u64,
    count: u64,
}

impl Begun {
    fn mark(self) -> u64 {
        mark(self.at)
    }
}

fn mark(at: u64) -> u64 {
    ((at / 1000) << COUNT_BITS) | 1
}

impl Meter {
    pub(crate) fn new(run: &Run<'_>, tape: Tape) -> Self {
        Self {
            epoch: run.started,
            items: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            lost_workers: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            running: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            tape,
        }
    }

    /// Nanoseconds since the beginning of the run.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.epoch.elapsed())
    }

    /// How long ago that was.
    pub(crate) fn since(&self, begun: Begun) -> Duration {
        Duration::from_nanos(self.now().saturating_sub(begun.at))
    }

    /// A worker begins a batch whose first item has this position.
    pub(crate) fn begin(&self, first: u64) -> Begun {
        let at = self.now();
        self.begin_at(at, self.tape.begin(at, first))
    }

    /// A worker begins with what surrounds the stage's function.
    pub(crate) fn begin_beside(&self) -> Begun {
        self.begin_at(self.now(), Tape::beside())
    }

    fn begin_at(&self, at: u64, seat: Seat) -> Begun {
        let begun = Begun { at, seat };
        self.running.fetch_add(begun.mark(), Relaxed);
        begun
    }

    /// The batch has ended, and what came of it counts.
    pub(crate) fn end(&self, begun: Begun, ran: &Ran) {
        self.count(ran.items, ran.errors);
        let now = self.now();
        self.running.fetch_sub(begun.mark(), Relaxed);
        self.busy.fetch_add(now.saturating_sub(begun.at), Relaxed);
        self.ended.store(now, Relaxed);
        self.tape.end(begun.seat, begun.at, now, ran);
    }

    /// A future begins.
    #[cfg(feature = "async")]
    pub(crate) fn begin_future(&self, position: u64) -> BegunFuture {
        let at = if self.tape.is_on() { self.now() } else { 0 };
        BegunFuture { at, seat: self.tape.begin_future(at, position) }
    }

    /// The item of a future has its result, or its error.
    #[cfg(feature = "async")]
    pub(crate) fn end_future(&self, begun: BegunFuture, position: u64, failed: bool) {
        let errors = usize::from(failed);
        if failed {
            self.errors.fetch_add(1, Relaxed);
        }
        if self.tape.is_on() {
            self.tape.end(begun.seat, begun.at, self.now(), &Ran { end: position + 1, items: 1, errors });
        }
    }

    /// A process has run the items with the positions from `ends.0` up to `ends.1`.
    pub(crate) fn replied(&self, sent: &Sent, ends: impl FnOnce() -> (u64, u64), replies: &Replies) {
        if self.tape.is_on() {
            self.tape.replied(|| self.now(), sent, ends(), replies);
        }
    }

    /// A batch was handed to a process.
    pub(crate) fn sent(&self, sent: &Sent) {
        if self.tape.is_on() {
            sent.set(self.now());
        }
    }

    /// Items of a batch that a process ran have failed.
    pub(crate) fn failed(&self, errors: usize) {
        self.errors.fetch_add(errors as u64, Relaxed);
        if self.tape.is_on() {
            self.tape.failed(self.now(), errors);
        }
    }

    /// An item is tried again, for this reason.
    pub(crate) fn retried(&self, position: u64, error: &OriError) {
        self.retries.fetch_add(1, Relaxed);
        self.tape.retried(|| self.now(), position, error);
    }

    /// An item cost a thread.
    pub(crate) fn lost(&self, position: u64, error: &OriError) {
        self.lost_workers.fetch_add(1, Relaxed);
        self.tape.lost(|| self.now(), position, error);
    }

    /// An item cost its process.
    pub(crate) fn died(&self, sent: &Sent, position: u64, error: &OriError, again: Again) {
        self.lost_workers.fetch_add(1, Relaxed);
        self.tape.died(|| self.now(), sent, position, error, again);
    }

    /// Counts a batch that this stage ran: `items` values went in, `errors` of them failed.
    pub(crate) fn count(&self, items: usize, errors: usize) {
        self.items.fetch_add(items as u64, Relaxed);
        self.batches.fetch_add(u64::from(items > 0), Relaxed);
        if errors > 0 {
            self.errors.fetch_add(errors as u64, Relaxed);
        }
    }

    /// From now on so many futures, or processes, are at work: for a stage where one place knows them
    /// all.
    pub(crate) fn hold(&self, held: &mut Held, count: usize) {
        let at = self.now();
        let count = count as u64;
        self.busy.fetch_add(held.count.wrapping_mul(at - held.since), Relaxed);
        self.running.store(mark(at).wrapping_mul(count), Relaxed);
        if held.count > count {
            self.ended.store(at, Relaxed);
        }
        *held = Held { since: at, count };
    }

    /// Time in the stage's function up to `now`, of what has ended and of what runs, in nanoseconds.
    pub(crate) fn busy(&self, now: u64) -> u64 {
        let mut ended = self.busy.load(Relaxed);
        // What ends meanwhile must not be counted twice.
        for _ in 0..MOST_LOOKS {
            let running = self.running.load(Relaxed);
            let again = self.busy.load(Relaxed);
            if again == ended {
                let count = running & ((1 << COUNT_BITS) - 1);
                let starts = running >> COUNT_BITS;
                let micros = count.wrapping_mul(now / 1000).wrapping_sub(starts) & (u64::MAX >> COUNT_BITS);
                // It began after `now`.
                let micros = if micros > u64::MAX >> (COUNT_BITS + 1) { 0 } else { micros };
                return ended + micros * 1000;
            }
            ended = again;
        }
        ended
    }

    /// When a batch ended last, in nanoseconds.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }
}

/// How often to look for two figures that fit.
const MOST_LOOKS: usize = 8;

fn nanos(duration: Duration) -> u64 {
    duration.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(duration.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_counts_until_now() {
        let meter = Meter::new(&Run::new(None, false), Tape::default());
        let begun = |at| Begun { at, seat: Tape::beside() };
        let (one, two) = (begun(5_000_000), begun(7_000_000));
        meter.running.fetch_add(one.mark(), Relaxed);
        assert_eq!(meter.busy(6_000_000), 1_000_000);
        meter.running.fetch_add(two.mark(), Relaxed);
        assert_eq!(meter.busy(9_000_000), 6_000_000);
        assert_eq!(meter.busy(4_000_000), 0, "the future is no time at all");
        meter.running.fetch_sub(one.mark(), Relaxed);
        assert_eq!(meter.busy(9_000_000), 2_000_000);
        meter.running.fetch_sub(two.mark(), Relaxed);
        assert_eq!(meter.busy(u64::MAX / 2), 0);
    }
}
