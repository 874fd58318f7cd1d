//! [`Queue`]: batches that wait for a stage, or for the consumer, sorted by position.
//!
//! One structure serves as the hand-over between stages, as the place for the rest of a batch that
//! was split, and as the reorder buffer before the consumer: each of them wants the earliest batch
//! first. A map under one lock is enough, since a batch is worth tens of microseconds of work.

use std::collections::BTreeMap;

use super::batch::Batch;
use super::lock::lock;
use crate::model::sync::Mutex;

/// Batches in input order, and empty buffers for the next ones.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    batches: BTreeMap<u64, Batch<T>>,
    /// The items in them.
    items: usize,
    /// The position that the consumer looked for last, in vain.
    wanted: Option<u64>,
    /// Buffers whose items were used up: reusing them keeps their pages and cache lines warm.
    spares: Vec<Vec<T>>,
}

/// More spare buffers than this are freed.
const MOST_SPARES: usize = 8;

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State { batches: BTreeMap::new(), items: 0, wanted: None, spares: Vec::new() }),
        }
    }

    /// Adds a batch; says whether it is the one that the consumer looked for.
    pub(crate) fn put(&self, batch: Batch<T>) -> bool {
        let mut state = lock(&self.state);
        let first = batch.first();
        state.items += batch.len();
        let previous = state.batches.insert(first, batch);
        debug_assert!(previous.is_none(), "an item may be in one batch only");
        state.wanted == Some(first)
    }

    /// The earliest batch, of at most `most` items: joined from neighbours or cut to that size.
    /// Says how many batches fewer are queued.
    pub(crate) fn take(&self, most: usize) -> Option<(Batch<T>, isize)> {
        let mut state = lock(&self.state);
        let (_, mut batch) = state.batches.pop_first()?;
        let mut fewer = 1;
        // By halves, so that a long batch that is taken in small pieces is not copied for each.
        while batch.len() > most {
            let rest = batch.split_off(most.max(batch.len() / 2));
            state.batches.insert(rest.first(), rest);
            fewer -= 1;
        }
        while let Some(next) = state.batches.first_entry() {
            if *next.key() != batch.end() || batch.len() + next.get().len() > most {
                break;
            }
            batch.append(next.remove());
            fewer += 1;
        }
        state.items -= batch.len();
        Some((batch, fewer))
    }

    /// The earliest batch if it starts at `position`, or whatever it is when that is `None`.
    pub(crate) fn take_at(&self, position: Option<u64>) -> Option<Batch<T>> {
        let mut state = lock(&self.state);
        state.wanted = position;
        let earliest = state.batches.first_entry()?;
        let batch = match position {
            Some(position) if *earliest.key() != position => return None,
            _ => earliest.remove(),
        };
        state.items -= batch.len();
        Some(batch)
    }

    /// Whether [`take_at`](Self::take_at) would give a batch.
    pub(crate) fn ready_at(&self, position: Option<u64>) -> bool {
        let state = lock(&self.state);
        match (state.batches.first_key_value(), position) {
            (Some((earliest, _)), Some(position)) => *earliest == position,
            (earliest, _) => earliest.is_some(),
        }
    }

    /// How many items wait.
    pub(crate) fn items(&self) -> usize {
        lock(&self.state).items
    }

    /// An empty buffer with room for `len` items.
    pub(crate) fn spare(&self, len: usize) -> Vec<T> {
        let mut spare = lock(&self.state).spares.pop().unwrap_or_default();
        spare.reserve(len);
        spare
    }

    /// Gives an empty buffer back.
    pub(crate) fn recycle(&self, buffer: Vec<T>) {
        debug_assert!(buffer.is_empty());
        let mut state = lock(&self.state);
        if state.spares.len() < MOST_SPARES && buffer.capacity() > 0 {
            state.spares.push(buffer);
        }
    }

    /// Takes out everything that waits, to be dropped by the caller without a lock.
    pub(crate) fn clear(&self) -> impl Drop + use<T> {
        let mut state = lock(&self.state);
        state.items = 0;
        std::mem::take(&mut state.batches)
    }
}
