//! [`Monitor`]: the one thread of a run that looks at the others, while there is something to see.
//!
//! A worker tells what it does in passing, so being watched is nearly free. The monitor notices
//! - a batch that takes far longer than planned: it sets the worker's stop flag ([`Pulse`]);
//! - an item that takes longer than its stage allows ([`Slot`](super::slot::Slot)).
//!
//! It starts with the first batch that is worth it, sleeps longer when only long time limits are
//! watched, and ends when there has been nothing to see for a while.
//!
//! A thread that waits for results looks too, so that no monitor need start for its sake: whatever
//! withholds a result, withholds it from this thread.

use std::time::{Duration, Instant};

use super::lock::lock;
use super::run::Run;
use super::workers::Spawn;
use crate::model::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::model::sync::atomic::{AtomicBool, AtomicU64, fence};
use crate::model::sync::{Arc, Condvar, Mutex, Weak};
use crate::model::wait_until;

/// How often the monitor looks at batches; also how long a batch may take before it is split.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// A time limit is looked at this often, so an item is late by an eighth of its limit at most.
const LOOKS: u32 = 16;
/// The longest sleep between two looks at time limits.
const LONGEST: Duration = Duration::from_millis(50);
/// The monitor ends after so many looks at nothing.
const IDLE_LOOKS: u32 = 50;
/// Smaller batches are not worth splitting.
const WORTH_SPLITTING: usize = 16;

/// What there was to see.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    Nothing,
    /// Something whose time limit is far away.
    Slow,
    /// Something to look at again after a tick.
    Fast,
}

/// Something that the monitor looks at.
pub(crate) trait Watch: Send + Sync {
    fn look(&self, now: Instant) -> Sight;

    /// The run is over: stop soon.
    fn stop(&self) {}
}

pub(crate) struct Monitor<'e> {
    run: Arc<Run<'e>>,
    spawner: Arc<dyn Spawn<'e> + 'e>,
    watched: Mutex<Vec<Weak<dyn Watch + 'e>>>,
    /// Nanoseconds between two looks at time limits.
    slow: AtomicU64,
    /// The consumer is a thread, which looks while it waits.
    is_helped: bool,
    alive: AtomicBool,
    over: Mutex<bool>,
    ended: Condvar,
}

impl<'e> Monitor<'e> {
    pub(crate) fn new(run: Arc<Run<'e>>, spawner: Arc<dyn Spawn<'e> + 'e>, is_helped: bool) -> Self {
        Self {
            run,
            spawner,
            watched: Mutex::new(Vec::new()),
            slow: AtomicU64::new(nanos(LONGEST)),
            is_helped,
            alive: AtomicBool::new(false),
            over: Mutex::new(false),
            ended: Condvar::new(),
        }
    }

    /// Looks at this from now on, often enough for a time limit.
    pub(crate) fn add(&self, watched: Weak<dyn Watch + 'e>, limit: Option<Duration>) {
        if let Some(limit) = limit {
            self.slow.fetch_min(nanos((limit / LOOKS).max(TICK)), Relaxed);
        }
        let mut all = lock(&self.watched);
        // Where nobody looks, nobody notices what is gone.
        if all.len() == all.capacity() {
            all.retain(|one| one.strong_count() > 0);
        }
        all.push(watched);
    }

    /// Somebody should look before long: a consumer that waits, or else the monitor.
    pub(crate) fn ask(self: &Arc<Self>) {
        if !self.is_helped {
            self.rouse();
        }
    }

    /// Starts the monitor unless it is there. To be called when there is something to see.
    pub(crate) fn rouse(self: &Arc<Self>) {
        if self.alive.load(SeqCst) || self.run.is_stopped() || self.alive.swap(true, SeqCst) {
            return;
        }
        let monitor = Arc::clone(self);
        if let Err(error) = self.spawner.spawn(Box::new(move || monitor.watch())) {
            // Without a thread there are no time limits, and that must not go unnoticed.
            self.run.fail(error);
        }
    }

    /// Ends the monitor.
    pub(crate) fn end(&self) {
        *lock(&self.over) = true;
        self.ended.notify_all();
        self.stop_all();
    }

    fn stop_all(&self) {
        let watched = std::mem::take(&mut *lock(&self.watched));
        for one in watched.iter().filter_map(Weak::upgrade) {
            one.stop();
        }
    }

    fn watch(&self) {
        let mut idle = 0;
        let mut pause = TICK;
        loop {
            if wait_until(&self.over, &self.ended, pause) {
                return;
            }
            pause = match self.look() {
                Sight::Slow => Duration::from_nanos(self.slow.load(Relaxed)),
                Sight::Nothing | Sight::Fast if idle < IDLE_LOOKS => TICK,
                _ => {
                    self.alive.store(false, SeqCst);
                    // Something may have begun that still saw the monitor alive.
                    if self.look() == Sight::Nothing || self.alive.swap(true, SeqCst) {
                        return;
                    }
                    TICK
                }
            };
            idle = if pause == TICK { idle + 1 } else { 0 };
        }
    }

    /// Looks at everything, unless the monitor does. Not to be called twice within a [`TICK`].
    pub(crate) fn look_as_consumer(&self) -> Sight {
        if self.alive.load(SeqCst) { Sight::Slow } else { self.look() }
    }

    fn look(&self) -> Sight {
        let now = Instant::now();
        let mut watched = std::mem::take(&mut *lock(&self.watched));
        let mut most = Sight::Nothing;
        watched.retain(|one| match one.upgrade() {
            Some(one) => {
                most = most.max(one.look(now));
                true
            }
            None => false,
        });
        lock(&self.watched).append(&mut watched);
        if *lock(&self.over) {
            // Whoever ended the run meanwhile found nobody to stop.
            self.stop_all();
        }
        most
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A worker's signs of life, and the flag that tells it to give up the rest of its batch.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// The number of the batch that is running; 0 between batches.
    batch: AtomicU64,
    batches: AtomicU64,
    seen: AtomicU64,
    stop: AtomicBool,
    watched: AtomicBool,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// A batch begins.
    pub(crate) fn begin<'e>(self: &Arc<Self>, items: usize, monitor: &Arc<Monitor<'e>>) {
        self.stop.store(false, SeqCst);
        fence(SeqCst);
        if monitor.run.is_stopped() {
            // Who ended the run may have set the flag just before it was cleared.
            self.stop.store(true, SeqCst);
        }
        if items < WORTH_SPLITTING {
            return;
        }
        let number = self.batches.load(Relaxed) + 1;
        self.batches.store(number, Relaxed);
        self.batch.store(number, Relaxed);
        if !self.watched.swap(true, Relaxed) {
            let weak: Weak<Self> = Arc::downgrade(self);
            monitor.add(weak, None);
        }
        monitor.rouse();
    }

    /// The batch has ended.
    pub(crate) fn end(&self) {
        self.batch.store(0, Relaxed);
    }
}

impl Watch for Pulse {
    fn look(&self, _now: Instant) -> Sight {
        let batch = self.batch.load(Relaxed);
        if batch == 0 {
            return Sight::Nothing;
        }
        if self.seen.swap(batch, Relaxed) == batch {
            self.stop.store(true, Relaxed);
        }
        Sight::Fast
    }

    fn stop(&self) {
        self.stop.store(true, SeqCst);
    }
}
