//! Running a chain: lazily, eagerly, in one thread, or over closures that borrow.

use std::any::Any;
use std::ops::{Range, RangeInclusive};

use ori_background::{Executor, ThreadPool};
use ori_errors::{ErrorKind, OriError, Result};

use crate::chain::{Borrowing, Owned, PoolChain};
use crate::engine::execution::{Consumer, Execution, Source, Threads};
use crate::engine::workers::Spawn;
use crate::model::sync::Arc;
use crate::options::StageOptions;
use crate::results::{Results, collect};
use crate::single::SingleThreaded;
use crate::threads::{CloseOnDrop, OnExecutor, ScopedThreads};

/// Running a chain whose closures own what they use.
impl<I, O> PoolChain<I, O, Owned>
where
    I: Send + 'static,
    O: Send + 'static,
{
    /// Starts the chain over `items` and gives an iterator over the results.
    ///
    /// Work begins at once, before the first `next`, and goes on while you use the results, but no
    /// further ahead than [`buffer`](Self::buffer).
    ///
    /// If nobody has begun with the very first item when it is asked for, the calling thread runs it
    /// itself. When thousands of items in a row have cost little, the calling thread takes the place
    /// of a worker while it waits in `next`, and runs the chain's functions for items further on; so
    /// an item that suddenly takes long delays the results before it, until the functions are found
    /// to be slow. If functions wait for what the consumer does with earlier results, give the stage
    /// a [`timeout`](Self::timeout) or an executor ([`add`](Self::add)): it never runs in the calling
    /// thread then. Cheap results may come up to 1 ms late, many at once.
    ///
    /// An item that takes long withholds no result before it, a few milliseconds aside, with two
    /// exceptions: when more than a thousand items in a row have cost next to nothing (4 µs), those
    /// in one batch with it wait for it; and stages with the same options share their workers, so
    /// when it occupies the last of them, what has passed its stage waits for a worker too.
    ///
    /// The source is read by the workers, one at a time. It may block in `next` as long as it
    /// likes: what it gave before goes on. A panic in it is the last result.
    ///
    /// # Errors
    /// `Validation` when the chain has no stage or an option cannot work; `NoInteractiveProcessPools`
    /// when a stage needs worker processes and `init()` did not run; nothing was started. What goes
    /// wrong later comes out of the iterator.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * n);
    /// let mut sum = 0;
    /// for square in chain.execute_lazy(1..=1000)? {
    ///     sum += square?;
    /// }
    /// assert_eq!(sum, 333_833_500);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "imap")]
    pub fn execute_lazy<S>(&self, items: S) -> Result<Results<O>>
    where
        S: IntoIterator<Item = I>,
        S::IntoIter: Send + 'static,
    {
        Ok(Results::new(self.start(items.into_iter(), Consumer::Lazy)?))
    }

    /// Sends `items` through the chain and gives all results, in the order of the input (or as they
    /// finish, if the chain is [`unordered`](Self::unordered)).
    ///
    /// The calling thread takes part while nobody else has begun: a short run wakes no other thread.
    ///
    /// # Errors
    /// `Validation` when the chain has no stage or an option cannot work; `NoInteractiveProcessPools`
    /// when a stage needs worker processes and `init()` did not run; nothing was started. Else the first error in the order of the input: it ends the run, without waiting for items behind
    /// it that are still running.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| 100 / n);
    /// assert_eq!(chain.execute_eager([1, 2, 5])?, [100, 50, 20]);
    ///
    /// let error = chain.execute_eager([1, 0, 5]).unwrap_err();
    /// assert!(error.is_panic());
    /// assert_eq!(error.item(), Some(1));
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn execute_eager<S>(&self, items: S) -> Result<Vec<O>>
    where
        S: IntoIterator<Item = I>,
        S::IntoIter: Send + 'static,
    {
        let items = items.into_iter();
        let expected = items.size_hint().0;
        collect(self.start(items, Consumer::Eager)?, expected)
    }

    pub(crate) fn start<S>(&self, source: S, consumer: Consumer) -> Result<Execution<'static, O>>
    where
        S: Iterator<Item = I> + Send + 'static,
    {
        self.check()?;
        self.options.prepare()?;
        self.stages.iter().try_for_each(StageOptions::prepare)?;
        let own: Arc<dyn Executor> = Arc::new(self.threads()?);
        let threads = Threads {
            own: Arc::new(OnExecutor(own)),
            of_stage: &|stage: &StageOptions| {
                let executor = Arc::clone(stage.executor.as_ref()?);
                Some(Arc::new(OnExecutor(executor)) as Arc<dyn Spawn<'static>>)
            },
        };
        let may_block = !never_blocks(&source);
        let source = Source { items: source, may_block };
        let execution =
            Execution::start(&*self.plan.0, &self.stages, &self.options, &threads, source, consumer);
        #[cfg(feature = "trace")]
        execution.let_recorder_watch();
        Ok(execution)
    }

    /// The chain's own threads, as many as its stages ask for.
    fn threads(&self) -> Result<ThreadPool> {
        if let Some(pool) = self.threads.get() {
            return Ok(pool.clone());
        }
        let pool = ThreadPool::builder().max_workers(usize::MAX).thread_name("ori-chain").build()?;
        Ok(self.threads.get_or_init(|| pool).clone())
    }
}

/// Running a chain whose closures may borrow.
impl<'env, I, O> PoolChain<I, O, Borrowing<'env>>
where
    I: Send + 'env,
    O: Send + 'env,
{
    /// Like `execute_eager`, for a chain whose closures borrow from the caller's variables.
    ///
    /// The threads are started for this run alone, and the call returns when all of them have
    /// ended. So an error, and a time limit, end the run but must wait for the items that are
    /// running.
    ///
    /// # Errors
    /// As `execute_eager`; also `Validation` when a stage has an executor of its own, whose threads
    /// may outlive the call.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let names = vec!["ann".to_owned(), "bob".to_owned()];
    /// let chain = PoolChain::new().add_threadpool(|index: usize| names[index].as_str());
    /// assert_eq!(chain.execute_eager_scoped([1, 0])?, ["bob", "ann"]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    ///
    /// A borrow cannot escape: the other forms take closures that own what they use.
    /// ```compile_fail
    /// let names = vec!["ann".to_owned(), "bob".to_owned()];
    /// let chain = ori_poolchain::PoolChain::new().add_threadpool(|index: usize| names[index].len());
    /// let results = chain.execute_lazy([1, 0]); // error: `names` does not live long enough
    /// ```
    pub fn execute_eager_scoped<S>(&self, items: S) -> Result<Vec<O>>
    where
        S: IntoIterator<Item = I>,
        S::IntoIter: Send,
    {
        self.check()?;
        if let Some(stage) = self.stages.iter().find(|stage| stage.executor.is_some()) {
            let message = "an executor's threads may outlive a scoped run; use add_threadpool";
            return Err(OriError::new(ErrorKind::Validation, message).with_stage(&*stage.name));
        }
        self.options.prepare()?;
        self.stages.iter().try_for_each(StageOptions::prepare)?;
        let source = items.into_iter();
        let expected = source.size_hint().0;
        std::thread::scope(|scope| {
            let own = Arc::new(ScopedThreads::new(scope));
            let _close = CloseOnDrop(&own);
            let threads = Threads { own: Arc::clone(&own) as _, of_stage: &|_| None };
            let source = Source { items: source, may_block: true };
            collect(
                Execution::start(
                    &*self.plan.0,
                    &self.stages,
                    &self.options,
                    &threads,
                    source,
                    Consumer::Eager,
                ),
                expected,
            )
        })
    }

    /// Sends each item through the chain in the calling thread, when its result is asked for.
    /// Nothing is started. For tests of a chain: the same values and the same errors.
    ///
    /// # Errors
    /// `Validation` when the chain has no stage or an option cannot work.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1);
    /// let mut results = chain.execute_lazy_single_threaded(0..)?;
    /// assert_eq!(results.next().unwrap()?, 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn execute_lazy_single_threaded<S>(
        &self,
        items: S,
    ) -> Result<impl Iterator<Item = Result<O>> + use<'env, I, O, S>>
    where
        S: IntoIterator<Item = I>,
    {
        self.check()?;
        Ok(SingleThreaded::new(&*self.plan.0, &self.stages, items.into_iter()))
    }

    /// Sends all items through the chain in the calling thread and gives all results. Nothing is
    /// started.
    ///
    /// # Errors
    /// As [`execute_eager`](PoolChain::execute_eager).
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1);
    /// assert_eq!(chain.execute_eager_single_threaded([1, 2])?, [2, 3]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn execute_eager_single_threaded<S>(&self, items: S) -> Result<Vec<O>>
    where
        S: IntoIterator<Item = I>,
    {
        self.execute_lazy_single_threaded(items)?.collect()
    }

    /// Refuses what cannot work, before anything is started.
    fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(OriError::new(ErrorKind::Validation, message));
        if let Some(option) = self.misplaced {
            return refuse(format!("{option} was set before there was a stage; add the stage first"));
        }
        if self.stages.is_empty() {
            return refuse("the chain is empty; add a stage, for example with add_threadpool".to_owned());
        }
        self.options.check()?;
        self.stages.iter().try_for_each(StageOptions::check)
    }
}

/// Whether the source is of a type that is known to give its items at once, so that it can be read
/// in batches. Any other might wait for something that a stage or the consumer does with the items
/// before.
fn never_blocks<S: Iterator + 'static>(source: &S) -> bool {
    let source: &dyn Any = source;
    macro_rules! is_range_of {
        ($($number:ty)*) => { $(source.is::<Range<$number>>() || source.is::<RangeInclusive<$number>>() ||)* false };
    }
    is_range_of!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize)
        || source.is::<std::vec::IntoIter<S::Item>>()
}
