//! [`Section`]: stages that share their workers, typed by what enters them; the work loop.

use std::time::Instant;

use super::batch::Batch;
use super::intake::{Input, Pull, Want};
use super::line::{Factory, Fed, Line};
use super::watch::{Monitor, Pulse};
use super::workers::{Leave, Segment, Workers};
use crate::model::sync::Arc;

pub(crate) struct Section<'e, A> {
    pub(crate) workers: Arc<Workers<'e>>,
    pub(crate) monitor: Arc<Monitor<'e>>,
    /// The source, if this is the first section. The others find their input in the port of their
    /// first stage.
    pub(crate) input: Option<Arc<dyn Input<A> + 'e>>,
    pub(crate) line: Factory<'e, A>,
}

/// One worker at work.
struct Worker<'s, 'e, A> {
    section: &'s Section<'e, A>,
    pulse: Arc<Pulse>,
    line: Box<dyn Line<A> + 'e>,
}

impl<'e, A: Send + 'e> Section<'e, A> {
    /// Whether batches lie ready.
    fn has_ready(&self) -> bool {
        self.workers.has_queued() || self.input.as_ref().is_some_and(|input| input.has_staged())
    }

    fn worker(&self) -> Worker<'_, 'e, A> {
        let pulse = Pulse::new();
        let line = (self.line)(&pulse);
        Worker { section: self, pulse, line }
    }
}

impl<'e, A: Send + 'e> Worker<'_, 'e, A> {
    /// Runs a batch that was pulled or staged, and learns from it.
    fn run(&mut self, batch: Batch<A>) -> Fed {
        let items = batch.len();
        self.timed(items, |line| line.feed(batch))
    }

    /// Runs a batch that waits at a stage, if there is one.
    fn resume(&mut self) -> Option<Fed> {
        if !self.section.workers.has_queued() {
            return None;
        }
        // What waits beside the batch that this worker will take is for others.
        if self.section.workers.queued_batches() > 1 {
            self.section.workers.offer_rest(self.section);
        }
        let size = self.section.workers.pace.resume_size();
        let mut fed = None;
        self.timed(size, |line| {
            fed = line.resume();
            fed.unwrap_or(Fed::Done(0))
        });
        fed
    }

    fn timed(&mut self, items: usize, work: impl FnOnce(&mut dyn Line<A>) -> Fed) -> Fed {
        let workers = &self.section.workers;
        self.pulse.begin(items, &self.section.monitor);
        let started = Instant::now();
        let fed = work(&mut *self.line);
        match fed {
            Fed::Done(items) => workers.pace.learn(items, started.elapsed()),
            Fed::Lost => {}
        }
        self.pulse.end();
        fed
    }

    /// Runs what lies ready; `None` if nothing does, or nobody may run it now.
    fn run_ready(&mut self) -> Option<Fed> {
        let section = self.section;
        let workers = &*section.workers;
        if !section.has_ready() || !workers.try_start() {
            return None;
        }
        let mut fed = self.resume();
        if fed.is_none()
            && let Some(batch) = section.input.as_ref().and_then(|input| input.take_staged())
        {
            workers.offer_rest(section);
            fed = Some(self.run(batch));
        }
        self.after(fed)
    }

    /// Reads the source and runs what it gives; `None` if it gives nothing, or nobody may run now.
    fn run_pulled(&mut self, wanted: Want) -> Option<Fed> {
        let section = self.section;
        let input = section.input.as_ref()?;
        match input.pull(wanted) {
            Pull::Nothing => None,
            Pull::Staged => Some(Fed::Done(0)),
            Pull::Batch(batch) => {
                if !section.workers.try_start() {
                    input.stage(batch);
                    return None;
                }
                section.workers.offer_rest(section);
                let fed = self.run(batch);
                self.after(Some(fed))
            }
        }
    }

    /// Gives the permit back, unless it went to a replacement.
    fn after(&self, fed: Option<Fed>) -> Option<Fed> {
        if fed != Some(Fed::Lost) {
            self.section.workers.finish();
        }
        fed
    }
}

impl<'e, A: Send + 'e> Segment<'e> for Section<'e, A> {
    fn workers(&self) -> &Workers<'e> {
        &self.workers
    }

    fn drain(&self) -> Leave {
        let mut worker = self.worker();
        while !self.workers.run.is_stopped() && !self.workers.is_crowded() {
            let fed = worker.run_ready().or_else(|| worker.run_pulled(Want::Any));
            match fed {
                Some(Fed::Lost) => return Leave::Lost,
                Some(Fed::Done(_)) => {}
                None => break,
            }
        }
        Leave::Idle
    }

    fn help(&self, may_pull: bool) -> bool {
        let mut worker = self.worker();
        let fed = worker.run_ready().or_else(|| may_pull.then(|| worker.run_pulled(Want::Any))?);
        self.workers.leave_to_others(self);
        fed.is_some()
    }

    fn begin(&self, position: u64) -> bool {
        let fed = self.worker().run_pulled(Want::Only(position));
        self.workers.leave_to_others(self);
        fed.is_some()
    }

    fn can_help(&self, may_pull: bool) -> bool {
        let pulls = || may_pull && self.input.as_ref().is_some_and(|input| input.can_pull());
        (self.has_ready() || pulls()) && self.workers.may_start()
    }

    fn can_work(&self) -> bool {
        self.can_help(false) || self.input.as_ref().is_some_and(|input| input.can_pull())
    }

    fn has_more(&self) -> bool {
        self.has_ready() && self.workers.may_start_later()
            || self.input.as_ref().is_some_and(|input| input.can_pull_later())
    }
}
