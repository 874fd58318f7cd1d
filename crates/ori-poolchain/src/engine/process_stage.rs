//! [`ProcessStage`]: a section whose one stage runs in worker processes.
//!
//! Its workers are jobs on the chain's threads, as everywhere; here they take batches from the
//! port, encode them and send them away, and decode what comes back for the next port. None of
//! them waits for a batch of its own: a few batches for each process are away at any time, so that
//! no process starves, and *one* worker (it has the seat of a reader) waits for whatever comes back
//! first. The others are there while there is something to encode or to decode, which for large
//! values is the work of several threads.

use std::time::Duration;

use ori_errors::__private::event;
use ori_errors::{OriError, Result, catch_panic};
use ori_worker::{Job, JobId, Replies, Sink, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::away::{Away, Places, Reserved, Return, What};
use super::batch::Batch;
use super::gate::Gate;
use super::meter::Meter;
use super::port::Port;
use super::tape::Sent;
use super::workers::{Leave, Segment, Workers};
use crate::model::sync::Arc;
use crate::model::sync::atomic::Ordering::Relaxed;
use crate::model::sync::atomic::{AtomicU32, AtomicUsize};
use crate::processes::WorkerProcesses;

/// How long a batch should take its process: long beside what it costs this process to send one and
/// to be woken for its results (30 to 100 µs), short beside what a person notices.
const TARGET: Duration = Duration::from_millis(1);
/// A batch grows at most by this factor.
const GROWTH: usize = 4;
/// The most items in a batch whose size we choose.
const MOST_ITEMS: usize = 16 * 1024;
/// The size in bytes, encoded, at which such a batch is complete.
const MOST_BYTES: u64 = 256 * 1024;
/// Batches that are away for each process: one that runs, one that waits for it, one on its way.
const BATCHES: usize = 3;

pub(crate) struct ProcessStage<'e, A, B> {
    pub(crate) name: Arc<str>,
    pub(crate) task: Task,
    pub(crate) processes: Arc<WorkerProcesses>,
    pub(crate) limit: Option<Duration>,
    pub(crate) retries: u32,
    /// The number of items in a batch, if the user chose it.
    pub(crate) chunk: Option<usize>,
    pub(crate) workers: Arc<Workers<'e>>,
    pub(crate) port: Arc<Port<'e, A>>,
    pub(crate) next: Arc<Port<'e, B>>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) size: AtomicUsize,
    pub(crate) away: Arc<Away>,
    /// Keeps the order of batches that are encoded at the same time.
    pub(crate) gate: Gate<Encoded>,
}

/// How many batches may be away for so many processes.
pub(crate) fn most_away(processes: usize) -> usize {
    processes.saturating_mul(BATCHES)
}

impl<'e, A, B> ProcessStage<'e, A, B>
where
    A: Serialize + Send + 'e,
    B: DeserializeOwned + Send + 'e,
{
    fn may_send(&self) -> bool {
        self.workers.has_queued() && self.away.has_room()
    }

    /// Sends a batch away; false if there is none, or no room for it.
    fn send(&self) -> bool {
        let Some(reserved) = self.away.reserve() else { return false };
        let most = self.chunk.unwrap_or_else(|| self.size.load(Relaxed));
        let Some((number, batch)) = self.gate.enter(|| self.port.take(most)) else { return false };
        let turn = Turn { stage: self, number, _reserved: reserved };
        self.workers.offer_rest(self);
        let (first, end) = (batch.first(), batch.end());
        let Batch { values, errors, .. } = batch;
        let places = if errors.is_empty() {
            Places::From(first)
        } else {
            let failed = |place: &u64| errors.binary_search_by_key(place, |(failed, _)| *failed).is_ok();
            let places = (first..end).filter(|place| !failed(place)).collect();
            let mut runs = Runs::new(&self.next);
            errors.into_iter().for_each(|(place, error)| runs.push(place, Err(error)));
            Places::These(places)
        };
        let mut start = 0;
        while start < values.len() {
            let (encoded, failed) = turn.send_part(&values, start, &places);
            start += encoded;
            if let Some(error) = failed {
                self.fail(places.at(start), error);
                start += 1;
            } else if start < values.len() {
                // Large items.
                self.size.fetch_min(encoded, Relaxed);
            }
        }
        drop(turn);
        // Nobody is left to whom a panic in there could be an item's error; the hook has printed it.
        drop(catch_panic(|| drop(values)));
        true
    }

    /// Passes on what came back; false if nothing did.
    fn receive(&self) -> bool {
        let Some((returned, more)) = self.away.take() else { return false };
        if more {
            self.workers.offer_rest(self);
        }
        match returned.what {
            What::Replies(replies) => self.decode(&returned.places, returned.first as usize, replies),
            What::Failed(error) => self.fail(returned.places.at(returned.first as usize), error),
        }
        true
    }

    fn decode(&self, places: &Places, first: usize, mut replies: Replies) {
        let (items, busy) = (replies.len(), replies.duration());
        self.learn(items, busy);
        // Counted before they are passed on: who has had the last result may look.
        self.meter.count(items, 0);
        let mut runs = Runs::new(&self.next);
        runs.expected = items;
        let mut index = first;
        let label = |error: OriError, place| {
            self.meter.failed(1);
            error.with_stage(&*self.name).with_item(place)
        };
        loop {
            let decoded = catch_panic(|| {
                while let Some(result) = replies.decode_next::<B>() {
                    let place = places.at(index);
                    index += 1;
                    runs.push(place, result.map_err(|error| label(error, place)));
                }
            });
            let Err(panic) = decoded else { break };
            // In a value's own `Deserialize`, which has used up the bytes of its item.
            let place = places.at(index);
            index += 1;
            runs.push(place, Err(label(panic, place)));
        }
    }

    /// The one result of the item at `place` is an error.
    fn fail(&self, place: u64, error: OriError) {
        self.meter.count(1, 0);
        self.meter.failed(1);
        if error.is_worker_lost() || error.is_timeout() {
            self.tell_of_loss(place, &error);
        }
        Runs::new(&self.next).push(place, Err(error.with_stage(&*self.name).with_item(place)));
    }

    fn tell_of_loss(&self, place: u64, error: &OriError) {
        let (span, stage) = (&self.workers.run.span, &*self.name);
        if error.is_timeout() {
            let limit_s = self.limit.map(|limit| limit.as_secs_f64());
            event!(in span, WARN, "item timed out", stage = stage, item = place, limit_s = limit_s);
        } else {
            event!(
                in span, WARN, "item lost",
                stage = stage, item = place, pid = error.pid(), exit_code = error.exit_code(),
                signal = error.signal()
            );
        }
    }

    /// Learns from how long a process took.
    fn learn(&self, items: usize, busy: Duration) {
        // Results saved from a dead worker come without their time.
        if busy.is_zero() || items == 0 {
            return;
        }
        let each = (busy.as_nanos() / items as u128).max(1);
        let fitting = usize::try_from(TARGET.as_nanos() / each).unwrap_or(usize::MAX);
        let old = self.size.load(Relaxed);
        self.size.store(fitting.clamp(1, old.saturating_mul(GROWTH)).min(MOST_ITEMS), Relaxed);
    }
}

impl<'e, A, B> Segment<'e> for ProcessStage<'e, A, B>
where
    A: Serialize + Send + 'e,
    B: DeserializeOwned + Send + 'e,
{
    fn workers(&self) -> &Workers<'e> {
        &self.workers
    }

    fn drain(&self) -> Leave {
        while !self.workers.run.is_stopped() {
            // What comes back first: it makes room, and somebody waits for it.
            let busy = self.receive() || self.send() || self.away.attend(|| self.workers.has_queued());
            if !busy {
                break;
            }
        }
        Leave::Idle
    }

    /// Nobody who wants a result should wait here for another.
    fn help(&self, _may_pull: bool) -> bool {
        false
    }

    fn begin(&self, _position: u64) -> bool {
        false
    }

    fn can_help(&self, _may_pull: bool) -> bool {
        false
    }

    fn can_work(&self) -> bool {
        self.may_send() || self.away.wants_attention()
    }

    fn running(&self) -> Option<usize> {
        Some(self.away.len().min(self.workers.most()))
    }

    fn alive(&self) -> Option<usize> {
        Some(self.processes.conductor.worker_pids().len())
    }

    fn stop(&self) {
        for job in self.away.end() {
            self.processes.conductor.cancel(job);
        }
    }
}

impl<A, B> ProcessStage<'_, A, B> {
    /// A job is let out of the gate.
    fn submit(&self, encoded: Encoded) {
        let Encoded { id, job, returns } = encoded;
        let items = job.items();
        if !self.away.leaves(id) {
            return;
        }
        if let Err(error) = self.processes.conductor.submit(id, job) {
            for item in 0..items {
                returns.failed(item, OriError::new(error.kind(), error.to_string()));
            }
        }
    }
}

/// A job that can go to a process.
pub(crate) struct Encoded {
    id: JobId,
    job: Job,
    returns: Arc<Return>,
}

/// A batch while it is encoded: those behind it wait at the gate until this is dropped.
struct Turn<'s, 'e, A, B> {
    stage: &'s ProcessStage<'e, A, B>,
    number: u64,
    _reserved: Reserved,
}

impl<'e, A, B> Turn<'_, 'e, A, B>
where
    A: Serialize + Send + 'e,
    B: DeserializeOwned + Send + 'e,
{
    /// Encodes the items from `start` on until a job is full, or one of them fails, and sends them
    /// away. Gives their number and the error of the item after them.
    fn send_part(&self, values: &[A], start: usize, places: &Places) -> (usize, Option<OriError>) {
        let stage = self.stage;
        let id = stage.processes.conductor.reserve();
        let mut failed = None;
        let returns = Arc::new(Return {
            away: Arc::clone(&stage.away),
            job: id,
            places: Arc::new(places.part(start, values.len() - start)),
            span: stage.workers.run.span.clone(),
            stage: Arc::clone(&stage.name),
            left: AtomicU32::new(0),
            sent: Sent::default(),
        });
        let mut job = Job::new(stage.task, Arc::clone(&returns) as Arc<dyn Sink>)
            .with_limit(stage.limit)
            .with_retries(stage.retries);
        if let Some(context) = &stage.processes.context {
            job = job.with_context(context.clone());
        }
        for value in &values[start..] {
            // As the one argument of a function.
            match catch_panic(|| job.push(&(value,))).and_then(|pushed| pushed) {
                Ok(()) if stage.chunk.is_none() && job.bytes() >= MOST_BYTES => break,
                Ok(()) => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let items = job.items();
        if items > 0 {
            returns.left.store(items, Relaxed);
            stage.gate.pass(self.number, Encoded { id, job, returns }, |encoded| stage.submit(encoded));
        }
        (items as usize, failed)
    }
}

impl<A, B> Drop for Turn<'_, '_, A, B> {
    fn drop(&mut self) {
        self.stage.gate.close(self.number, |encoded| self.stage.submit(encoded));
    }
}

/// Puts results into a port, neighbours together.
struct Runs<'p, 'e, B> {
    next: &'p Port<'e, B>,
    batch: Option<Batch<B>>,
    expected: usize,
}

impl<'p, 'e, B> Runs<'p, 'e, B> {
    fn new(next: &'p Port<'e, B>) -> Self {
        Self { next, batch: None, expected: 1 }
    }

    fn push(&mut self, place: u64, result: Result<B>) {
        if self.batch.as_ref().is_some_and(|batch| batch.end() != place) {
            self.flush();
        }
        let (next, expected) = (self.next, self.expected);
        let batch = self.batch.get_or_insert_with(|| Batch::new(place, next.queue().spare(expected)));
        match result {
            Ok(value) => batch.values.push(value),
            Err(error) => batch.errors.push((place, error)),
        }
    }

    fn flush(&mut self) {
        self.batch.take().into_iter().for_each(|batch| self.next.put(batch));
    }
}

impl<B> Drop for Runs<'_, '_, B> {
    fn drop(&mut self) {
        self.flush();
    }
}
