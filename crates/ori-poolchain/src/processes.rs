//! Stages in worker processes: how they are added, and the processes that a chain keeps.

use ori_errors::Result;
use ori_worker::{Conductor, Context, Task, WorkerOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::chain::{Borrowing, PoolChain, Stages};
use crate::engine::build::{StagePart, ThenProcess};
use crate::engine::lock;
use crate::function::{Function, Map, WithContext};
use crate::model::sync::{Arc, Mutex};
use crate::options::StageOptions;

/// Adding stages that run in worker processes.
impl<'env, I, O> PoolChain<I, O, Borrowing<'env>>
where
    I: 'env,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Adds a function that runs in worker processes, which are this same program, started again:
    /// `main` must begin with `ori_worker::init()` (`ori::init()`).
    ///
    /// A worker that aborts, overflows its stack, is killed or eats all memory costs the one item
    /// that it was running, whose error is `WorkerLost`, with the exit code or signal and the
    /// process id. [`retries`](Self::retries) tries such an item again; [`timeout`](Self::timeout)
    /// kills the worker. Workers are started when there is work, by default as many as there are
    /// processors, and stay for the next run until the chain is dropped. The end of a run, also by
    /// dropping its results, stops the workers that still run its items.
    ///
    /// `f` is a `fn` item or a closure that captures nothing; items and results are serialized with
    /// serde (postcard). They travel in batches, whose size follows from the time that they take. A
    /// result does not wait for the items of its batch behind it: when these take long, it comes some
    /// milliseconds after it was made. In a single-threaded run, `f` runs in the calling thread.
    ///
    /// ```standalone_crate
    /// use ori_poolchain::PoolChain;
    ///
    /// fn main() -> ori_errors::Result<()> {
    ///     ori_worker::init();
    ///     let chain = PoolChain::new().add_processpool(|n: u64| n.to_string()).max_workers(2);
    ///     assert_eq!(chain.execute_eager([1, 2])?, ["1", "2"]);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// Without `init()` nothing is started:
    /// ```standalone_crate
    /// use ori_errors::ErrorKind;
    ///
    /// let chain = ori_poolchain::PoolChain::new().add_processpool(|n: u64| n + 1);
    /// let error = chain.execute_lazy([1]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NoInteractiveProcessPools);
    /// assert_eq!(chain.execute_eager_single_threaded([1])?, [2]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    ///
    /// A closure that captures does not compile:
    /// ```compile_fail
    /// let step = std::env::args().count();
    /// let chain = ori_poolchain::PoolChain::new().add_processpool(move |n: usize| n + step);
    /// ```
    pub fn add_processpool<P, F>(self, f: F) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(O) -> P + Copy + Send + Sync + 'static,
    {
        let function = ProcessFunction { task: Task::new(f), here: Arc::new(Map(f)) };
        self.then_process(function, Processes::new(None))
    }

    /// Adds a function that runs in worker processes, each with a state of its own, made by `init`
    /// of the context before the worker's first item: a model, a table, a connection.
    ///
    /// The context is sent to each worker once. A panic in `init` is the error of the items that
    /// needed it. For the rest see [`add_processpool`](Self::add_processpool).
    ///
    /// ```standalone_crate
    /// use ori_poolchain::PoolChain;
    ///
    /// fn main() -> ori_errors::Result<()> {
    ///     ori_worker::init();
    ///     let words = vec!["one".to_owned(), "two".to_owned()];
    ///     let chain = PoolChain::new().add_processpool_init(
    ///         words,
    ///         |words| words,
    ///         |words, n: usize| words[n].clone(),
    ///     );
    ///     assert_eq!(chain.execute_eager([1, 0])?, ["two", "one"]);
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias = "initializer")]
    pub fn add_processpool_init<C, S, P, N, F>(
        self,
        context: C,
        init: N,
        f: F,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        C: Serialize + DeserializeOwned + Send + Sync + 'static,
        S: 'static,
        P: Serialize + DeserializeOwned + Send + 'static,
        N: Fn(C) -> S + Copy + Send + Sync + 'static,
        F: Fn(&mut S, O) -> P + Copy + Send + Sync + 'static,
    {
        let context = Arc::new(context);
        let here = WithContext::new(Arc::clone(&context), init, f);
        let function = ProcessFunction { task: Task::with_state(f), here: Arc::new(here) };
        let send = move |conductor: &Conductor| conductor.context(Task::init(init), &*context);
        self.then_process(function, Processes::new(Some(Arc::new(send))))
    }

    fn then_process<P>(
        mut self,
        function: ProcessFunction<O, P>,
        processes: Processes,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: DeserializeOwned + Send + 'static,
    {
        let index = self.stages.len();
        let mut options = StageOptions::new(index, None);
        options.processes = Some(processes);
        self.stages.push(options);
        let part = StagePart { index, main: true };
        let plan = Stages(Arc::new(ThenProcess { before: self.plan.0, function, part }));
        PoolChain {
            plan,
            stages: self.stages,
            options: self.options,
            misplaced: self.misplaced,
            threads: self.threads,
        }
    }
}

/// A function that worker processes run, and the same function for a run without them.
pub(crate) struct ProcessFunction<A, B> {
    pub(crate) task: Task,
    pub(crate) here: Arc<dyn Function<A, B>>,
}

/// Sends a stage's context to the processes of a conductor.
type SendContext = Arc<dyn Fn(&Conductor) -> Result<Context> + Send + Sync>;

/// The worker processes of one stage, which a chain keeps between its runs.
#[derive(Clone)]
pub(crate) struct Processes {
    send: Option<SendContext>,
    kept: Arc<Mutex<Option<Kept>>>,
}

struct Kept {
    /// What they were made for: how many, and items for each.
    made_for: (usize, Option<usize>),
    processes: Arc<WorkerProcesses>,
}

/// Worker processes that can be given jobs.
pub(crate) struct WorkerProcesses {
    pub(crate) conductor: Conductor,
    /// What the stage's function has a state of.
    pub(crate) context: Option<Context>,
}

impl Processes {
    fn new(send: Option<SendContext>) -> Self {
        Self { send, kept: Arc::default() }
    }

    /// Makes them ready, or anew if the options have changed since the last run.
    pub(crate) fn prepare(&self, workers: usize, max_tasks: Option<usize>) -> Result<()> {
        let made_for = (workers, max_tasks);
        let mut kept = lock(&self.kept);
        if kept.as_ref().is_some_and(|kept| kept.made_for == made_for) {
            return Ok(());
        }
        let mut options = WorkerOptions::default();
        options.max_workers = workers;
        options.max_items_per_worker = max_tasks.map(|tasks| tasks as u64);
        let conductor = Conductor::start(options)?;
        let context = self.send.as_ref().map(|send| send(&conductor)).transpose()?;
        let processes = Arc::new(WorkerProcesses { conductor, context });
        let old = kept.replace(Kept { made_for, processes });
        drop(kept);
        // Waits until its processes are gone, unless a run still has them.
        drop(old);
        Ok(())
    }

    /// Those that were made ready last.
    pub(crate) fn kept(&self) -> Option<Arc<WorkerProcesses>> {
        Some(Arc::clone(&lock(&self.kept).as_ref()?.processes))
    }
}
