//! [`Observed`]: a run as its statistics see it, from any thread.
//!
//! Counts and busy time stand in the meters. What is worked out here is for what the workers of a
//! stage *wait*: nobody waits inside a worker, so it is worked out from what there was to do.
//!
//! A stage without work waits for input, as a rule. It waits for *output* while the source may not be
//! read because the window is full ([`Run::is_full`]) and nothing is on its way to the stage:
//! everything inside the chain is behind it. That changes only when the window fills or opens, so it
//! is enough to look then: while it is full nothing comes in, so a stage that has nothing before it
//! has had nothing since its last batch ended.

use std::time::Duration;

use super::build::Metered;
use super::lock::lock;
use super::run::Run;
use crate::model::sync::atomic::Ordering::Relaxed;
use crate::model::sync::{Arc, Mutex, OnceLock, Weak};
use crate::stats::{ChainStats, StageStats};
use crate::watcher::Watcher;

/// Something that items wait in.
pub(crate) trait Depth: Send + Sync {
    /// How many wait.
    fn items(&self) -> usize;
}

pub(crate) struct Observed<'e> {
    run: Arc<Run<'e>>,
    stages: Vec<Metered<'e>>,
    /// What was read from the source and waits for the first stage.
    staged: Arc<dyn Depth + 'e>,
    expected: Option<u64>,
    window: Mutex<Window>,
    /// What is left when this is dropped, for the watchers that there are.
    last: Arc<OnceLock<ChainStats>>,
}

/// What the window did, and how long each stage has waited for it, in nanoseconds.
struct Window {
    full_since: Option<u64>,
    waited: Vec<u64>,
}

impl Metered<'_> {
    fn shares_crew(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.crew), Arc::as_ptr(&other.crew))
    }

    fn queued(&self) -> usize {
        self.queues.iter().map(|queue| queue.items()).sum()
    }
}

/// A look at a stage.
#[derive(Copy, Clone)]
struct Look {
    queued: usize,
    running: usize,
    /// When its last batch, or that of a stage with the same workers, ended.
    ended: u64,
    /// Nothing waits for the stage, nor is on its way to it.
    unfed: bool,
}

impl<'e> Observed<'e> {
    pub(crate) fn new(
        run: &Arc<Run<'e>>,
        stages: Vec<Metered<'e>>,
        staged: Arc<dyn Depth + 'e>,
        expected: Option<u64>,
    ) -> Arc<Self> {
        let window = Mutex::new(Window { full_since: None, waited: vec![0; stages.len()] });
        let observed =
            Arc::new(Self { run: Arc::clone(run), stages, staged, expected, window, last: Arc::default() });
        let weak: Weak<dyn Turn + 'e> = Arc::downgrade(&(Arc::clone(&observed) as Arc<dyn Turn + 'e>));
        run.set_observed(weak);
        observed
    }

    /// The stages that have the same workers as this one, itself included.
    fn mates(&self, stage: usize) -> impl Iterator<Item = &Metered<'e>> {
        self.stages.iter().filter(move |mate| mate.shares_crew(&self.stages[stage]))
    }

    fn look(&self) -> Vec<Look> {
        let mut before = self.staged.items();
        let mut looks: Vec<Look> = Vec::with_capacity(self.stages.len());
        for (index, stage) in self.stages.iter().enumerate() {
            let queued = stage.queued() + if index == 0 { before } else { 0 };
            let (mut ended, mut ahead) = (0, 0);
            for mate in self.mates(index) {
                ended = ended.max(mate.meter.ended());
                // What waits at a later stage of the same workers is work for them too.
                ahead += mate.queued();
            }
            let running = stage.crew.running();
            looks.push(Look { queued, running, ended, unfed: before + ahead == 0 });
            let with_next = self.stages.get(index + 1).is_some_and(|next| next.shares_crew(stage));
            before += queued + if with_next { 0 } else { running };
        }
        looks
    }

    /// Adds to each stage what it has waited for the window, up to `now`.
    fn settle(&self, window: &mut Window, now: u64, looks: &[Look]) {
        if let Some(since) = window.full_since.filter(|_| !self.run.source_ended()) {
            for ((stage, look), waited) in self.stages.iter().zip(looks).zip(&mut window.waited) {
                if look.unfed {
                    let idle = stage.crew.most().saturating_sub(look.running) as u64;
                    let time = now.saturating_sub(since.max(look.ended));
                    *waited = waited.saturating_add(idle.saturating_mul(time));
                }
            }
        }
        window.full_since = self.run.is_full().then_some(now);
    }

    /// How many items are inside the chain, and how many of them wait before each stage.
    #[cfg(feature = "trace")]
    pub(crate) fn depths(&self) -> (u64, Vec<u64>) {
        let looks = self.look();
        let inside = self.run.pulled().saturating_sub(self.run.delivered_items());
        (inside, looks.iter().map(|look| look.queued as u64).collect())
    }

    pub(crate) fn stats(&self) -> ChainStats {
        let (now, over) = match self.run.ended_at() {
            Some(ended) => (ended, true),
            None => (self.run.nanos(), false),
        };
        let looks = self.look();
        let waited = {
            let mut window = lock(&self.window);
            self.settle(&mut window, now, &looks);
            window.waited.clone()
        };
        let stages = (0..self.stages.len()).map(|index| self.stage(index, now, looks[index], waited[index]));
        ChainStats {
            elapsed: Duration::from_nanos(now),
            over,
            reading: Duration::from_nanos(self.run.source_ended_at().unwrap_or(now)),
            read: self.run.pulled(),
            expected: self.expected,
            results: self.run.delivered_items(),
            stages: stages.collect(),
        }
    }

    fn stage(&self, index: usize, now: u64, look: Look, for_output: u64) -> StageStats {
        let Metered { name, meter, crew, .. } = &self.stages[index];
        let shared_busy: u64 = self.mates(index).map(|mate| mate.meter.busy(now)).sum();
        let done = look.unfed && look.running == 0 && (self.run.source_ended() || self.run.is_stopped());
        let life = if done { look.ended.min(now) } else { now };
        let idle = (crew.most() as u64).saturating_mul(life).saturating_sub(shared_busy);
        let for_output = for_output.min(idle);
        StageStats {
            name: name.to_string(),
            items: meter.items.load(Relaxed),
            errors: meter.errors.load(Relaxed),
            retries: meter.retries.load(Relaxed),
            busy: Duration::from_nanos(meter.busy(now)),
            waiting_for_input: Duration::from_nanos(idle - for_output),
            waiting_for_output: Duration::from_nanos(for_output),
            workers: crew.most(),
            alive: crew.alive(),
            running: look.running,
            lost: meter.lost_workers.load(Relaxed),
            queued: look.queued,
            batches: meter.batches.load(Relaxed),
            crew: self
                .stages
                .iter()
                .position(|other| other.shares_crew(&self.stages[index]))
                .unwrap_or(index),
        }
    }
}

impl Observed<'static> {
    pub(crate) fn watcher(self: &Arc<Self>) -> Watcher {
        Watcher::new(Arc::downgrade(self), Arc::clone(&self.last))
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        if Arc::strong_count(&self.last) > 1 {
            let _ = self.last.set(self.stats());
        }
    }
}

/// Is told when the window has filled or opened.
pub(crate) trait Turn: Send + Sync {
    fn window_turned(&self);
}

impl Turn for Observed<'_> {
    fn window_turned(&self) {
        let looks = self.look();
        let mut window = lock(&self.window);
        self.settle(&mut window, self.run.nanos(), &looks);
    }
}
