//! [`Port`]: where batches wait at the entry of a stage, or before the consumer.

#[cfg(feature = "async")]
use super::async_stage::DriverState;
use super::batch::Batch;
use super::observed::Depth;
use super::queue::Queue;
use super::run::Run;
use super::workers::Workers;
use crate::model::sync::Arc;

/// A queue, and who is told of what is put in.
pub(crate) struct Port<'e, T> {
    queue: Queue<T>,
    reader: Reader<'e>,
}

enum Reader<'e> {
    /// A stage's workers.
    Workers(Arc<Workers<'e>>),
    /// The driver of an async stage.
    #[cfg(feature = "async")]
    Driver(Arc<DriverState<'e>>),
    /// The consumer of the run, who wants the batches in input order or as they come.
    Consumer { run: Arc<Run<'e>>, ordered: bool },
}

impl<'e, T> Port<'e, T> {
    pub(crate) fn to_workers(workers: Arc<Workers<'e>>) -> Self {
        Self { queue: Queue::new(), reader: Reader::Workers(workers) }
    }

    #[cfg(feature = "async")]
    pub(crate) fn to_driver(driver: Arc<DriverState<'e>>) -> Self {
        Self { queue: Queue::new(), reader: Reader::Driver(driver) }
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
            #[cfg(feature = "async")]
            Reader::Driver(driver) => {
                self.queue.put(batch);
                driver.add_queued(1);
                driver.call();
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
        match &self.reader {
            Reader::Workers(workers) => workers.add_queued(-fewer),
            #[cfg(feature = "async")]
            Reader::Driver(driver) => driver.add_queued(-fewer),
            Reader::Consumer { .. } => {}
        }
        Some(batch)
    }

    pub(crate) fn queue(&self) -> &Queue<T> {
        &self.queue
    }
}

impl<T: Send> Depth for Port<'_, T> {
    fn items(&self) -> usize {
        self.queue.items()
    }
}
