//! [`Recording`]: what one run did: a track for each stage, how many items waited where, and the
//! statistics of the run.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::track::{Kind, Track};
use crate::engine::lock;
use crate::options::StageOptions;
use crate::{ChainStats, Watcher};

/// The most looks at how many items wait.
const MOST_DEPTHS: usize = 2048;
/// The time between two of them at first, in nanoseconds; it doubles when there are too many.
const FIRST_PERIOD: u64 = 500_000;

#[derive(Debug)]
pub(crate) struct Recording {
    pub(super) started: Instant,
    pub(super) tracks: Vec<Arc<Track>>,
    depths: Mutex<Depths>,
    /// When to look next, in nanoseconds since the run began.
    next_look: AtomicU64,
    stats: Mutex<Stats>,
}

#[derive(Debug)]
struct Depths {
    period: u64,
    looks: Vec<Depth>,
}

/// How many items waited at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Depth {
    pub(crate) at: u64,
    /// Between the source and the consumer.
    pub(crate) inside: u64,
    /// Before each stage.
    pub(crate) queued: Vec<u64>,
}

/// Where the statistics of the run are.
#[derive(Debug)]
enum Stats {
    /// Nobody can look before it ends.
    Unknown,
    Live(Watcher),
    Left(ChainStats),
}

impl Recording {
    pub(super) fn new(stages: &[StageOptions], started: Instant) -> Self {
        let track = |stage: &StageOptions| {
            let kind = match stage {
                stage if stage.is_async() => Kind::Futures,
                stage if stage.processes.is_some() => Kind::Processes,
                _ => Kind::Threads,
            };
            Arc::new(Track::new(Arc::clone(&stage.name), kind, stage.workers()))
        };
        Self {
            started,
            tracks: stages.iter().map(track).collect(),
            depths: Mutex::new(Depths { period: FIRST_PERIOD, looks: Vec::new() }),
            next_look: AtomicU64::new(0),
            stats: Mutex::new(Stats::Unknown),
        }
    }

    /// Nanoseconds since the run began.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Looks how many items wait, if that is long ago.
    pub(super) fn sample(&self, depths: impl FnOnce() -> (u64, Vec<u64>)) {
        let at = self.now();
        if at < self.next_look.load(Relaxed) {
            return;
        }
        let (inside, queued) = depths();
        let mut depths = lock(&self.depths);
        depths.looks.push(Depth { at, inside, queued });
        if depths.looks.len() > MOST_DEPTHS {
            depths.period *= 2;
            let mut keep = false;
            depths.looks.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.next_look.store(at + depths.period, Relaxed);
    }

    pub(super) fn depths(&self) -> Vec<Depth> {
        lock(&self.depths).looks.clone()
    }

    pub(super) fn watch(&self, watcher: Watcher) {
        let mut stats = lock(&self.stats);
        if let Stats::Unknown = *stats {
            *stats = Stats::Live(watcher);
        }
    }

    /// The run is over, with these figures.
    pub(super) fn ends(&self, left: impl FnOnce() -> ChainStats) {
        if self.left().is_none() {
            let left = left();
            *lock(&self.stats) = Stats::Left(left);
        }
    }

    fn left(&self) -> Option<ChainStats> {
        match &*lock(&self.stats) {
            Stats::Left(stats) => Some(stats.clone()),
            _ => None,
        }
    }

    /// The figures as far as they can be had, and how long the run has gone on or did, in nanoseconds.
    pub(super) fn figures(&self) -> (Option<ChainStats>, u64) {
        // Without the lock: it may wait for a run that is just being dropped.
        let watcher = match &*lock(&self.stats) {
            Stats::Live(watcher) => Some(watcher.clone()),
            _ => None,
        };
        let stats = watcher.map(|watcher| watcher.stats()).or_else(|| self.left());
        let elapsed = stats.as_ref().map(|stats| stats.elapsed().as_nanos());
        (stats, elapsed.map_or_else(|| self.now(), |elapsed| u64::try_from(elapsed).unwrap_or(u64::MAX)))
    }
}
