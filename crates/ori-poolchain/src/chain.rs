//! [`PoolChain`]: the description of a chain, stage by stage.

use std::fmt;
use std::fmt::Display;
use std::marker::PhantomData;
use std::time::Duration;

use ori_background::{Executor, ThreadPool};

use crate::engine::build::{Plan, StagePart, Start, Then};
use crate::function::{Fallible, Function, Kept, Map, Stateful};
use crate::model::sync::{Arc, OnceLock};
use crate::options::{ChainOptions, StageOptions};

/// How long the closures of a chain live. [`Owned`] is what a chain has unless its closures borrow;
/// there is no need to write it.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// struct Job {
///     chain: PoolChain<u64, String>, // closures that own what they use
/// }
/// let job = Job { chain: PoolChain::new().add_threadpool(|n: u64| n.to_string()) };
/// assert_eq!(job.chain.execute_eager([7])?, ["7"]);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub struct Borrowing<'env>(PhantomData<fn(&'env ()) -> &'env ()>);

/// The closures of a chain own what they use.
///
/// ```
/// use ori_poolchain::{Owned, PoolChain};
/// let chain: PoolChain<u64, u64, Owned> = PoolChain::new().add_threadpool(|n: u64| n + 1);
/// # drop(chain);
/// ```
pub type Owned = Borrowing<'static>;

/// How a chain holds its stages for a lifetime; only [`Borrowing`] does.
#[doc(hidden)]
pub trait Lifetime: sealed::Sealed {
    #[doc(hidden)]
    type Stages<I, O>;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else may implement `Lifetime`")]
    pub trait Sealed {}
    impl Sealed for super::Borrowing<'_> {}
}

impl<'env> Lifetime for Borrowing<'env> {
    type Stages<I, O> = Stages<'env, I, O>;
}

/// The functions of a chain, linked and typed.
#[doc(hidden)]
pub struct Stages<'env, I, O>(pub(crate) Arc<dyn Plan<'env, I, O> + 'env>);

impl<I, O> fmt::Debug for Stages<'_, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stages")
    }
}

impl fmt::Debug for Borrowing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Borrowing")
    }
}

/// A chain of functions, each with its own pool, to send an iterable through.
///
/// Describe the chain with the `add_…` methods and their options, then run it with one of the
/// `execute_…` methods. An option belongs to the stage added last; [`buffer`](Self::buffer) and
/// [`unordered`](Self::unordered) belong to the chain. Options are checked when the chain is
/// executed.
///
/// A chain is `Send + Sync` and can run any number of times, also at the same time. Its threads are
/// started when there is work for them and stay for the next run; **dropping the chain** lets them
/// end. Runs that are going on keep what they need.
///
/// # What a run promises
/// * Each item of the input gives exactly one result: its value or its error, at its position.
/// * A panic is the error of its item, of kind `Panicked`, with the place in the source code.
/// * The source is read no further ahead than [`buffer`](Self::buffer).
/// * Neighbouring stages with the same options share their workers: an item stays in one thread,
///   and its data in that thread's cache, from one to the next.
/// * The number of items handed to a worker at once follows from the time they take.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new()
///     .add_threadpool(|n: u64| n * 10)
///     .add_threadpool(|n| n.to_string())
///     .add_threadpool(|s| s + " is a number");
/// let results = chain.execute_eager([1, 2, 3])?;
/// assert_eq!(results, ["10 is a number", "20 is a number", "30 is a number"]);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[must_use = "a chain does nothing until it is executed"]
pub struct PoolChain<I, O, B: Lifetime = Owned> {
    pub(crate) plan: B::Stages<I, O>,
    pub(crate) stages: Vec<StageOptions>,
    pub(crate) options: ChainOptions,
    /// An option was set before there was a stage for it.
    pub(crate) misplaced: Option<&'static str>,
    /// The chain's own threads, from its first run on.
    pub(crate) threads: OnceLock<ThreadPool>,
}

impl<'env, T: 'env> PoolChain<T, T, Borrowing<'env>> {
    /// A chain without stages; add at least one.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: i32| n + 1);
    /// assert_eq!(chain.execute_eager([1, 2])?, [2, 3]);
    ///
    /// let empty = PoolChain::<i32, i32>::new().execute_eager([1]).unwrap_err();
    /// assert!(empty.is_validation());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn new() -> Self {
        Self {
            plan: Stages(Arc::new(Start(PhantomData))),
            stages: Vec::new(),
            options: ChainOptions::default(),
            misplaced: None,
            threads: OnceLock::new(),
        }
    }
}

impl<'env, T: 'env> Default for PoolChain<T, T, Borrowing<'env>> {
    fn default() -> Self {
        Self::new()
    }
}

/// Adding stages.
impl<'env, I, O> PoolChain<I, O, Borrowing<'env>>
where
    I: 'env,
    O: Send + 'env,
{
    /// Adds a function that runs on threads of the chain, by default as many as there are
    /// processors. Also for slow I/O: then say how many with [`max_workers`](Self::max_workers).
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let lengths = PoolChain::new()
    ///     .add_threadpool(|line: &str| line.len())
    ///     .execute_eager(["one", "three"])?;
    /// assert_eq!(lengths, [3, 5]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "map")]
    #[doc(alias = "par_map")]
    pub fn add_threadpool<P>(
        self,
        f: impl Fn(O) -> P + Send + Sync + 'env,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Send + 'env,
    {
        self.then(None, Arc::new(Map(f)))
    }

    /// Adds a function that runs on an executor of your own: a shared [`ThreadPool`], or whatever
    /// implements [`Executor`]. The stage keeps as many jobs there as the executor has workers,
    /// unless [`max_workers`](Self::max_workers) says otherwise; a job ends when there is nothing
    /// to do.
    ///
    /// If the executor refuses all of the stage's jobs, the run ends with that error.
    ///
    /// ```
    /// use ori_background::ThreadPool;
    /// use ori_poolchain::PoolChain;
    ///
    /// let pool = ThreadPool::builder().max_workers(2).build()?;
    /// let chain = PoolChain::new().add(|n: u64| n + 1, pool.clone());
    /// assert_eq!(chain.execute_eager([1, 2])?, [2, 3]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn add<P>(
        self,
        f: impl Fn(O) -> P + Send + Sync + 'env,
        executor: impl Executor,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Send + 'env,
    {
        self.then(Some(Arc::new(executor)), Arc::new(Map(f)))
    }

    /// Adds a function with a state for each worker, made with `init` when it is first needed: a
    /// connection, a buffer, a random generator. A run makes as many as work at the same time, at
    /// most [`max_workers`](Self::max_workers), and drops them when it ends. A state whose item
    /// panicked is dropped. A panic in `init` is the error of the item that needed it.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool_init(
    ///     String::new,
    ///     |buffer, n: u64| {
    ///         use std::fmt::Write;
    ///         buffer.clear();
    ///         write!(buffer, "{n:>4}").unwrap();
    ///         buffer.len()
    ///     },
    /// );
    /// assert_eq!(chain.execute_eager([1, 20_000])?, [4, 5]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "map_init")]
    #[doc(alias = "initializer")]
    pub fn add_threadpool_init<S, P>(
        self,
        init: impl Fn() -> S + Send + Sync + 'env,
        f: impl Fn(&mut S, O) -> P + Send + Sync + 'env,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        S: Send + 'env,
        P: Send + 'env,
    {
        self.then(None, Arc::new(Stateful::new(init, f)))
    }

    /// Adds a function that borrows its item, so that the item can be tried again: the stage for
    /// [`retries`](Self::retries).
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use ori_poolchain::PoolChain;
    ///
    /// let calls = AtomicU32::new(0);
    /// let chain = PoolChain::new()
    ///     .add_threadpool_ref(move |name: &String| {
    ///         assert!(calls.fetch_add(1, Ordering::Relaxed) > 0, "the first call fails");
    ///         name.len()
    ///     })
    ///     .retries(1);
    /// assert_eq!(chain.execute_eager(["ori".to_owned()])?, [3]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn add_threadpool_ref<P>(
        mut self,
        f: impl Fn(&O) -> P + Send + Sync + 'env,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        O: Sync,
        P: Send + 'env,
    {
        let index = self.stages.len();
        self.stages.push(StageOptions::new(index, None));
        let shared = self.link(Arc::new(Map(Arc::new)), None, StagePart { index, main: false });
        shared.link(Arc::new(Kept(f)), Some(Arc::clone), StagePart { index, main: true })
    }

    /// Adds a stage with options of its own.
    fn then<P>(
        mut self,
        executor: Option<Arc<dyn Executor>>,
        function: Arc<dyn Function<O, P> + 'env>,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Send + 'env,
    {
        let index = self.stages.len();
        self.stages.push(StageOptions::new(index, executor));
        self.link(function, None, StagePart { index, main: true })
    }

    /// Adds a function to the plan, as a part of a stage.
    fn link<P>(
        self,
        function: Arc<dyn Function<O, P> + 'env>,
        share: Option<fn(&O) -> O>,
        part: StagePart,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Send + 'env,
    {
        let plan = Stages(Arc::new(Then { before: self.plan.0, function, share, part }));
        PoolChain {
            plan,
            stages: self.stages,
            options: self.options,
            misplaced: self.misplaced,
            threads: OnceLock::new(),
        }
    }
}

/// Options.
impl<I, O, B: Lifetime> PoolChain<I, O, B> {
    /// How many items the stage added last works on at the same time. Default: the number of
    /// processors, or what the stage's executor has.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|url: &str| url.len()).max_workers(64);
    /// assert!(chain.max_workers(0).execute_eager(["x"]).unwrap_err().is_validation());
    /// ```
    pub fn max_workers(self, workers: usize) -> Self {
        self.stage("max_workers", |stage| stage.max_workers = Some(workers))
    }

    /// How long the stage added last may take for one item, measured while its function runs.
    /// Default: no limit.
    ///
    /// An item that takes longer has the error `TimedOut`, reported between the limit and an eighth
    /// (at least 2 ms, at most 0.1 s) more; the items around it go on with another thread. **The
    /// stuck thread itself cannot be stopped**: it goes on until the function returns, and what it
    /// returns is dropped. A worker process, however, is killed and replaced. (In a single-threaded run the function returns first, and then the item
    /// has that error.)
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// use std::time::Duration;
    /// let chain = PoolChain::new()
    ///     .add_threadpool(|ms| std::thread::sleep(Duration::from_millis(ms)))
    ///     .timeout(Duration::from_millis(20));
    /// let results: Vec<_> = chain.execute_lazy([0, 200, 0])?.collect();
    /// assert!(results[1].as_ref().unwrap_err().is_timeout());
    /// assert!(results[0].is_ok() && results[2].is_ok());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn timeout(self, per_item: Duration) -> Self {
        self.stage("timeout", |stage| stage.timeout = Some(per_item))
    }

    /// How many items the stage added last takes at once. Default: as many as take about 64 µs.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n).chunksize(100);
    /// assert_eq!(chain.execute_eager(0..250)?.len(), 250);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "batch")]
    pub fn chunksize(self, items: usize) -> Self {
        self.stage("chunksize", |stage| stage.chunksize = Some(items))
    }

    /// How often the stage added last tries an item again whose function panicked or ran out of
    /// time. Default: 0. An item whose function returned is never tried again, whatever it
    /// returned.
    ///
    /// In worker processes, an item is tried again whose worker died or ran out of time, not one whose
    /// function panicked.
    ///
    /// A function on a thread that takes its item by value has used it up when it fails, so its
    /// items are not tried again: **add the stage with
    /// [`add_threadpool_ref`](Self::add_threadpool_ref)**.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new()
    ///     .add_threadpool_ref(|n: &u64| assert!(*n != 3, "always fails"))
    ///     .retries(2);
    /// let mut results = chain.execute_lazy(0..5)?;
    /// assert_eq!(results.by_ref().filter(Result::is_err).count(), 1);
    /// assert_eq!(results.stats().stages()[0].retries, 2);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn retries(self, times: u32) -> Self {
        self.stage("retries", |stage| stage.retries = times)
    }

    /// How many items a worker process of the stage added last runs before it is replaced. Default: no
    /// bound. For stages in worker processes only.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_processpool(|n: u64| n + 1).max_tasks_per_worker(100);
    /// let threads = PoolChain::new().add_threadpool(|n: u64| n + 1).max_tasks_per_worker(100);
    /// assert!(threads.execute_eager([1]).unwrap_err().is_validation());
    /// # drop(chain);
    /// ```
    #[doc(alias = "max_tasks_per_child")]
    pub fn max_tasks_per_worker(self, items: usize) -> Self {
        self.stage("max_tasks_per_worker", |stage| stage.max_tasks_per_worker = Some(items))
    }

    /// The name of the stage added last, for errors and statistics. Default: `stage 1` and so on.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| assert!(n != 1)).name("check");
    /// let error = chain.execute_eager([0, 1]).unwrap_err();
    /// assert_eq!((error.stage(), error.item()), (Some("check"), Some(1)));
    /// ```
    pub fn name(self, name: impl Into<String>) -> Self {
        self.stage("name", |stage| stage.name = name.into().into())
    }

    /// The most items between the source and the consumer. Default: what keeps all workers busy,
    /// from 1,024 to 65,536.
    ///
    /// It counts items that were read from the source and not yet given out, wherever they are. Set
    /// it when items are large. Fewer than two for each worker leave workers idle.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|mb: usize| vec![0_u8; mb << 20]).buffer(4);
    /// assert_eq!(chain.execute_lazy([1, 2])?.count(), 2);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn buffer(mut self, items: usize) -> Self {
        self.options.buffer = Some(items);
        self
    }

    /// Gives results as they come, not in the order of the input: a slow item delays no other.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * n).unordered();
    /// let mut squares = chain.execute_eager([1, 2, 3])?;
    /// squares.sort();
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn unordered(mut self) -> Self {
        self.options.unordered = true;
        self
    }

    fn stage(mut self, option: &'static str, set: impl FnOnce(&mut StageOptions)) -> Self {
        match self.stages.last_mut() {
            Some(stage) => set(stage),
            None => self.misplaced = self.misplaced.or(Some(option)),
        }
        self
    }
}

/// Results that may fail.
impl<'env, I, P, E> PoolChain<I, Result<P, E>, Borrowing<'env>>
where
    I: 'env,
    P: Send + 'env,
    E: Display + Send + 'env,
{
    /// Takes the results of the stage added last apart: an `Ok` goes on to the next stage, an `Err`
    /// skips the later stages and comes out as an error of kind `Task`, at its position.
    ///
    /// ```
    /// use ori_errors::ErrorKind;
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new()
    ///     .add_threadpool(|text: &str| text.parse::<u64>())
    ///     .fallible()
    ///     .add_threadpool(|n| n + 1);
    /// let results: Vec<_> = chain.execute_lazy(["1", "x"])?.collect();
    /// assert_eq!(*results[0].as_ref().unwrap(), 2);
    /// assert_eq!(results[1].as_ref().unwrap_err().kind(), ErrorKind::Task);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn fallible(self) -> PoolChain<I, P, Borrowing<'env>> {
        match self.stages.len().checked_sub(1) {
            Some(index) => self.link(Arc::new(Fallible(PhantomData)), None, StagePart { index, main: false }),
            // Before any stage: the source's own results are taken apart, by a stage of that name.
            None => self.then(None, Arc::new(Fallible(PhantomData))).name("source"),
        }
    }
}

impl<I, O, B: Lifetime> fmt::Debug for PoolChain<I, O, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolChain")
            .field("stages", &self.stages)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
