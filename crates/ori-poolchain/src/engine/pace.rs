//! [`Pace`]: what a segment's items cost, and how big its batches should be for that.

use std::time::Duration;

use super::watch::TICK;
use crate::model::sync::atomic::Ordering::Relaxed;
use crate::model::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// How long a batch should take: long enough that what a batch costs (about a microsecond) does
/// not count, short enough that the last batches of a run end together.
const TARGET: Duration = Duration::from_micros(64);
/// Near the end of the input batches shrink to this part of the target, but no further.
const PIECES: usize = 16;
/// So many items in a row must have cost little before the consumer runs any but the next.
const PROVEN: u64 = 4096;
/// So many items in a row must have come in batches that took no longer than planned, before they
/// are run whole batches at a time.
const STEADY: u64 = 1024;
/// And they must cost no more than this: above it, watching each item is next to free.
const STEADY_COST: Duration = Duration::from_micros(4);
/// A batch grows at most by this factor, so that one lucky measurement does no harm.
const GROWTH: usize = 4;
/// A new estimate is at most this many times the old one: a batch that was interrupted by the
/// operating system is no slow batch.
const DISTRUST: u64 = 3;
/// The most items in a batch whose size we choose.
const MOST_ITEMS: usize = 8192;
/// The most bytes in a batch whose size we choose, counting what lies in the items themselves.
const MOST_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Pace {
    /// Who shares the items.
    workers: usize,
    /// The number of items in a batch, if the user chose it.
    chunk: Option<usize>,
    /// The most items in a batch, for its bytes' sake.
    ceiling: AtomicUsize,
    size: AtomicUsize,
    /// Nanoseconds an item, times 16; 0 is unknown.
    cost: AtomicU64,
    /// A batch was split.
    split: AtomicBool,
    /// Items in a row that cost little.
    proven: AtomicU64,
    /// Items in a row in batches that took no longer than planned.
    steady: AtomicU64,
}

impl Pace {
    pub(crate) fn new(workers: usize, chunk: Option<usize>) -> Self {
        Self {
            workers,
            chunk,
            ceiling: AtomicUsize::new(MOST_ITEMS),
            size: AtomicUsize::new(1),
            cost: AtomicU64::new(0),
            split: AtomicBool::new(false),
            proven: AtomicU64::new(0),
            steady: AtomicU64::new(0),
        }
    }

    /// Adds a stage whose items take so many bytes.
    pub(crate) fn add_stage(&self, item_bytes: usize) {
        self.ceiling.fetch_min((MOST_BYTES / item_bytes.max(1)).max(1), Relaxed);
    }

    /// How many items to take at once, with `remaining` of them left where that is known: near the
    /// end of the input the batches shrink, so that all workers end together.
    pub(crate) fn batch_size(&self, remaining: Option<usize>) -> usize {
        if let Some(chunk) = self.chunk {
            return chunk;
        }
        let size = self.size.load(Relaxed);
        match remaining {
            Some(remaining) => {
                let share = remaining / self.workers.saturating_mul(2);
                size.min(share.max(self.affordable() / PIECES)).max(1)
            }
            None => size,
        }
    }

    /// Whether the user chose the size of the batches.
    pub(crate) fn has_chunksize(&self) -> bool {
        self.chunk.is_some()
    }

    /// Learns from a batch of `items` that took so long.
    pub(crate) fn learn(&self, items: usize, elapsed: Duration) {
        if items == 0 {
            return;
        }
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX / 16).min(u64::MAX / 16);
        let measured = (nanos * 16 / items as u64).max(1);
        let old = self.cost.load(Relaxed);
        let cost = if old == 0 { measured } else { measured.min(old.saturating_mul(DISTRUST)) };
        self.cost.store(cost, Relaxed);
        if self.is_cheap() {
            self.proven.fetch_add(items as u64, Relaxed);
        } else {
            self.proven.store(0, Relaxed);
        }
        if elapsed < TICK {
            self.steady.fetch_add(items as u64, Relaxed);
        } else {
            self.steady.store(0, Relaxed);
        }
        let old_size = self.size.load(Relaxed);
        let size =
            self.affordable().clamp(1, old_size.saturating_mul(GROWTH)).min(self.ceiling.load(Relaxed));
        if size != old_size {
            self.size.store(size, Relaxed);
        }
    }

    /// How many items take as long as a batch should.
    fn affordable(&self) -> usize {
        match self.cost.load(Relaxed) {
            0 => 1,
            cost => usize::try_from(TARGET.as_nanos() as u64 * 16 / cost).unwrap_or(usize::MAX),
        }
    }

    /// Forgets what was learned, because a batch took far longer than planned and was split.
    pub(crate) fn unlearn(&self, items: usize, elapsed: Duration) {
        self.cost.store(0, Relaxed);
        self.proven.store(0, Relaxed);
        self.steady.store(0, Relaxed);
        self.split.store(true, Relaxed);
        self.learn(items, elapsed);
    }

    /// How many items to take at once of what waits at a stage. The rest of a batch that was split
    /// is shared by all workers, whatever size the user chose.
    pub(crate) fn resume_size(&self) -> usize {
        match self.chunk {
            Some(chunk) if !self.split.load(Relaxed) => chunk,
            Some(chunk) => chunk.min(self.size.load(Relaxed)),
            None => self.size.load(Relaxed),
        }
    }

    /// Whether nothing is known about the cost of an item.
    pub(crate) fn is_new(&self) -> bool {
        self.cost.load(Relaxed) == 0
    }

    /// Whether the items have cost next to nothing for so long that a batch may be run in one go:
    /// if one of them gets stuck after all, those before it in its batch wait for it.
    pub(crate) fn is_steady(&self) -> bool {
        self.steady.load(Relaxed) >= STEADY && self.cost.load(Relaxed) / 16 <= STEADY_COST.as_nanos() as u64
    }

    /// Whether an item is known to cost so little that many come in the time of a batch.
    pub(crate) fn is_cheap(&self) -> bool {
        let cost = self.cost.load(Relaxed) / 16;
        cost != 0 && cost.saturating_mul(self.chunk.unwrap_or(1) as u64) <= TARGET.as_nanos() as u64
    }

    /// Whether so many items have cost little that the consumer may run any of them.
    pub(crate) fn is_proven(&self) -> bool {
        self.proven.load(Relaxed) >= PROVEN
    }
}
