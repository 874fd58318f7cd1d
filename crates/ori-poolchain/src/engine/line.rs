//! [`Line`]: what one worker does with a batch, stage by stage.
//!
//! Stages that share their workers form one line: the batch stays in one thread and in its cache,
//! and goes through one stage after the other. A line ends in the port of the next segment, or of
//! the consumer.
//!
//! # A batch that takes too long
//! The size of a batch follows from what items cost so far. When one of them suddenly costs far
//! more, those before and after it are taken away from its worker, which works from a [`Slot`]. When
//! all of them do, the monitor sets the worker's stop flag: the stage passes on what is done and puts
//! the rest back into its port, in small batches for everybody. A stage whose items have cost next
//! to nothing for a long while runs the whole batch in one go, and has the stop flag only.

use ori_errors::catch_panic;

use super::batch::{Batch, merge_errors, position};
use super::meter::{Meter, Ran};
use super::port::Port;
use super::slot::{Slot, Watching};
use super::watch::Pulse;
use super::workers::Workers;
use crate::function::{Function, Items, Runner};
use crate::model::sync::Arc;

/// One worker's way through a segment, from a stage to the end.
pub(crate) trait Line<A> {
    /// Runs a batch through this stage and those behind it.
    fn feed(&mut self, batch: Batch<A>) -> Fed;
    /// Runs one batch that waits at a stage of this line, the last stage first.
    fn resume(&mut self) -> Option<Fed>;
}

/// What became of a batch, and of the worker.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// It ran; so many items.
    Done(usize),
    /// The worker was stuck past a time limit and has been replaced.
    Lost,
}

/// Makes a line for a worker.
pub(crate) type Factory<'e, A> = Arc<dyn Fn(&Arc<Pulse>) -> Box<dyn Line<A> + 'e> + Send + Sync + 'e>;

/// A stage of a run: what all its workers share.
pub(crate) struct Stage<'e, A, B> {
    pub(crate) name: Arc<str>,
    pub(crate) function: Arc<dyn Function<A, B> + 'e>,
    pub(crate) workers: Arc<Workers<'e>>,
    /// Batches that wait here.
    pub(crate) port: Arc<Port<'e, A>>,
    /// Where results go that leave their worker.
    pub(crate) next: Arc<Port<'e, B>>,
    pub(crate) meter: Arc<Meter>,
    /// Items are counted here, not only errors.
    pub(crate) counts: bool,
    /// Set when items are watched one by one: for a time limit, for another try, and so that a
    /// slow item delays no other.
    pub(crate) watching: Option<Watching<'e, A>>,
}

pub(crate) struct StageLine<'e, A, B> {
    stage: Arc<Stage<'e, A, B>>,
    runner: Box<dyn Runner<A, B> + 'e>,
    next: Box<dyn Line<B> + 'e>,
    pulse: Arc<Pulse>,
    slot: Option<Arc<Slot<'e, A, B>>>,
}

impl<'e, A, B> StageLine<'e, A, B>
where
    A: Send + 'e,
    B: Send + 'e,
{
    pub(crate) fn new(
        stage: Arc<Stage<'e, A, B>>,
        runner: Box<dyn Runner<A, B> + 'e>,
        next: Box<dyn Line<B> + 'e>,
        pulse: &Arc<Pulse>,
    ) -> Self {
        Self { stage, runner, next, pulse: Arc::clone(pulse), slot: None }
    }

    /// Runs the whole batch in one go. What is left when the stop flag is set, or after an error that
    /// ends the run, goes back.
    fn run(&mut self, batch: Batch<A>) -> Batch<B> {
        let stage = &*self.stage;
        let first = batch.first();
        let Batch { mut values, errors, .. } = batch;
        let all = values.len();
        let mut out = stage.next.queue().spare(all);
        let mut failed = Vec::new();
        let mut items = Items::new(values.drain(..));
        let begun = if stage.counts { stage.meter.begin(first) } else { stage.meter.begin_beside() };
        let batch_end = first + (all + errors.len()) as u64;
        while items.len() > 0 {
            let outcome = catch_panic(|| self.runner.run(&mut items, &mut out, self.pulse.stop()));
            let error = match outcome {
                Ok(Ok(())) if items.len() > 0 => {
                    // Before anybody takes the rest: it must be shared in small pieces.
                    stage.workers.pace.unlearn(all - items.len(), stage.meter.since(begun));
                    break;
                }
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error,
                Err(panic) => {
                    self.runner.reset();
                    panic
                }
            };
            let place = position(first, &errors, all - items.len() - 1);
            failed.push((place, error.with_stage(&*stage.name).with_item(place)));
            if stage.workers.run.ends_at_error() {
                break;
            }
        }
        let left = items.len();
        let end = if left > 0 { position(first, &errors, all - left) } else { batch_end };
        let ran = if stage.counts { all - left } else { 0 };
        stage.meter.end(begun, &Ran { end, items: ran, errors: failed.len() });

        let rest = items.into_rest();
        stage.port.queue().recycle(values);
        let errors = if !rest.is_empty() {
            let mut done = errors;
            let later = done.split_off(done.partition_point(|(place, _)| *place < end));
            stage.port.put(Batch::with_errors(end, rest, later));
            done
        } else {
            errors
        };
        Batch::with_errors(first, out, merge_errors(errors, failed))
    }
}

impl<'e, A, B> Line<A> for StageLine<'e, A, B>
where
    A: Send + 'e,
    B: Send + 'e,
{
    fn feed(&mut self, batch: Batch<A>) -> Fed {
        let stage = &self.stage;
        let batch = match &stage.watching {
            Some(watching) if watching.always || !stage.workers.pace.is_steady() => {
                let slot = self.slot.get_or_insert_with(|| Slot::new(stage, watching));
                match slot.run(watching, &mut *self.runner, batch, self.pulse.stop()) {
                    Some(batch) => batch,
                    None => return Fed::Lost,
                }
            }
            _ => self.run(batch),
        };
        self.next.feed(batch)
    }

    fn resume(&mut self) -> Option<Fed> {
        if let Some(fed) = self.next.resume() {
            return Some(fed);
        }
        let batch = self.stage.port.take(self.stage.workers.pace.resume_size())?;
        Some(self.feed(batch))
    }
}

/// The end of a line: batches go to somebody else's port.
pub(crate) struct Outlet<'e, T>(pub(crate) Arc<Port<'e, T>>);

impl<T> Line<T> for Outlet<'_, T> {
    fn feed(&mut self, batch: Batch<T>) -> Fed {
        let items = batch.len();
        if items > 0 {
            self.0.put(batch);
        }
        Fed::Done(items)
    }

    fn resume(&mut self) -> Option<Fed> {
        None
    }
}
