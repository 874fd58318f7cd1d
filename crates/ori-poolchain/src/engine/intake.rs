//! [`Intake`]: the source of a chain, read in batches by whoever needs input.
//!
//! No lock is held while the user's iterator runs: it is taken out, read and put back, so one
//! worker reads at a time and the others go on with what there is.
//!
//! # Sources that block
//! A source may block at any item (a channel, a walk over folders, lines of a pipe), perhaps until
//! the items before it are done. So each item is *staged* the moment it is read, where every worker
//! finds it, which costs about 20 ns. Only a source that is known never to block (a range, a
//! vector) is read in whole batches, for a twentieth of that.
//!
//! The consumer, when it helps, reads only a source that never blocks.

use std::collections::VecDeque;

use ori_errors::{OriError, catch_panic};

use super::batch::Batch;
use super::lock::lock;
use super::observed::Depth;
use super::run::Run;
use super::workers::Workers;
use crate::model::looks;
use crate::model::sync::atomic::Ordering::SeqCst;
use crate::model::sync::atomic::{AtomicBool, AtomicUsize};
use crate::model::sync::{Arc, Mutex};

/// The end of a source.
pub(crate) trait Close: Send + Sync {
    /// Drops the source and what was staged, unless somebody is reading: then he will.
    fn close(&self);
}

/// Where the first section's items come from.
pub(crate) trait Input<A>: Close {
    /// A batch that lies ready.
    fn take_staged(&self) -> Option<Batch<A>>;
    /// Reads the source for one batch, or stages items on the way.
    fn pull(&self, wanted: Want) -> Pull<A>;
    /// Puts a pulled batch where another worker finds it.
    fn stage(&self, batch: Batch<A>);
    /// Whether `pull` would read now.
    fn can_pull(&self) -> bool;
    /// The same; if the window is in the way, the consumer will offer work when it opens.
    fn can_pull_later(&self) -> bool;
    /// Whether batches lie ready.
    fn has_staged(&self) -> bool;
}

/// What to read from the source.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Want {
    Any,
    /// A batch that starts with this item, and no other.
    Only(u64),
}

/// What reading the source gave.
pub(crate) enum Pull<A> {
    Batch(Batch<A>),
    /// Items may have been staged; look there.
    Staged,
    /// Somebody else reads, or the window is full, or the source has ended.
    Nothing,
}

pub(crate) struct Intake<'e, S: Iterator> {
    run: Arc<Run<'e>>,
    workers: Arc<Workers<'e>>,
    /// The source may block, so its items are staged one by one.
    may_block: bool,
    state: Mutex<State<S>>,
    /// The source is there to be read. Mirrors `state`, to be asked without the lock.
    present: AtomicBool,
    staged: AtomicUsize,
}

struct State<S: Iterator> {
    /// Out while somebody reads, and after the end.
    source: Option<Box<S>>,
    staged: VecDeque<Batch<S::Item>>,
    spares: Vec<Vec<S::Item>>,
    /// The position of the next item.
    next: u64,
}

/// How often to look for a source that is being read, with so many pauses between two looks: about
/// 20 µs together, several times what it takes to read a batch.
const PATIENCE: usize = 40;
const PAUSES: usize = 16;
/// More spare buffers than this are freed.
const MOST_SPARES: usize = 4;

impl<'e, S> Intake<'e, S>
where
    S: Iterator + Send,
    S::Item: Send,
{
    pub(crate) fn new(run: Arc<Run<'e>>, workers: Arc<Workers<'e>>, source: S, may_block: bool) -> Self {
        if may_block {
            workers.add_reader();
        }
        let state =
            State { source: Some(Box::new(source)), staged: VecDeque::new(), spares: Vec::new(), next: 0 };
        Self {
            run,
            workers,
            may_block,
            state: Mutex::new(state),
            present: AtomicBool::new(true),
            staged: AtomicUsize::new(0),
        }
    }

    fn recycle(&self, buffer: Vec<S::Item>) {
        debug_assert!(buffer.is_empty());
        let mut state = lock(&self.state);
        if state.spares.len() < MOST_SPARES && buffer.capacity() > 0 {
            state.spares.push(buffer);
        }
    }

    /// The source, and a buffer for its items; `None` if somebody reads, or it has ended. A source
    /// that does not block is back in a moment, and worth waiting for.
    fn take_source(&self) -> Option<(Box<S>, Vec<S::Item>)> {
        let patience = if self.may_block { 1 } else { looks(PATIENCE) };
        for _ in 0..patience {
            let mut state = lock(&self.state);
            if let Some(source) = state.source.take() {
                self.present.store(false, SeqCst);
                return Some((source, state.spares.pop().unwrap_or_default()));
            }
            drop(state);
            if self.run.source_ended() || self.run.is_stopped() {
                return None;
            }
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
        }
        None
    }

    /// How many items to read at once, with so many left.
    fn wanted(&self, remaining: Option<usize>) -> usize {
        let (size, most) = (self.workers.pace.batch_size(remaining), self.workers.most());
        if self.workers.pace.has_chunksize() {
            return size.min(self.run.window());
        }
        // A window that the user set is shared by all workers, one batch running and one waiting.
        size.min(self.run.window() / most.saturating_mul(2)).max(1)
    }

    /// Reads up to `most` items into one batch; the second value says whether the source ended.
    fn read(&self, source: &mut S, mut buffer: Vec<S::Item>, most: usize) -> (Batch<S::Item>, bool) {
        let first = lock(&self.state).next;
        buffer.reserve(most.min(source.size_hint().0));
        let outcome = catch_panic(|| buffer.extend(source.by_ref().take(most)));
        let mut ended = buffer.len() < most;
        let mut errors = Vec::new();
        if let Err(error) = outcome {
            errors.push(source_error(first + buffer.len() as u64, error));
            ended = true;
        }
        let batch = Batch::with_errors(first, buffer, errors);
        lock(&self.state).next = batch.end();
        self.run.set_pulled(batch.end());
        (batch, ended)
    }

    /// Reads item by item and stages each at once, until there is a batch or no room; says whether
    /// the source ended.
    fn read_openly(&self, source: &mut S, room: usize) -> bool {
        let size = self.wanted(None);
        let outcome = catch_panic(|| {
            for _ in 0..room {
                let Some(item) = source.next() else { return true };
                if self.stage_item(Ok(item), size) || self.run.is_stopped() {
                    return false;
                }
                // Somebody idle may take it.
                if self.workers.has_seat() {
                    self.workers.offer();
                }
            }
            false
        });
        match outcome {
            Ok(ended) => ended,
            Err(error) => {
                self.stage_item(Err(error), size);
                true
            }
        }
    }

    /// Adds an item to the last staged batch; says whether that has `size` items now.
    fn stage_item(&self, item: Result<S::Item, OriError>, size: usize) -> bool {
        let mut state = lock(&self.state);
        let first = state.next;
        state.next += 1;
        self.run.set_pulled(state.next);
        if state.staged.back().is_none_or(|batch| batch.len() >= size) {
            let buffer = state.spares.pop().unwrap_or_default();
            state.staged.push_back(Batch::new(first, buffer));
            self.staged.store(state.staged.len(), SeqCst);
        }
        let batch = state.staged.back_mut().expect("a batch was just staged");
        match item {
            Ok(item) => batch.values.push(item),
            Err(error) => batch.errors.push(source_error(first, error)),
        }
        batch.len() >= size
    }

    /// Puts the source back, or drops it if nobody will read it again.
    fn put_back(&self, source: Box<S>, ended: bool) {
        if !ended && !self.run.is_stopped() {
            {
                let mut state = lock(&self.state);
                state.source = Some(source);
                // Later it might be out again, and whoever wants to read would look for it in a loop.
                self.present.store(true, SeqCst);
            }
            if !self.run.is_stopped() {
                return;
            }
            // The run was stopped in between, and whoever did it may have found no source to drop.
            self.close();
        } else {
            drop_source(source);
        }
        if ended {
            self.run.end_source();
        }
    }
}

impl<S> Input<S::Item> for Intake<'_, S>
where
    S: Iterator + Send,
    S::Item: Send,
{
    fn take_staged(&self) -> Option<Batch<S::Item>> {
        if self.staged.load(SeqCst) == 0 {
            return None;
        }
        let mut state = lock(&self.state);
        let batch = state.staged.pop_front();
        self.staged.store(state.staged.len(), SeqCst);
        batch
    }

    fn pull(&self, wanted: Want) -> Pull<S::Item> {
        self.run.fit_window(self.workers.most(), self.workers.pace.batch_size(None));
        if self.run.room_or_full(self.wanted(None)) == 0 {
            return Pull::Nothing;
        }
        let Some((mut source, buffer)) = self.take_source() else { return Pull::Nothing };
        if let Want::Only(position) = wanted
            && lock(&self.state).next != position
        {
            // Somebody was faster.
            self.put_back(source, false);
            return Pull::Nothing;
        }
        // Only now does nobody else fill the window.
        let room = self.run.room_or_full(self.wanted(None));
        if room == 0 {
            self.put_back(source, false);
            return Pull::Nothing;
        }
        if self.may_block {
            self.recycle(buffer);
            let ended = self.read_openly(&mut source, room);
            self.put_back(source, ended);
            return Pull::Staged;
        }

        let remaining = source.size_hint().0;
        let size = self.wanted(Some(remaining)).min(room);
        let (batch, ended) = self.read(&mut source, buffer, size);
        self.put_back(source, ended);
        if batch.len() == 0 { Pull::Staged } else { Pull::Batch(batch) }
    }

    fn stage(&self, batch: Batch<S::Item>) {
        if batch.len() == 0 {
            return;
        }
        let mut state = lock(&self.state);
        let place = state.staged.partition_point(|other| other.first() < batch.first());
        state.staged.insert(place, batch);
        self.staged.store(state.staged.len(), SeqCst);
    }

    fn can_pull(&self) -> bool {
        self.present.load(SeqCst) && self.run.room_for(self.wanted(None)) > 0
    }

    fn can_pull_later(&self) -> bool {
        self.present.load(SeqCst) && self.run.room_or_full(self.wanted(None)) > 0
    }

    fn has_staged(&self) -> bool {
        self.staged.load(SeqCst) > 0
    }
}

impl<S> Close for Intake<'_, S>
where
    S: Iterator + Send,
    S::Item: Send,
{
    fn close(&self) {
        let (source, staged) = {
            let mut state = lock(&self.state);
            self.present.store(false, SeqCst);
            self.staged.store(0, SeqCst);
            (state.source.take(), std::mem::take(&mut state.staged))
        };
        if let Some(source) = source {
            drop_source(source);
        }
        drop(staged);
    }
}

impl<S> Depth for Intake<'_, S>
where
    S: Iterator + Send,
    S::Item: Send,
{
    fn items(&self) -> usize {
        lock(&self.state).staged.iter().map(Batch::len).sum()
    }
}

fn source_error(position: u64, error: OriError) -> (u64, OriError) {
    (position, error.with_stage("source").with_item(position))
}

/// Drops user code's iterator; a panic in its `Drop` must not take a worker along.
fn drop_source<S>(source: Box<S>) {
    // Nobody is left to whom that panic could be an item's error; the hook has printed it.
    drop(catch_panic(|| drop(source)));
}
