//! [`Port`]: where batches wait at the entry of a stage, or before the consumer.

use std::sync::Arc;

use super::batch::Batch;
use super::queue::Queue;
use super::run::Run;
use super::workers::Workers;

/// A queue, and who is told of what is put in.
pub(crate) struct Port<'e, T> {
    queue: Queue<T>,
    reader: Reader<'e>,
}

enum Reader<'e> {
    /// A stage's workers.
    Workers(Arc<Workers<'e>>),
    /// The consumer of the run, who wants the batches in input order or as they come.
    Consumer { run: Arc<Run<'e>>, ordered: bool },
}

impl<'e, T> Port<'e, T> {
    pub(crate) fn to_workers(workers: Arc<Workers<'e>>) -> Self {
        Self { queue: Queue::new(), reader: Reader::Workers(workers) }
    }

    pub(crate) fn to_consumer(run: Arc<Run<'e>>, ordered: bool) -> Self {
        Self { queue: Queue::new(), reader: Reader::Consumer { run, ordered } }
    }

    /// Adds a batch and tells the reader.
    pub(crate) fn put(&self, batch: Batch<T>) {
        match &self.reader {
            Reader::Workers(workers) => {
                self.queue.put(batch);
                workers.add_queued(1);
                workers.offer();
            }
            Reader::Consumer { run, ordered } => {
                let (items, failed) = (batch.len(), !batch.errors.is_empty());
                let next = self.queue.put(batch) || !ordered;
                if run.delivered(items, next, failed) {
                    run.wake_consumer();
                }
            }
        }
    }

    /// The earliest batch, joined or cut to at most `most` items: for a stage's workers.
    pub(crate) fn take(&self, most: usize) -> Option<Batch<T>> {
        let (batch, fewer) = self.queue.take(most)?;
        if let Reader::Workers(workers) = &self.reader {
            workers.add_queued(-fewer);
        }
        Some(batch)
    }

    pub(crate) fn queue(&self) -> &Queue<T> {
        &self.queue
    }
}
