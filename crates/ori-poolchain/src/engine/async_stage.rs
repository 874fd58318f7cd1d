//! [`AsyncStage`]: a stage whose functions are async, driven by one thread of the chain.
//!
//! The *driver* takes batches from the stage's port, starts a future for each item, polls those that are
//! woken, and puts what is ready into the next port, in runs of neighbouring items. It is a job on the
//! chain's threads, which is started when something arrives and ends when nothing is left to do; so
//! neither the consumer nor a worker ever polls a future. Timers and sockets belong to a tokio runtime,
//! whose context the driver is in; that runtime only wakes.
//!
//! No arrival is lost: a driver that leaves says so first and looks once more; who brings something makes
//! it visible first and then looks whether there is a driver.

use std::time::{Duration, Instant};

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use tokio::runtime::Handle;

use super::batch::Batch;
use super::bell::Bell;
use super::in_flight::{Ended, How, InFlight};
use super::meter::{BegunFuture, Held, Meter};
use super::port::Port;
use super::run::Run;
use super::watch::{Sight, Watch};
use super::workers::{Crew, Spawn};
use crate::function::AsyncFunction;
use crate::model::sync::atomic::AtomicBool;
use crate::model::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::model::sync::atomic::{AtomicIsize, AtomicUsize};
use crate::model::sync::{Arc, Weak};

/// Futures that are started between two deliveries.
const STARTED_AT_ONCE: usize = 256;

pub(crate) struct AsyncStage<'e, A, S: AsyncFunction<A>> {
    pub(crate) name: Arc<str>,
    pub(crate) function: Arc<S>,
    pub(crate) run: Arc<Run<'e>>,
    pub(crate) spawner: Arc<dyn Spawn<'e> + 'e>,
    pub(crate) port: Arc<Port<'e, A>>,
    pub(crate) next: Arc<Port<'e, S::Output>>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) runtime: Option<Handle>,
    /// The most futures in flight.
    pub(crate) most: usize,
    pub(crate) limit: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) driver: Arc<DriverState<'e>>,
}

/// What those who bring work know of a stage's driver.
pub(crate) struct DriverState<'e> {
    /// There is a driver, or one has been asked for.
    present: AtomicBool,
    bell: Arc<Bell>,
    queued: AtomicIsize,
    in_flight: AtomicUsize,
    most: usize,
    stage: std::sync::OnceLock<Weak<dyn Drive + 'e>>,
}

/// The driver's job, whatever the types of the stage.
pub(crate) trait Drive: Send + Sync {
    fn call_driver(self: Arc<Self>);
}

/// An item in flight.
struct Note<I> {
    position: u64,
    begun: BegunFuture,
    /// Another handle on the item, for another try.
    again: Option<I>,
    tries: u32,
}

impl<'e> DriverState<'e> {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            present: AtomicBool::new(false),
            bell: Arc::default(),
            queued: AtomicIsize::new(0),
            in_flight: AtomicUsize::new(0),
            most,
            stage: std::sync::OnceLock::new(),
        })
    }

    pub(crate) fn set_stage(&self, stage: Weak<dyn Drive + 'e>) {
        self.stage.set(stage).expect("a driver drives one stage");
    }

    /// Batches were added to the stage's port, or taken from it.
    pub(crate) fn add_queued(&self, batches: isize) {
        self.queued.fetch_add(batches, SeqCst);
    }

    /// There is something for the driver.
    pub(crate) fn call(&self) {
        self.bell.ring();
        if !self.present.load(SeqCst)
            && !self.present.swap(true, SeqCst)
            && let Some(stage) = self.stage.get().and_then(Weak::upgrade)
        {
            stage.call_driver();
        }
    }
}

impl Crew for DriverState<'_> {
    fn most(&self) -> usize {
        self.most
    }

    fn running(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    fn alive(&self) -> usize {
        self.running()
    }
}

/// The run is over: the driver must not sleep on.
impl Watch for DriverState<'_> {
    fn look(&self, _now: Instant) -> Sight {
        Sight::Nothing
    }

    fn stop(&self) {
        self.bell.ring();
    }
}

impl<'e, A, S> Drive for AsyncStage<'e, A, S>
where
    A: Send + 'e,
    S: AsyncFunction<A> + 'e,
{
    fn call_driver(self: Arc<Self>) {
        let run = Arc::clone(&self.run);
        let spawner = Arc::clone(&self.spawner);
        let seat = Seat { driver: Arc::clone(&self.driver), run: Arc::clone(&run), taken: false };
        let job = move || {
            let mut seat = seat;
            seat.taken = true;
            if let Err(error) = catch_panic(|| self.run.span.in_scope(|| self.drive())) {
                self.run.fail(error);
            }
        };
        if let Err(error) = spawner.spawn(Box::new(job)) {
            run.fail(error);
        }
    }
}

/// A driver's job that the executor dropped is the end of the run: nobody else will drive the stage.
struct Seat<'e> {
    driver: Arc<DriverState<'e>>,
    run: Arc<Run<'e>>,
    taken: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if !self.taken && self.driver.queued.load(SeqCst) > 0 {
            let message = "the thread of an async stage was dropped before it ran";
            self.run.fail(OriError::new(ErrorKind::Closed, message));
        }
    }
}

impl<'e, A, S> AsyncStage<'e, A, S>
where
    A: Send + 'e,
    S: AsyncFunction<A> + 'e,
{
    /// Drives the stage until nothing is left to do.
    fn drive(&self) {
        let _context = self.runtime.as_ref().map(Handle::enter);
        let driver = &*self.driver;
        loop {
            let mut flight = Flight {
                stage: self,
                futures: InFlight::new(Arc::clone(&driver.bell), self.limit),
                done: Vec::new(),
                held: Held::default(),
            };
            flight.fly();
            self.meter.hold(&mut flight.held, 0);
            drop(flight);
            driver.in_flight.store(0, Relaxed);
            // Somebody may have brought something who still saw a driver.
            driver.present.store(false, SeqCst);
            let more = driver.queued.load(SeqCst) > 0 && !self.run.is_stopped();
            if !more || driver.present.swap(true, SeqCst) {
                return;
            }
        }
    }
}

/// The futures of a stage, and what came out of them.
struct Flight<'s, 'e, A, S: AsyncFunction<A>> {
    stage: &'s AsyncStage<'e, A, S>,
    futures: InFlight<S::Future, Note<S::Item>>,
    done: Vec<(u64, Result<S::Output>)>,
    held: Held,
}

impl<'e, A, S> Flight<'_, 'e, A, S>
where
    A: Send + 'e,
    S: AsyncFunction<A> + 'e,
{
    fn fly(&mut self) {
        let stage = self.stage;
        let bell = &*stage.driver.bell;
        while !stage.run.is_stopped() {
            bell.hush();
            // The driver's own work counts as that of one future, where there is none.
            stage.meter.hold(&mut self.held, self.futures.len().max(1));
            let mut ended = Vec::new();
            self.futures.poll_woken(|one| ended.push(one));
            self.futures.expire(|one| ended.push(one));
            for one in ended {
                self.settle(one);
            }
            let took_on = self.take_on();
            stage.driver.in_flight.store(self.futures.len(), Relaxed);
            self.deliver();
            if !took_on {
                stage.meter.hold(&mut self.held, self.futures.len());
                if self.futures.len() == 0 {
                    return;
                }
                bell.wait(self.futures.deadline());
            }
        }
    }

    /// Starts what waits, as far as there is room; says whether there may be more.
    fn take_on(&mut self) -> bool {
        let stage = self.stage;
        let room = stage.most.saturating_sub(self.futures.len()).min(STARTED_AT_ONCE);
        if room == 0 {
            return false;
        }
        let Some(batch) = stage.port.take(room) else { return false };
        let (mut position, end) = (batch.first(), batch.end());
        let Batch { mut values, errors, .. } = batch;
        let mut errors = errors.into_iter().peekable();
        stage.meter.count(values.len(), 0);
        let mut items = values.drain(..);
        while position < end && !stage.run.is_stopped() {
            if let Some((_, error)) = errors.next_if(|(failed, _)| *failed == position) {
                self.done.push((position, Err(error)));
            } else if let Some(item) = items.next() {
                self.begin(position, item);
            }
            position += 1;
        }
        drop(items);
        stage.port.queue().recycle(values);
        true
    }

    fn begin(&mut self, position: u64, item: A) {
        let stage = self.stage;
        let item = stage.function.wrap(item);
        self.try_item(position, stage.meter.begin_future(position), item, 0);
    }

    /// Calls the function and polls its future for the first time.
    fn try_item(&mut self, position: u64, begun: BegunFuture, item: S::Item, tries: u32) {
        let stage = self.stage;
        let again = if tries < stage.retries { stage.function.share(&item) } else { None };
        let note = Note { position, begun, again, tries };
        let ended = match catch_panic(|| stage.function.start(item)) {
            Ok(future) => self.futures.start(future, note),
            Err(panic) => Some(Ended { note, how: How::Ready(Err(panic)) }),
        };
        if let Some(ended) = ended {
            self.settle(ended);
        }
    }

    /// Notes a result, or tries the item again.
    fn settle(&mut self, ended: Ended<Note<S::Item>, S::Output>) {
        let stage = self.stage;
        let Ended { note, how } = ended;
        let result = match how {
            How::Ready(result) => result,
            How::OutOfTime => {
                let limit = stage.limit.unwrap_or_default();
                Err(OriError::new(ErrorKind::TimedOut, format!("took longer than {limit:?}")))
            }
        };
        let result = match (result, note.again) {
            (Err(error), Some(item)) => {
                stage.meter.retried(note.position, &error);
                event!(
                    in &stage.run.span, DEBUG, "item retried",
                    stage = &*stage.name, item = note.position, tries = note.tries + 1,
                    kind = error.kind().as_str()
                );
                return self.try_item(note.position, note.begun, item, note.tries + 1);
            }
            (Err(error), None) => {
                if error.is_timeout() {
                    event!(
                        in &stage.run.span, WARN, "item timed out",
                        stage = &*stage.name, item = note.position,
                        limit_s = stage.limit.map(|limit| limit.as_secs_f64())
                    );
                }
                stage.meter.end_future(note.begun, note.position, true);
                Err(error.with_stage(&*stage.name).with_item(note.position))
            }
            (Ok(value), _) => {
                stage.meter.end_future(note.begun, note.position, false);
                Ok(value)
            }
        };
        self.done.push((note.position, result));
    }

    /// Hands on what is done, in as few batches as it makes.
    fn deliver(&mut self) {
        if self.done.is_empty() {
            return;
        }
        let stage = self.stage;
        self.done.sort_unstable_by_key(|(position, _)| *position);
        let mut batch: Option<Batch<S::Output>> = None;
        for (position, result) in self.done.drain(..) {
            if batch.as_ref().is_some_and(|batch| batch.end() != position) {
                batch.take().into_iter().for_each(|batch| stage.next.put(batch));
            }
            let batch = batch.get_or_insert_with(|| Batch::new(position, stage.next.queue().spare(1)));
            match result {
                Ok(value) => batch.values.push(value),
                Err(error) => batch.errors.push((position, error)),
            }
        }
        batch.into_iter().for_each(|batch| stage.next.put(batch));
    }
}
