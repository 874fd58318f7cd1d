//! [`Slot`]: one worker's batch, item by item, where the monitor can reach it.
//!
//! A stage works from a slot instead of from a batch of its own: it takes each item out under the
//! slot's lock (never held while user code runs) and puts the result in. So when an item takes too
//! long, everything but that item can be taken away: what is done goes on, the rest goes to others.
//!
//! That costs about 20 ns an item. A stage whose items have cost next to nothing for a long while
//! does without it, unless it has a time limit or retries, or the run is unordered: see
//! [`Pace::is_steady`](super::pace::Pace::is_steady).
//!
//! A batch that was taken away with its current item has a new *generation*: the worker that comes
//! back finds that its result is not wanted any more, and ends.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError, catch_panic};

use super::batch::Batch;
use super::line::Stage;
use super::lock::lock;
use super::meter::{Begun, Ran};
use super::watch::{Monitor, Sight, TICK, Watch};
use crate::function::{Outcome, Runner};
use crate::model::sync::atomic::AtomicBool;
use crate::model::sync::atomic::Ordering::Relaxed;
use crate::model::sync::{Arc, Mutex};

/// What a stage asks for that is watched item by item.
pub(crate) struct Watching<'e, A> {
    pub(crate) monitor: Arc<Monitor<'e>>,
    /// Nobody else looks: the worker itself finds out, afterwards, that an item took too long.
    pub(crate) by_caller: bool,
    /// The longest that one try of an item may take.
    pub(crate) limit: Option<Duration>,
    /// How often an item is tried again.
    pub(crate) retries: u32,
    /// Another handle on an item, for another try; where there is none, items cannot be retried.
    pub(crate) share: Option<fn(&A) -> A>,
    /// Also when the items have long cost next to nothing.
    pub(crate) always: bool,
    /// Tries that ran out of time so far, by position, of the items that will be tried again.
    pub(crate) tried: Mutex<HashMap<u64, u32>>,
}

pub(crate) struct Slot<'e, A, B> {
    stage: Arc<Stage<'e, A, B>>,
    state: Mutex<State<A, B>>,
}

struct State<A, B> {
    generation: u64,
    /// Since when there is a batch.
    begun: Option<Begun>,
    /// The position of the first item that is not delivered.
    first: u64,
    /// The position of the first item that was not looked at.
    next: u64,
    rest: VecDeque<A>,
    /// Items of the rest that failed in an earlier stage.
    rest_failed: VecDeque<(u64, OriError)>,
    current: Option<Current<A>>,
    done: Vec<B>,
    failed: Vec<(u64, OriError)>,
    /// Items whose outcome is known, for the statistics. Not the length of the batch: that has items
    /// that failed in an earlier stage, and others may take a part of it over.
    ran: Ran,
}

/// The item that the worker has.
struct Current<A> {
    position: u64,
    /// Another handle on it.
    share: Option<A>,
    tries: u32,
    /// When the monitor saw it first.
    seen: Option<Instant>,
}

impl<'e, A, B> Slot<'e, A, B>
where
    A: Send + 'e,
    B: Send + 'e,
{
    pub(crate) fn new(stage: &Arc<Stage<'e, A, B>>, watching: &Watching<'e, A>) -> Arc<Self> {
        let state = State {
            generation: 0,
            begun: None,
            first: 0,
            next: 0,
            rest: VecDeque::new(),
            rest_failed: VecDeque::new(),
            current: None,
            done: Vec::new(),
            failed: Vec::new(),
            ran: Ran::default(),
        };
        let slot = Arc::new(Self { stage: Arc::clone(stage), state: Mutex::new(state) });
        let weak = Arc::downgrade(&slot);
        watching.monitor.add(weak, watching.limit);
        slot
    }

    /// Runs a batch, and gives back what is left of it when `stop` is set; `None` when the worker was
    /// stuck and its batch was taken away.
    pub(crate) fn run(
        &self,
        watching: &Watching<'e, A>,
        runner: &mut dyn Runner<A, B>,
        batch: Batch<A>,
        stop: &AtomicBool,
    ) -> Option<Batch<B>> {
        let several = batch.values.len() > 1;
        let generation = self.load(batch);
        if watching.always && (watching.limit.is_some() || several) {
            watching.monitor.rouse();
        } else if several {
            watching.monitor.ask();
        }
        let mut ended: Option<Outcome<B>> = None;
        loop {
            // What the lock protects is only moved under it; it is dropped after.
            let settled;
            let mut retried = None;
            let step = {
                let mut state = lock(&self.state);
                if state.generation != generation {
                    drop(state);
                    return None;
                }
                match ended.take() {
                    Some(Err(error))
                        if state.may_retry(watching) && (error.is_panic() || error.is_timeout()) =>
                    {
                        settled = None;
                        self.stage.meter.retried(state.position(), &error);
                        let item = state.retry(watching);
                        retried = state.current.as_ref().map(|current| Retried {
                            item: current.position,
                            tries: current.tries,
                            kind: error.kind(),
                        });
                        Step::Run(item)
                    }
                    outcome if self.stage.workers.run.is_stopped() => {
                        // Nobody wants the rest.
                        let unwanted = (state.take_rest(), state.current.take());
                        let (begun, end) = (state.begun.take(), state.next);
                        drop(state);
                        self.end(begun, &Ran { end, ..Ran::default() });
                        drop((outcome, unwanted));
                        return Some(Batch::new(0, Vec::new()));
                    }
                    outcome => {
                        let ends = matches!(outcome, Some(Err(_))) && self.stage.workers.run.ends_at_error();
                        settled = outcome.map(|outcome| state.settle(outcome, &self.stage.name));
                        let stops = stop.load(Relaxed);
                        if stops {
                            // Before anybody takes the rest: it must be shared in small pieces.
                            let taken = state.begun.map(|begun| self.stage.meter.since(begun));
                            self.stage.workers.pace.unlearn(state.ran.items, taken.unwrap_or_default());
                        }
                        if stops || ends { state.stop_here() } else { state.step(watching) }
                    }
                }
            };
            drop(settled);
            if let Some(retried) = retried {
                self.tell_of_retry(retried);
            }
            match step {
                Step::Run(item) => {
                    let begun = watching.by_caller.then(Instant::now);
                    ended = Some(match catch_panic(|| runner.one(item)) {
                        Ok(outcome) => outcome,
                        Err(panic) => {
                            runner.reset();
                            Err(panic)
                        }
                    });
                    if let (Some(begun), Some(limit)) = (begun, watching.limit)
                        && begun.elapsed() >= limit
                    {
                        ended = Some(Err(out_of_time(limit)));
                    }
                }
                Step::Done { batch, rest, ran, begun } => {
                    if let Some(rest) = rest {
                        self.stage.port.put(rest);
                    }
                    self.end(begun, &ran);
                    return Some(batch);
                }
            }
        }
    }

    fn tell_of_retry(&self, retried: Retried) {
        event!(
            in &self.stage.workers.run.span, DEBUG, "item retried",
            stage = &*self.stage.name, item = retried.item, tries = retried.tries,
            kind = retried.kind.as_str()
        );
    }

    fn load(&self, batch: Batch<A>) -> u64 {
        let done = self.stage.next.queue().spare(batch.values.len());
        let mut state = lock(&self.state);
        state.begun = Some(self.stage.meter.begin(batch.first()));
        state.first = batch.first();
        state.next = batch.first();
        state.rest = batch.values.into();
        state.rest_failed = batch.errors.into();
        state.done = done;
        state.generation
    }

    fn end(&self, begun: Option<Begun>, ran: &Ran) {
        if let Some(begun) = begun {
            self.stage.meter.end(begun, ran);
        }
    }

    /// The current item has run out of time: everything is taken away from its worker.
    fn take_away(
        &self,
        watching: &Watching<'e, A>,
        limit: Duration,
        mut state: crate::model::sync::MutexGuard<'_, State<A, B>>,
    ) {
        let Some(current) = state.current.take() else { return };
        state.generation += 1;
        let mut done = state.take_done(current.position);
        let rest = state.take_rest();
        let mut ran = std::mem::take(&mut state.ran);
        let begun = state.begun.take();
        drop(state);

        let position = current.position;
        let error = out_of_time(limit);
        self.stage.meter.lost(position, &error);
        ran.end = position;
        let (span, stage) = (&self.stage.workers.run.span, &*self.stage.name);
        let limit_s = limit.as_secs_f64();
        event!(in span, WARN, "worker lost", stage = stage, item = position, limit_s = limit_s);
        let again = match current.share {
            Some(item) if current.tries < watching.retries => {
                let kind = ErrorKind::TimedOut;
                self.tell_of_retry(Retried { item: position, tries: current.tries + 1, kind });
                lock(&watching.tried).insert(position, current.tries + 1);
                self.stage.meter.retried(position, &error);
                Some(Batch::new(position, vec![item]))
            }
            _ => {
                event!(in span, WARN, "item timed out", stage = stage, item = position, limit_s = limit_s);
                ran.items += 1;
                ran.errors += 1;
                ran.end = position + 1;
                done.errors.push((position, error.with_stage(&*self.stage.name).with_item(position)));
                None
            }
        };
        self.end(begun, &ran);
        for batch in again.into_iter().chain(rest) {
            self.stage.port.put(batch);
        }
        if done.len() > 0 {
            self.stage.next.put(done);
        }
        self.stage.workers.replace_lost();
    }

    /// The current item is slow: those before and after it need not wait for it.
    fn give_up_mates(&self, mut state: crate::model::sync::MutexGuard<'_, State<A, B>>) {
        let Some(position) = state.current.as_ref().map(|current| current.position) else { return };
        let done = state.take_done(position);
        let rest = state.take_rest();
        state.first = position;
        drop(state);
        if let Some(rest) = rest {
            self.stage.port.put(rest);
        }
        if done.len() > 0 {
            self.stage.next.put(done);
        }
    }
}

/// A try that failed and is not the last, for a subscriber.
struct Retried {
    item: u64,
    tries: u32,
    kind: ErrorKind,
}

fn out_of_time(limit: Duration) -> OriError {
    OriError::new(ErrorKind::TimedOut, format!("took longer than {limit:?}"))
}

/// What the worker does next.
enum Step<A, B> {
    Run(A),
    /// Pass on what is done, and put the rest back.
    Done {
        batch: Batch<B>,
        rest: Option<Batch<A>>,
        ran: Ran,
        begun: Option<Begun>,
    },
}

impl<A, B> State<A, B> {
    fn may_retry(&self, watching: &Watching<'_, A>) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.share.is_some() && current.tries < watching.retries)
    }

    /// The position of the current item.
    fn position(&self) -> u64 {
        self.current.as_ref().map_or(self.first, |current| current.position)
    }

    /// The current item once more.
    fn retry(&mut self, watching: &Watching<'_, A>) -> A {
        let current = self.current.as_mut().expect("may_retry said so");
        current.tries += 1;
        current.seen = None;
        let share = watching.share.expect("an item was shared");
        share(current.share.as_ref().expect("may_retry said so"))
    }

    /// Notes what became of the current item.
    fn settle(&mut self, outcome: Outcome<B>, stage: &str) -> Option<Current<A>> {
        let current = self.current.take();
        self.ran.items += 1;
        match outcome {
            Ok(value) => self.done.push(value),
            Err(error) => {
                self.ran.errors += 1;
                let position = current.as_ref().map_or(self.first, |current| current.position);
                self.failed.push((position, error.with_stage(stage).with_item(position)));
            }
        }
        current
    }

    fn step(&mut self, watching: &Watching<'_, A>) -> Step<A, B> {
        while self.rest_failed.front().is_some_and(|(position, _)| *position == self.next) {
            self.failed.extend(self.rest_failed.pop_front());
            self.next += 1;
        }
        let Some(item) = self.rest.pop_front() else {
            return self.done(None);
        };
        let position = self.next;
        self.next += 1;
        let mut share = None;
        let mut tries = 0;
        if let (Some(handle), 1..) = (watching.share, watching.retries) {
            share = Some(handle(&item));
            tries = lock(&watching.tried).remove(&position).unwrap_or(0);
        }
        self.current = Some(Current { position, share, tries, seen: None });
        Step::Run(item)
    }

    /// The rest is somebody else's.
    fn stop_here(&mut self) -> Step<A, B> {
        let rest = self.take_rest();
        self.done(rest)
    }

    fn done(&mut self, rest: Option<Batch<A>>) -> Step<A, B> {
        let (batch, mut ran) = (self.take_done(self.next), std::mem::take(&mut self.ran));
        ran.end = self.next;
        Step::Done { batch, rest, ran, begun: self.begun.take() }
    }

    /// What lies before `position`.
    fn take_done(&mut self, position: u64) -> Batch<B> {
        let batch =
            Batch::with_errors(self.first, std::mem::take(&mut self.done), std::mem::take(&mut self.failed));
        debug_assert_eq!(batch.end(), position);
        batch
    }

    /// What the worker has not looked at.
    fn take_rest(&mut self) -> Option<Batch<A>> {
        let rest = Batch::with_errors(
            self.next,
            std::mem::take(&mut self.rest).into(),
            std::mem::take(&mut self.rest_failed).into(),
        );
        (rest.len() > 0).then_some(rest)
    }
}

impl<'e, A, B> Watch for Slot<'e, A, B>
where
    A: Send + 'e,
    B: Send + 'e,
{
    fn look(&self, now: Instant) -> Sight {
        let Some(watching) = &self.stage.watching else { return Sight::Nothing };
        let mut state = lock(&self.state);
        let mates = !state.rest.is_empty() || !state.done.is_empty();
        let Some(current) = &mut state.current else { return Sight::Nothing };
        let Some(seen) = current.seen else {
            current.seen = Some(now);
            return if mates { Sight::Fast } else { Sight::Slow };
        };
        let taken = now.saturating_duration_since(seen);
        if let Some(limit) = watching.limit.filter(|limit| taken >= *limit) {
            self.take_away(watching, limit, state);
            return Sight::Slow;
        }
        if mates {
            if taken >= TICK {
                self.give_up_mates(state);
            }
            return Sight::Fast;
        }
        Sight::Slow
    }
}
