//! From the description of a chain to the sections of a run, back to front: a stage must know where
//! its results go before it can be made.

use std::marker::PhantomData;
#[cfg(feature = "async")]
use std::sync::Weak;

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "async")]
use super::async_stage::{AsyncStage, Drive, DriverState};
use super::away::Away;
use super::gate::Gate;
use super::intake::{Close, Input, Intake};
use super::line::{Factory, Line, Outlet, Stage, StageLine};
use super::meter::Meter;
use super::observed::Depth;
use super::port::Port;
use super::process_stage::{ProcessStage, most_away};
use super::run::Run;
use super::section::Section;
use super::slot::Watching;
#[cfg(feature = "async")]
use super::watch::Watch;
use super::watch::{Monitor, Pulse};
use super::workers::{Crew, Segment, Spawn, Workers};
use crate::function::Function;
#[cfg(feature = "async")]
use crate::function::{AsyncFunction, OneByOne};
use crate::model::sync::atomic::AtomicUsize;
use crate::model::sync::{Arc, Mutex};
use crate::options::StageOptions;
use crate::processes::ProcessFunction;

/// A chain that was described: how to send items `I` through to results `O`, with closures that
/// live for `'env`.
pub(crate) trait Plan<'env, I, O>: Send + Sync {
    /// Puts this part of the chain before `tail`.
    fn build<'e>(&self, build: &mut Build<'e, '_>, tail: Tail<'e, O>) -> Tail<'e, I>
    where
        'env: 'e;
}

/// The part of a run that is built already, typed by what enters it.
pub(crate) struct Tail<'e, T> {
    line: Factory<'e, T>,
    /// Where a batch enters that comes from elsewhere.
    port: Arc<Port<'e, T>>,
    /// The section that the line belongs to so far, and the stage that is first in it.
    section: Option<(Arc<Workers<'e>>, usize)>,
}

impl<'e, T> Tail<'e, T> {
    /// The line of one worker that does everything: for the thread that asks for results.
    pub(crate) fn line(&self) -> Box<dyn Line<T> + 'e> {
        (self.line)(&Pulse::new())
    }
}

/// The source of a run, and who reads it.
pub(crate) struct Front<'e> {
    pub(crate) source: Arc<dyn Close + 'e>,
    /// What was read and waits.
    pub(crate) staged: Arc<dyn Depth + 'e>,
    pub(crate) workers: Arc<Workers<'e>>,
}

/// A stage, as its statistics see it.
pub(crate) struct Metered<'e> {
    pub(crate) name: Arc<str>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) crew: Arc<dyn Crew + 'e>,
    /// Where items wait for the stage.
    pub(crate) queues: Vec<Arc<dyn Depth + 'e>>,
}

/// Who works at a stage, and where items wait for it.
type Staff<'e> = (Arc<dyn Crew + 'e>, Vec<Arc<dyn Depth + 'e>>);

/// What a run consists of.
pub(crate) struct Built<'e> {
    /// The sections, the last one first.
    pub(crate) segments: Vec<Arc<dyn Segment<'e> + 'e>>,
    /// What the statistics look at.
    pub(crate) stages: Vec<Metered<'e>>,
    #[cfg(feature = "async")]
    pub(crate) driven: Vec<Arc<dyn Drive + 'e>>,
}

/// A run while it is built.
pub(crate) struct Build<'e, 'a> {
    run: Arc<Run<'e>>,
    monitor: Arc<Monitor<'e>>,
    stages: &'a [StageOptions],
    meters: Vec<Arc<Meter>>,
    /// Who works at each stage, and where items wait for it.
    crews: Vec<Option<Staff<'e>>>,
    segments: Vec<Arc<dyn Segment<'e> + 'e>>,
    /// Stages that have no segment.
    #[cfg(feature = "async")]
    driven: Vec<Arc<dyn Drive + 'e>>,
    place: Place<'e, 'a>,
    ordered: bool,
}

/// Where the stages run.
pub(crate) enum Place<'e, 'a> {
    /// All of them in the thread that asks for results.
    Caller,
    /// Each with the spawner that this gives for it.
    Workers(&'a dyn Fn(&StageOptions) -> Arc<dyn Spawn<'e> + 'e>),
}

impl<'e, 'a> Build<'e, 'a> {
    pub(crate) fn new(
        run: Arc<Run<'e>>,
        monitor: Arc<Monitor<'e>>,
        stages: &'a [StageOptions],
        ordered: bool,
        place: Place<'e, 'a>,
        meters: Vec<Arc<Meter>>,
    ) -> Self {
        let crews = stages.iter().map(|_| None).collect();
        Self {
            run,
            monitor,
            stages,
            meters,
            crews,
            segments: Vec::new(),
            #[cfg(feature = "async")]
            driven: Vec::new(),
            place,
            ordered,
        }
    }

    /// The end of the chain: results wait for the consumer.
    pub(crate) fn outlet<O: Send + 'e>(&self) -> (Tail<'e, O>, Arc<Port<'e, O>>) {
        let port = Arc::new(Port::to_consumer(Arc::clone(&self.run), self.ordered));
        (Tail { line: outlet_line(&port), port: Arc::clone(&port), section: None }, port)
    }

    /// Puts a stage before `tail`: into its section, if they share their workers, or into a new one.
    pub(crate) fn stage<A, B>(
        &mut self,
        part: StagePart,
        function: &Arc<dyn Function<A, B> + 'e>,
        share: Option<fn(&A) -> A>,
        tail: Tail<'e, B>,
    ) -> Tail<'e, A>
    where
        A: Send + 'e,
        B: Send + 'e,
    {
        let options = &self.stages[part.index];
        let tail = match &tail.section {
            Some((_, follower)) if !self.shares_workers(part.index, *follower) => self.close(tail),
            _ => tail,
        };
        let workers = match &tail.section {
            Some((workers, _)) => Arc::clone(workers),
            None => self.new_workers(options),
        };
        workers.pace.add_stage(size_of::<A>().max(size_of::<B>()));
        let watching = self.watching(options, part.main, share);
        // Who brings an executor wants its threads: their runtime, their names, their stacks.
        if watching.as_ref().is_some_and(|watching| watching.always) || options.executor.is_some() {
            workers.forbid_help();
        }
        let stage = Arc::new(Stage {
            name: Arc::clone(&options.name),
            function: Arc::clone(function).for_run(),
            workers: Arc::clone(&workers),
            port: Arc::new(Port::to_workers(Arc::clone(&workers))),
            next: tail.port,
            meter: Arc::clone(&self.meters[part.index]),
            counts: part.main,
            watching,
        });
        let port = Arc::clone(&stage.port);
        // What is behind the function does not wait for it any more.
        match &mut self.crews[part.index] {
            Some((_, queues)) => queues.push(Arc::clone(&port) as _),
            none if part.main => *none = Some((Arc::clone(&workers) as _, vec![Arc::clone(&port) as _])),
            _ => {}
        }
        let next = tail.line;
        let line: Factory<'e, A> = Arc::new(move |pulse| {
            let runner = Arc::clone(&stage.function).runner();
            Box::new(StageLine::new(Arc::clone(&stage), runner, next(pulse), pulse))
        });
        Tail { line, port, section: Some((workers, part.index)) }
    }

    /// Puts an async stage before `tail`.
    #[cfg(feature = "async")]
    fn async_stage<A, S>(
        &mut self,
        part: StagePart,
        function: &Arc<S>,
        tail: Tail<'e, S::Output>,
    ) -> Tail<'e, A>
    where
        A: Send + 'e,
        S: AsyncFunction<A> + 'e,
        S::Output: 'e,
    {
        let options = &self.stages[part.index];
        let (runtime, limit, retries) = (options.runtime(), options.timeout, options.retries);
        if matches!(self.place, Place::Caller) {
            let one_by_one = OneByOne { function: Arc::clone(function), runtime, limit, retries };
            let function: Arc<dyn Function<A, S::Output> + 'e> = Arc::new(one_by_one);
            return self.stage(part, &function, None, tail);
        }
        let tail = self.close(tail);
        let most = options.workers();
        let driver = DriverState::new(most);
        self.run.widen_window(most);
        let port = Arc::new(Port::to_driver(Arc::clone(&driver)));
        let stage: Arc<dyn Drive + 'e> = Arc::new(AsyncStage {
            name: Arc::clone(&options.name),
            function: Arc::clone(function),
            run: Arc::clone(&self.run),
            spawner: self.spawner(options),
            port: Arc::clone(&port),
            next: tail.port,
            meter: Arc::clone(&self.meters[part.index]),
            runtime,
            most,
            limit,
            retries,
            driver: Arc::clone(&driver),
        });
        driver.set_stage(Arc::downgrade(&stage));
        let watched: Weak<dyn Watch + 'e> = Arc::downgrade(&(Arc::clone(&driver) as Arc<dyn Watch + 'e>));
        self.monitor.add(watched, None);
        self.driven.push(stage);
        self.crews[part.index] = Some((driver, vec![Arc::clone(&port) as _]));
        Tail { line: outlet_line(&port), port, section: None }
    }

    /// Puts a stage that runs in worker processes before `tail`.
    fn process_stage<A, B>(
        &mut self,
        part: StagePart,
        function: &ProcessFunction<A, B>,
        tail: Tail<'e, B>,
    ) -> Tail<'e, A>
    where
        A: Serialize + Send + 'static,
        B: DeserializeOwned + Send + 'static,
    {
        let options = &self.stages[part.index];
        let kept = || options.processes.as_ref()?.kept();
        let Some(processes) = kept().filter(|_| !matches!(self.place, Place::Caller)) else {
            let function: Arc<dyn Function<A, B> + 'e> = Arc::clone(&function.here) as _;
            return self.stage(part, &function, None, tail);
        };
        let tail = self.close(tail);
        let most = options.workers();
        let workers = self.workers(options, most);
        workers.add_reader();
        workers.forbid_help();
        let port = Arc::new(Port::to_workers(Arc::clone(&workers)));
        let segment: Arc<dyn Segment<'e> + 'e> = Arc::new(ProcessStage {
            name: Arc::clone(&options.name),
            task: function.task,
            processes,
            limit: options.timeout,
            retries: options.retries,
            chunk: options.chunksize,
            workers: Arc::clone(&workers),
            port: Arc::clone(&port),
            next: tail.port,
            meter: Arc::clone(&self.meters[part.index]),
            size: AtomicUsize::new(1),
            away: Away::new(most_away(most), most, Arc::clone(&self.meters[part.index])),
            gate: Gate::new(),
        });
        workers.set_segment(Arc::downgrade(&segment));
        self.segments.push(segment);
        self.crews[part.index] = Some((workers, vec![port.clone() as _]));
        Tail { line: outlet_line(&port), port, section: None }
    }

    /// The first section, which reads the source.
    pub(crate) fn front<S>(&mut self, tail: Tail<'e, S::Item>, source: S, may_block: bool) -> Front<'e>
    where
        S: Iterator + Send + 'e,
        S::Item: Send + 'e,
    {
        let (workers, tail) = match &tail.section {
            Some((workers, first)) if self.stages[*first].executor.is_none() => (Arc::clone(workers), tail),
            // Somebody else's threads must not be blocked by our source, and a stage of futures or in
            // processes has none that read.
            _ => {
                let name = "source".into();
                let reader = StageOptions { name, max_workers: Some(1), ..StageOptions::new(0, None) };
                (self.new_workers(&reader), self.close(tail))
            }
        };
        self.run.set_front(Arc::downgrade(&workers));
        let intake = Arc::new(Intake::new(Arc::clone(&self.run), Arc::clone(&workers), source, may_block));
        let front = Front {
            source: Arc::clone(&intake) as _,
            staged: Arc::clone(&intake) as _,
            workers: Arc::clone(&workers),
        };
        self.section(workers, Some(intake), tail.line);
        front
    }

    /// The sections, the last one first, and what the statistics look at.
    pub(crate) fn finish(self) -> Built<'e> {
        let stages = self.stages.iter().zip(self.meters).zip(self.crews);
        let stages = stages.filter_map(|((options, meter), crew)| {
            let (crew, queues) = crew?;
            Some(Metered { name: Arc::clone(&options.name), meter, crew, queues })
        });
        Built {
            stages: stages.collect(),
            segments: self.segments,
            #[cfg(feature = "async")]
            driven: self.driven,
        }
    }

    /// Ends the section that `tail` begins with: what comes before it hands over through a port.
    fn close<B: Send + 'e>(&mut self, tail: Tail<'e, B>) -> Tail<'e, B> {
        let Some((workers, _)) = tail.section else { return tail };
        self.section(workers, None, tail.line);
        Tail { line: outlet_line(&tail.port), port: tail.port, section: None }
    }

    fn section<A: Send + 'e>(
        &mut self,
        workers: Arc<Workers<'e>>,
        input: Option<Arc<dyn Input<A> + 'e>>,
        line: Factory<'e, A>,
    ) {
        let section = Arc::new(Section {
            workers: Arc::clone(&workers),
            monitor: Arc::clone(&self.monitor),
            input,
            line,
        });
        let segment: Arc<dyn Segment<'e> + 'e> = section;
        workers.set_segment(Arc::downgrade(&segment));
        self.segments.push(segment);
    }

    fn shares_workers(&self, stage: usize, follower: usize) -> bool {
        stage == follower
            || matches!(self.place, Place::Caller)
            || self.stages[stage].shares_workers(&self.stages[follower])
    }

    fn new_workers(&self, options: &StageOptions) -> Arc<Workers<'e>> {
        self.workers(options, options.threads())
    }

    fn workers(&self, options: &StageOptions, most: usize) -> Arc<Workers<'e>> {
        let name = Arc::clone(&options.name);
        Arc::new(Workers::new(Arc::clone(&self.run), name, self.spawner(options), most, options.chunksize))
    }

    fn spawner(&self, options: &StageOptions) -> Arc<dyn Spawn<'e> + 'e> {
        match &self.place {
            Place::Caller => Arc::new(Nowhere),
            Place::Workers(spawner) => spawner(options),
        }
    }

    fn watching<A>(
        &self,
        options: &StageOptions,
        main: bool,
        share: Option<fn(&A) -> A>,
    ) -> Option<Watching<'e, A>> {
        let by_caller = matches!(self.place, Place::Caller);
        let unordered = !self.ordered && !by_caller;
        let retries = if share.is_some() { options.retries } else { 0 };
        // An async function looks after its own time, one try at a time.
        let limit = options.timeout.filter(|_| !options.is_async());
        let always = limit.is_some() || retries > 0 || unordered;
        (main && (always || !by_caller)).then(|| Watching {
            monitor: Arc::clone(&self.monitor),
            by_caller,
            limit,
            retries,
            share,
            always,
            tried: Mutex::default(),
        })
    }
}

/// Which of the user's stages a part of a run belongs to. The adapters around a stage's function
/// belong to that stage too, but only the function itself is counted and watched.
#[derive(Copy, Clone, Debug)]
pub(crate) struct StagePart {
    pub(crate) index: usize,
    pub(crate) main: bool,
}

fn outlet_line<'e, T: Send + 'e>(port: &Arc<Port<'e, T>>) -> Factory<'e, T> {
    let port = Arc::clone(port);
    Arc::new(move |_| Box::new(Outlet(Arc::clone(&port))))
}

/// The spawner of a run that starts nothing.
pub(crate) struct Nowhere;

impl<'e> Spawn<'e> for Nowhere {
    fn spawn(&self, _job: Box<dyn FnOnce() + Send + 'e>) -> ori_errors::Result<()> {
        Ok(())
    }
}

/// The beginning of every chain: items as they come from the source.
pub(crate) struct Start<T>(pub(crate) PhantomData<fn(T)>);

impl<'env, T> Plan<'env, T, T> for Start<T> {
    fn build<'e>(&self, _build: &mut Build<'e, '_>, tail: Tail<'e, T>) -> Tail<'e, T>
    where
        'env: 'e,
    {
        tail
    }
}

/// A chain and one stage more.
pub(crate) struct Then<'env, I, A, B> {
    pub(crate) before: Arc<dyn Plan<'env, I, A> + 'env>,
    pub(crate) function: Arc<dyn Function<A, B> + 'env>,
    pub(crate) share: Option<fn(&A) -> A>,
    pub(crate) part: StagePart,
}

impl<'env, I, A, B> Plan<'env, I, B> for Then<'env, I, A, B>
where
    I: 'env,
    A: Send + 'env,
    B: Send + 'env,
{
    fn build<'e>(&self, build: &mut Build<'e, '_>, tail: Tail<'e, B>) -> Tail<'e, I>
    where
        'env: 'e,
    {
        let function: Arc<dyn Function<A, B> + 'e> = Arc::clone(&self.function) as _;
        let tail = build.stage(self.part, &function, self.share, tail);
        self.before.build(build, tail)
    }
}

/// A chain and one async stage more.
#[cfg(feature = "async")]
pub(crate) struct ThenAsync<'env, I, A, S> {
    pub(crate) before: Arc<dyn Plan<'env, I, A> + 'env>,
    pub(crate) function: Arc<S>,
    pub(crate) part: StagePart,
}

#[cfg(feature = "async")]
impl<'env, I, A, S> Plan<'env, I, S::Output> for ThenAsync<'env, I, A, S>
where
    I: 'env,
    A: Send + 'env,
    S: AsyncFunction<A> + 'env,
{
    fn build<'e>(&self, build: &mut Build<'e, '_>, tail: Tail<'e, S::Output>) -> Tail<'e, I>
    where
        'env: 'e,
    {
        let tail = build.async_stage(self.part, &self.function, tail);
        self.before.build(build, tail)
    }
}

/// A chain and one stage in worker processes more.
pub(crate) struct ThenProcess<'env, I, A, B> {
    pub(crate) before: Arc<dyn Plan<'env, I, A> + 'env>,
    pub(crate) function: ProcessFunction<A, B>,
    pub(crate) part: StagePart,
}

impl<'env, I, A, B> Plan<'env, I, B> for ThenProcess<'env, I, A, B>
where
    I: 'env,
    A: Serialize + Send + 'static,
    B: DeserializeOwned + Send + 'static,
{
    fn build<'e>(&self, build: &mut Build<'e, '_>, tail: Tail<'e, B>) -> Tail<'e, I>
    where
        'env: 'e,
    {
        let tail = build.process_stage(self.part, &self.function, tail);
        self.before.build(build, tail)
    }
}
