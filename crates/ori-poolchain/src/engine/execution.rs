//! [`Execution`]: a run from the consumer's side.

#[cfg(feature = "async")]
use std::task::{Context, Poll};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use ori_errors::__private::{event, span};
use ori_errors::OriError;

#[cfg(feature = "async")]
use super::async_stage::Drive;
use super::batch::Batch;
use super::build::{Build, Front, Place, Plan};
use super::intake::Close;
use super::meter::Meter;
use super::observed::Observed;
use super::port::Port;
use super::rhythm::{LONGEST_NAP, Rhythm};
use super::run::Run;
use super::tape::as_consumer;
use super::watch::{Monitor, Sight, TICK};
use super::workers::{Segment, Spawn};
use crate::model::sync::Arc;
use crate::model::thread::{self, Thread};
use crate::model::{looks, nap};
use crate::options::{ChainOptions, StageOptions};
#[cfg(feature = "trace")]
use crate::recorder::Reel;
use crate::stats::ChainStats;
use crate::watcher::Watcher;

/// The consumer looks so often before it sleeps, with so many pauses between two looks: about 20 µs
/// together, what a sleep and a wake-up cost.
const SPINS: usize = 100;
const SPIN_PAUSES: usize = 8;
/// How often it does so in a run.
const MOST_SPINS: u32 = 4;
/// The longest that it sleeps before it looks whether something withholds its results.
const LONGEST_SLEEP: Duration = Duration::from_millis(16);

/// A run that was started, and what the consumer has had of it.
pub(crate) struct Execution<'e, O> {
    run: Arc<Run<'e>>,
    monitor: Arc<Monitor<'e>>,
    observed: Arc<Observed<'e>>,
    /// The sections, the last one first; they know each other only weakly.
    segments: Vec<Arc<dyn Segment<'e> + 'e>>,
    #[cfg(feature = "async")]
    _driven: Vec<Arc<dyn Drive + 'e>>,
    source: Arc<dyn Close + 'e>,
    helps: bool,
    /// The consumer may read the source.
    may_pull: bool,
    results: Arc<Port<'e, O>>,
    ordered: bool,
    /// How many items have come out.
    taken: u64,
    /// Items of the last batch, which the consumer may still hold.
    held: usize,
    spins_left: u32,
    rhythm: Rhythm,
    #[cfg(feature = "trace")]
    reel: Reel<'e>,
}

/// What an execution gives next.
pub(crate) enum Next<O> {
    Batch(Batch<O>),
    /// The run cannot go on.
    Failed(OriError),
    End,
}

/// Who asks for the results.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Consumer {
    /// A thread that takes one result after the other and helps while it waits.
    Lazy,
    /// A thread that wants all of them, up to the first error.
    Eager,
    /// An async task, which never runs user code.
    #[cfg(feature = "async")]
    Task,
}

impl Consumer {
    /// Whether it waits in a thread of its own.
    fn is_thread(self) -> bool {
        matches!(self, Self::Lazy | Self::Eager)
    }

    /// The word for a subscriber.
    fn as_str(self) -> &'static str {
        match self {
            Self::Lazy => "lazy",
            Self::Eager => "eager",
            #[cfg(feature = "async")]
            Self::Task => "stream",
        }
    }
}

/// The stages, for a subscriber.
fn names(stages: &[StageOptions]) -> String {
    stages.iter().map(|stage| &*stage.name).collect::<Vec<_>>().join(", ")
}

/// The input of a run.
pub(crate) struct Source<S> {
    pub(crate) items: S,
    /// Whether reading it may block.
    pub(crate) may_block: bool,
}

/// Where the stages of a run find their threads.
pub(crate) struct Threads<'e, 'a> {
    /// The chain's own.
    pub(crate) own: Arc<dyn Spawn<'e> + 'e>,
    /// Those of a stage that brought an executor.
    pub(crate) of_stage: &'a dyn Fn(&StageOptions) -> Option<Arc<dyn Spawn<'e> + 'e>>,
}

impl<'e, O: Send + 'e> Execution<'e, O> {
    /// Starts a run of `plan` over `source`.
    pub(crate) fn start<'env, S>(
        plan: &(dyn Plan<'env, S::Item, O> + 'env),
        stages: &[StageOptions],
        options: &ChainOptions,
        threads: &Threads<'e, '_>,
        source: Source<S>,
        consumer: Consumer,
    ) -> Self
    where
        'env: 'e,
        S: Iterator + Send + 'e,
        S::Item: Send + 'e,
    {
        let span = span!(DEBUG, "chain run", mode = consumer.as_str(), stages = names(stages).as_str());
        let run = Arc::new(Run::new(options.buffer, consumer == Consumer::Eager).in_span(span));
        event!(
            in &run.span, DEBUG, "run started",
            mode = consumer.as_str(), stages = names(stages).as_str()
        );
        let monitor =
            Arc::new(Monitor::new(Arc::clone(&run), Arc::clone(&threads.own), consumer.is_thread()));
        let spawner =
            |stage: &StageOptions| (threads.of_stage)(stage).unwrap_or_else(|| Arc::clone(&threads.own));
        let place = Place::Workers(&spawner);
        #[cfg(feature = "trace")]
        let reel = Reel::new(options, stages, run.started, Arc::clone(&threads.own), consumer.is_thread());
        #[cfg(feature = "trace")]
        let tape = |stage: usize| reel.tape(stage);
        #[cfg(not(feature = "trace"))]
        let tape = |_| super::tape::Tape::default();
        let meters = (0..stages.len()).map(|stage| Arc::new(Meter::new(&run, tape(stage)))).collect();
        let mut build =
            Build::new(Arc::clone(&run), Arc::clone(&monitor), stages, !options.unordered, place, meters);
        let (outlet, results) = build.outlet();
        let tail = plan.build(&mut build, outlet);
        let may_block = source.may_block;
        let expected = match source.items.size_hint() {
            (least, Some(most)) if least == most => Some(most as u64),
            _ => None,
        };
        let Front { source, staged, workers } = build.front(tail, source.items, source.may_block);

        let built = build.finish();
        // The consumer runs what it waits for itself if nobody else has begun it: only where a stage
        // cannot get stuck, and where what it makes is a result.
        let helps = built.segments.len() == 1 && !options.unordered && workers.may_be_helped();
        #[cfg(feature = "async")]
        let helps = helps && built.driven.is_empty() && consumer != Consumer::Task;
        let observed = Observed::new(&run, built.stages, staged, expected);
        workers.offer();
        Self {
            run,
            monitor,
            observed,
            segments: built.segments,
            #[cfg(feature = "async")]
            _driven: built.driven,
            source,
            helps,
            may_pull: !may_block,
            results,
            ordered: !options.unordered,
            taken: 0,
            held: 0,
            spins_left: MOST_SPINS,
            rhythm: Rhythm::new(),
            #[cfg(feature = "trace")]
            reel,
        }
    }

    /// The next batch; waits for it in this thread.
    pub(crate) fn next(&mut self) -> Next<O> {
        let mut pause = TICK;
        loop {
            if let Some(next) = self.try_next() {
                return self.recorded(next);
            }
            if self.help() || self.spin() || self.nap() {
                continue;
            }
            let asleep = Instant::now();
            self.park(pause);
            if asleep.elapsed() >= pause {
                pause = match self.monitor.look_as_consumer() {
                    Sight::Fast => TICK,
                    Sight::Slow | Sight::Nothing => LONGEST_SLEEP.min(pause * 2),
                };
            }
        }
    }

    /// Runs a batch in this thread, if that is safe.
    ///
    /// It is, if nobody has the item that comes next; in a lazy run that is the first item alone.
    /// An item further on might take long, while the next result is there, or even wait for what the
    /// consumer does with it. So those are run only in a lazy run, after thousands of items have cost
    /// little.
    fn help(&self) -> bool {
        let segment = &self.segments[0];
        let workers = segment.workers();
        if !self.helps {
            return false;
        }
        if self.may_pull && self.run.pulled() == self.taken {
            let begins = match self.run.ends_at_error() {
                true => workers.pace.is_new() || workers.pace.is_cheap(),
                false => self.taken == 0 && workers.pace.is_new() && !workers.pace.has_chunksize(),
            };
            if begins {
                return self.run.span.in_scope(|| as_consumer(|| segment.begin(self.taken)));
            }
        }
        let helps = !self.run.ends_at_error() && workers.expect_help();
        helps && self.run.span.in_scope(|| as_consumer(|| segment.help(self.may_pull)))
    }

    /// The next batch, or the waker is woken when there may be one.
    #[cfg(feature = "async")]
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next<O>> {
        if let Some(next) = self.try_next() {
            return self.poll_recorded(next, cx);
        }
        self.run.register_consumer(cx.waker());
        // What came before the waker was left is here now; what comes after wakes it.
        match self.try_next() {
            Some(next) => self.poll_recorded(next, cx),
            None => Poll::Pending,
        }
    }

    /// At the end of the run, what was recorded of it is written before that is told.
    fn recorded(&mut self, next: Next<O>) -> Next<O> {
        #[cfg(feature = "trace")]
        if let Next::End = next {
            self.reel.ends(|| self.observed.stats());
            return self.reel.write().map_or_else(Next::Failed, |()| Next::End);
        }
        next
    }

    /// The same, without blocking the thread.
    #[cfg(feature = "async")]
    fn poll_recorded(&mut self, next: Next<O>, cx: &mut Context<'_>) -> Poll<Next<O>> {
        #[cfg(feature = "trace")]
        if let Next::End = next {
            self.reel.ends(|| self.observed.stats());
            return self.reel.poll_write(cx).map(|written| written.map_or_else(Next::Failed, |()| Next::End));
        }
        let _ = cx;
        Poll::Ready(next)
    }

    /// Looks for something to do for as long as a sleep and a wake-up would cost: at the beginning
    /// only, since the workers may need the processor.
    fn spin(&mut self) -> bool {
        if self.spins_left == 0 {
            return false;
        }
        self.spins_left -= 1;
        for _ in 0..looks(SPINS) {
            if self.is_ready() {
                return true;
            }
            for _ in 0..SPIN_PAUSES {
                std::hint::spin_loop();
            }
        }
        false
    }

    /// Sleeps until several batches are there, where they come quickly. False if there still is
    /// nothing.
    fn nap(&mut self) -> bool {
        if self.run.ends_at_error() {
            return false;
        }
        let Some(results) = self.rhythm.nap(self.taken) else { return false };
        self.run.set_patience(results);
        self.leave_waker();
        if !self.is_ready() {
            let asleep = Instant::now();
            nap(LONGEST_NAP);
            self.rhythm.napped(asleep.elapsed());
        }
        self.run.set_patience(1);
        self.is_ready()
    }

    /// Sleeps until there is something to do, at most for so long.
    fn park(&self, most: Duration) {
        self.leave_waker();
        if !self.is_ready() {
            thread::park_timeout(most);
        }
    }

    fn leave_waker(&self) {
        self.run.register_consumer(&Waker::from(Arc::new(Parked(thread::current()))));
    }

    /// The next batch, if it is there.
    fn try_next(&mut self) -> Option<Next<O>> {
        #[cfg(feature = "trace")]
        self.reel.sample(|| self.observed.depths());
        self.run.release(std::mem::take(&mut self.held));
        self.run.asks();
        if let Some(batch) = self.results.queue().take_at(self.position()) {
            self.held = batch.len();
            self.taken += batch.len() as u64;
            return Some(Next::Batch(batch));
        }
        if let Some(error) = self.run.take_failure() {
            return Some(Next::Failed(error));
        }
        if self.run.is_drained(self.taken) || self.run.is_stopped() {
            self.finish();
            return Some(Next::End);
        }
        None
    }

    /// Where the next batch must begin.
    fn position(&self) -> Option<u64> {
        self.ordered.then_some(self.taken)
    }

    /// Whether there is something to do, after the waker was left.
    fn is_ready(&self) -> bool {
        self.results.queue().ready_at(self.position())
            || self.run.is_drained(self.taken)
            || self.run.is_stopped()
            || self.helps
                && !self.run.ends_at_error()
                && self.segments[0].workers().expect_help()
                && self.segments[0].can_help(self.may_pull)
    }

    /// An empty buffer for a batch to come.
    pub(crate) fn recycle(&self, buffer: Vec<O>) {
        self.results.queue().recycle(buffer);
    }
}

impl<O> Execution<'_, O> {
    /// Ends the run: nothing is started any more, and what waits is dropped.
    pub(crate) fn finish(&self) {
        self.run.stop();
        self.monitor.end();
        self.segments.iter().for_each(|segment| segment.stop());
        self.source.close();
        self.run.wake_consumer();
        if self.run.tells_of_end() {
            event!(
                in &self.run.span, DEBUG, "run ended",
                items = self.run.pulled(), results = self.taken, errors = self.stats().errors(),
                complete = self.run.is_drained(self.taken), elapsed_s = self.stats().elapsed().as_secs_f64()
            );
        }
    }

    pub(crate) fn stats(&self) -> ChainStats {
        self.observed.stats()
    }
}

impl<O> Execution<'static, O> {
    pub(crate) fn watcher(&self) -> Watcher {
        self.observed.watcher()
    }

    /// What is recorded can be drawn while the run goes on.
    #[cfg(feature = "trace")]
    pub(crate) fn let_recorder_watch(&self) {
        self.reel.watch(|| self.watcher());
    }
}

impl<O> Drop for Execution<'_, O> {
    fn drop(&mut self) {
        self.finish();
        #[cfg(feature = "trace")]
        {
            self.reel.ends(|| self.observed.stats());
            self.reel.write_unheard();
        }
        drop(self.results.queue().clear());
    }
}

/// Wakes a parked thread.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
