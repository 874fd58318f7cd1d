//! The counts and times of a load over all its rounds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// How many descriptions of what went wrong are kept.
const KEPT_FAULTS: usize = 5;

/// What became of the items of one load, counted from any thread.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) rounds: AtomicU64,
    /// Items that were taken from a source.
    pub(crate) taken_in: AtomicU64,
    /// Items whose value came out, and was right.
    pub(crate) values: AtomicU64,
    /// Items whose error came out, and was the one that this item must have.
    pub(crate) errors: AtomicU64,
    /// Items that went with the worker that was killed while it ran them.
    pub(crate) charged: AtomicU64,
    /// Items in rounds that were dropped halfway, on purpose.
    pub(crate) dropped: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) doubled: AtomicU64,
    /// Items with another value, error or place than theirs.
    pub(crate) wrong: AtomicU64,
    faults: Mutex<Vec<String>>,
    times: Mutex<Histogram<u64>>,
    last_round: Mutex<Instant>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        // Microseconds up to an hour, to two digits: 20 KiB, however many are recorded.
        let times = Histogram::new_with_bounds(1, 3_600_000_000, 2).expect("the bounds are good");
        Self {
            rounds: AtomicU64::new(0),
            taken_in: AtomicU64::new(0),
            values: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            charged: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            doubled: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            faults: Mutex::default(),
            times: Mutex::new(times),
            last_round: Mutex::new(Instant::now()),
        }
    }

    /// A fault of an item or a round, described for the report.
    pub(crate) fn wrong(&self, what: String) {
        self.wrong.fetch_add(1, Relaxed);
        self.describe(what);
    }

    /// Adds a line to the report, unless it has enough of them.
    pub(crate) fn describe(&self, what: String) {
        let mut faults = lock(&self.faults);
        if faults.len() < KEPT_FAULTS {
            eprintln!("{what}");
            faults.push(what);
        }
    }

    /// How long one item took from the source to its result.
    pub(crate) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        lock(&self.times).saturating_record(micros.max(1));
    }

    pub(crate) fn round_ended(&self) {
        self.rounds.fetch_add(1, Relaxed);
        self.wake();
    }

    /// The silence begins anew.
    pub(crate) fn wake(&self) {
        *lock(&self.last_round) = Instant::now();
    }

    /// How long ago the last round ended.
    pub(crate) fn silence(&self) -> Duration {
        lock(&self.last_round).elapsed()
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        lock(&self.faults).clone()
    }

    /// What so many of a hundred items took at most.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(lock(&self.times).value_at_quantile(percent / 100.0))
    }

    /// Adds the times of this load to those of others.
    pub(crate) fn add_times_to(&self, all: &mut Histogram<u64>) {
        all.add(&*lock(&self.times)).expect("all have the same bounds");
    }

    /// Everything that must stay 0.
    pub(crate) fn failures(&self) -> u64 {
        [&self.lost, &self.doubled, &self.wrong].into_iter().map(|count| count.load(Relaxed)).sum()
    }

    /// Forgets everything: what came before was to warm up.
    ///
    /// Failures stay: an item that is lost while warming up is lost.
    pub(crate) fn forget(&self) {
        for count in [&self.rounds, &self.taken_in, &self.values, &self.errors, &self.charged, &self.dropped]
        {
            count.store(0, Relaxed);
        }
        lock(&self.times).reset();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
