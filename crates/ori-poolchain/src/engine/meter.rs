//! [`Meter`]: what a stage has done so far, told by its workers once a batch.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::run::Run;

/// A few relaxed additions for each batch: the figures need not fit each other to the nanosecond
/// while the stage works, and they do when it has ended.
#[derive(Debug)]
pub(crate) struct Meter {
    epoch: Instant,
    pub(crate) items: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) batches: AtomicU64,
    /// Nanoseconds of the batches that have ended.
    busy: AtomicU64,
    /// Of the batches that run: the sum of when they began, and how many there are. One number, so
    /// that whoever looks sees both of the same moment.
    running: AtomicU64,
    /// When a batch ended last, in nanoseconds.
    ended: AtomicU64,
}

/// The low bits of `running` count; the others add up microseconds, modulo half a year.
const COUNT_BITS: u32 = 20;

/// A batch that has begun; to be given to [`Meter::end`].
#[derive(Copy, Clone, Debug)]
pub(crate) struct Begun {
    /// Nanoseconds since the beginning of the run.
    pub(crate) at: u64,
}

/// How many futures or processes are at work, and since when.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Held {
    since: u64,
    count: u64,
}

impl Begun {
    fn mark(self) -> u64 {
        ((self.at / 1000) << COUNT_BITS) | 1
    }
}

impl Meter {
    pub(crate) fn new(run: &Run<'_>) -> Self {
        Self {
            epoch: run.started,
            items: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            running: AtomicU64::new(0),
            ended: AtomicU64::new(0),
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

    /// A worker, or a future, begins.
    pub(crate) fn begin(&self) -> Begun {
        let begun = Begun { at: self.now() };
        self.running.fetch_add(begun.mark(), Relaxed);
        begun
    }

    /// It has ended; gives when.
    pub(crate) fn end(&self, begun: Begun) -> u64 {
        let now = self.now();
        self.running.fetch_sub(begun.mark(), Relaxed);
        self.busy.fetch_add(now.saturating_sub(begun.at), Relaxed);
        self.ended.store(now, Relaxed);
        now
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
        let begun = Begun { at: self.now() };
        let count = count as u64;
        self.busy.fetch_add(held.count.wrapping_mul(begun.at - held.since), Relaxed);
        self.running.store(begun.mark().wrapping_mul(count), Relaxed);
        if held.count > count {
            self.ended.store(begun.at, Relaxed);
        }
        *held = Held { since: begun.at, count };
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
        let meter = Meter::new(&Run::new(None, false));
        let (one, two) = (Begun { at: 5_000_000 }, Begun { at: 7_000_000 });
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
