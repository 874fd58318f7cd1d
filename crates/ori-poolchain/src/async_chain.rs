//! Stages whose function is async.

use std::future::Future;

use tokio::runtime::Handle;

use crate::chain::{Borrowing, PoolChain, Stages};
use crate::engine::build::{StagePart, ThenAsync};
use crate::function::{AsyncFunction, AsyncKept, AsyncMap};
use crate::model::sync::{Arc, OnceLock};
use crate::options::{OnRuntime, StageOptions};

/// Adding async stages (feature `async`).
impl<'env, I, O> PoolChain<I, O, Borrowing<'env>>
where
    I: 'env,
    O: Send + 'env,
{
    /// Adds an async function; [`max_workers`](Self::max_workers) says how many of its futures are in
    /// flight at the same time, thousands if you like. Default: 100.
    ///
    /// The futures of the stage are polled on one thread of the chain, whoever asks for results: so a
    /// consumer that takes its time holds up no timer. What takes processor time belongs into a thread
    /// stage behind it. Timers, sockets and tasks belong to the runtime of `ori-bridge`, or to a
    /// [given one](Self::add_async_on).
    ///
    /// [`timeout`](Self::timeout) is per item: its future is dropped when the time is over, and nothing is
    /// left behind. Dropping the results drops all futures. [`chunksize`](Self::chunksize) has no meaning
    /// for the stage.
    ///
    /// In a single-threaded run the futures run one after the other, each by `ori_bridge::sync`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ori_poolchain::PoolChain;
    ///
    /// let chain = PoolChain::new()
    ///     .add_async(async |ms: u64| {
    ///         tokio::time::sleep(Duration::from_millis(ms)).await;
    ///         ms * 2
    ///     })
    ///     .max_workers(1000)
    ///     .add_threadpool(|n| n + 1);
    /// assert_eq!(chain.execute_eager([3, 2, 1])?, [7, 5, 3]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[doc(alias = "buffered")]
    #[doc(alias = "buffer_unordered")]
    pub fn add_async<P, Fut>(
        self,
        f: impl Fn(O) -> Fut + Send + Sync + 'env,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Send + 'env,
        Fut: Future<Output = P> + Send + 'env,
    {
        self.then_async(OnRuntime::Bridge, AsyncMap(f))
    }

    /// As [`add_async`](Self::add_async), with a tokio runtime of yours for the timers, sockets and tasks of
    /// the futures. It must be running: a current-thread runtime whose `block_on` nobody is in wakes nothing.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let chain = PoolChain::new()
    ///     .add_async_on(runtime.handle(), async |n: u64| tokio::spawn(async move { n + 1 }).await.unwrap());
    /// assert_eq!(chain.execute_eager([1, 2])?, [2, 3]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn add_async_on<P, Fut>(
        self,
        runtime: &Handle,
        f: impl Fn(O) -> Fut + Send + Sync + 'env,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Send + 'env,
        Fut: Future<Output = P> + Send + 'env,
    {
        self.then_async(OnRuntime::Given(runtime.clone()), AsyncMap(f))
    }

    /// Adds an async function of a shared item, so that the item can be tried again: the async stage for
    /// [`retries`](Self::retries).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    /// use ori_poolchain::PoolChain;
    ///
    /// let calls = AtomicU32::new(0);
    /// let chain = PoolChain::new()
    ///     .add_async_ref(move |name: Arc<String>| {
    ///         let hangs = calls.fetch_add(1, Ordering::Relaxed) == 0;
    ///         async move {
    ///             if hangs {
    ///                 std::future::pending::<()>().await;
    ///             }
    ///             name.len()
    ///         }
    ///     })
    ///     .timeout(Duration::from_millis(20))
    ///     .retries(1);
    /// assert_eq!(chain.execute_eager(["ori".to_owned()])?, [3]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn add_async_ref<P, Fut>(
        self,
        f: impl Fn(Arc<O>) -> Fut + Send + Sync + 'env,
    ) -> PoolChain<I, P, Borrowing<'env>>
    where
        O: Sync,
        P: Send + 'env,
        Fut: Future<Output = P> + Send + 'env,
    {
        self.then_async(OnRuntime::Bridge, AsyncKept(f))
    }

    fn then_async<P, S>(mut self, runtime: OnRuntime, function: S) -> PoolChain<I, P, Borrowing<'env>>
    where
        P: Send + 'env,
        S: AsyncFunction<O, Output = P> + 'env,
    {
        let part = StagePart { index: self.stages.len(), main: true };
        self.stages.push(StageOptions::new_async(part.index, runtime));
        let function = Arc::new(function);
        PoolChain {
            plan: Stages(Arc::new(ThenAsync { before: self.plan.0, function, part })),
            stages: self.stages,
            options: self.options,
            misplaced: self.misplaced,
            threads: OnceLock::new(),
        }
    }
}
