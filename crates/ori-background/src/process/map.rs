//! [`ProcessMap`]: the results of a function over an iterator, in input order.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ori_errors::{OriError, Result};
use ori_worker::{Context, Driver, Job, JobId, Replies, Sink, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ProcessPool;

/// How long a batch should take its worker: long beside what it costs this process to send one and
/// to be woken for its results (30 to 100 µs), short beside what a person notices.
const BATCH_TIME: Duration = Duration::from_millis(1);
/// Near the end of the input batches shrink to this part of that, but no further.
const PIECES: usize = 16;
const BATCH_ITEMS: usize = 16 * 1024;
const BATCH_BYTES: u64 = 256 * 1024;
/// Batches on the way for each worker.
const BATCHES: usize = 3;

/// The iterator that [`ProcessPool::map`] gives.
///
/// Dropping it cancels what is not done, and stops the workers that run it.
///
/// ```no_run
/// # ori_worker::init();
/// let pool = ori_background::ProcessPool::builder().build()?;
/// let mut squares = pool.map(|n: u64| n * n, 1..);
/// assert_eq!(squares.next().unwrap()?, 1);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[must_use = "the results come out of this iterator only"]
pub struct ProcessMap<I, R> {
    pool: ProcessPool,
    task: Task,
    context: Option<Context>,
    items: I,
    exhausted: bool,
    batch_items: usize,
    batches: VecDeque<Batch>,
    /// Of the first batch: results that have arrived.
    ready: VecDeque<Part>,
    result: std::marker::PhantomData<fn() -> R>,
}

/// A batch on its way.
struct Batch {
    id: JobId,
    sink: Arc<BatchSink>,
    /// Items whose results were not given yet.
    left: u32,
}

/// Keeps the results of one batch until they are asked for.
#[derive(Default)]
struct BatchSink {
    state: Mutex<BatchState>,
    changed: Condvar,
}

#[derive(Default)]
struct BatchState {
    parts: VecDeque<Part>,
    unwanted: bool,
}

enum Part {
    Replies(Replies),
    Failed(OriError),
}

impl BatchSink {
    fn lock(&self) -> MutexGuard<'_, BatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, part: Part) {
        self.lock().parts.push_back(part);
        self.changed.notify_one();
    }

    /// Waits for results.
    fn take(&self, driver: &Driver) -> VecDeque<Part> {
        driver.drive(|| !self.lock().parts.is_empty(), None);
        let mut state = self.lock();
        if state.parts.is_empty() {
            driver.nudge();
        }
        while state.parts.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut state.parts)
    }
}

impl Sink for BatchSink {
    fn is_wanted(&self) -> bool {
        !self.lock().unwanted
    }

    fn replies(&self, _first: u32, replies: Replies) {
        self.push(Part::Replies(replies));
    }

    fn failed(&self, _item: u32, error: OriError) {
        self.push(Part::Failed(error));
    }
}

impl<I, R> ProcessMap<I, R>
where
    I: Iterator,
    I::Item: Serialize,
    R: DeserializeOwned,
{
    pub(super) fn new(pool: ProcessPool, task: Task, context: Option<Context>, items: I) -> Self {
        let mut map = Self {
            pool,
            task,
            context,
            items,
            exhausted: false,
            batch_items: 1,
            batches: VecDeque::new(),
            ready: VecDeque::new(),
            result: std::marker::PhantomData,
        };
        map.fill();
        map
    }

    /// Reads ahead as far as it may.
    fn fill(&mut self) {
        let most = BATCHES * self.pool.max_workers();
        while !self.exhausted && self.batches.len() < most {
            self.send_batch();
        }
    }

    /// How many items the next batch has: near the end fewer, so that all workers end together.
    fn next_batch_items(&self) -> usize {
        let share = self.items.size_hint().1.map(|left| left / (2 * self.pool.max_workers()));
        self.batch_items.min(share.unwrap_or(usize::MAX).max(self.batch_items / PIECES)).max(1)
    }

    fn send_batch(&mut self) {
        let sink = Arc::new(BatchSink::default());
        let inner = &self.pool.inner;
        let new_job = |sink: &Arc<BatchSink>| {
            let job = inner.job(self.task, Arc::clone(sink) as Arc<dyn Sink>);
            match &self.context {
                Some(context) => job.with_context(context.clone()),
                None => job,
            }
        };
        let mut job = new_job(&sink);
        let most = self.next_batch_items();
        while (job.items() as usize) < most && job.bytes() < BATCH_BYTES {
            let Some(item) = self.items.next() else {
                self.exhausted = true;
                break;
            };
            if let Err(error) = job.push(&(item,)) {
                // The result of this item comes after those of the items before it.
                let failed = Arc::new(BatchSink::default());
                failed.push(Part::Failed(error));
                let id = inner.conductor.reserve();
                let broken = Batch { id, sink: failed, left: 1 };
                submit(&self.pool, &mut self.batches, job, sink);
                self.batches.push_back(broken);
                return;
            }
        }
        submit(&self.pool, &mut self.batches, job, sink);
    }

    /// Learns from how long a batch took.
    fn adapt(&mut self, replies: &Replies) {
        let items = u32::try_from(replies.len()).unwrap_or(u32::MAX).max(1);
        let each = (replies.duration() / items).max(Duration::from_nanos(1));
        let fitting = (BATCH_TIME.as_nanos() / each.as_nanos()) as usize;
        self.batch_items = fitting.clamp(1, self.batch_items.saturating_mul(4)).min(BATCH_ITEMS);
    }
}

fn submit(pool: &ProcessPool, batches: &mut VecDeque<Batch>, job: Job, sink: Arc<BatchSink>) {
    let left = job.items();
    if left == 0 {
        return;
    }
    let id = pool.inner.conductor.reserve();
    if let Err(error) = pool.inner.conductor.submit(id, job) {
        for _ in 0..left {
            let message = error.to_string();
            sink.push(Part::Failed(OriError::new(error.kind(), message)));
        }
    }
    batches.push_back(Batch { id, sink, left });
}

impl<I, R> Iterator for ProcessMap<I, R>
where
    I: Iterator,
    I::Item: Serialize,
    R: DeserializeOwned,
{
    type Item = Result<R>;

    #[inline]
    fn next(&mut self) -> Option<Result<R>> {
        loop {
            let result = match self.ready.front_mut() {
                Some(Part::Replies(replies)) => replies.decode_next(),
                Some(Part::Failed(_)) => match self.ready.pop_front() {
                    Some(Part::Failed(error)) => Some(Err(error)),
                    _ => None,
                },
                None => {
                    self.receive()?;
                    continue;
                }
            };
            let Some(result) = result else {
                self.ready.pop_front();
                continue;
            };
            if let Some(first) = self.batches.front_mut() {
                first.left -= 1;
                if first.left == 0 {
                    self.batches.pop_front();
                    self.ready.clear();
                }
            }
            return Some(result);
        }
    }
}

impl<I, R> ProcessMap<I, R>
where
    I: Iterator,
    I::Item: Serialize,
    R: DeserializeOwned,
{
    /// Waits for results of the first batch; `None` when there is none left.
    fn receive(&mut self) -> Option<()> {
        self.fill();
        let parts = self.batches.front()?.sink.take(self.pool.inner.conductor.driver());
        for part in &parts {
            // Results saved from a dead worker come without their time.
            if let Part::Replies(replies) = part
                && !replies.duration().is_zero()
            {
                self.adapt(replies);
            }
        }
        self.ready = parts;
        Some(())
    }
}

impl<I, R> FusedIterator for ProcessMap<I, R>
where
    I: Iterator,
    I::Item: Serialize,
    R: DeserializeOwned,
{
}

impl<I, R> Drop for ProcessMap<I, R> {
    fn drop(&mut self) {
        for batch in &self.batches {
            batch.sink.lock().unwanted = true;
            self.pool.inner.conductor.cancel(batch.id);
        }
    }
}

impl<I, R> fmt::Debug for ProcessMap<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessMap").field("batches", &self.batches.len()).finish_non_exhaustive()
    }
}
