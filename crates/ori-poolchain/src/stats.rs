//! [`ChainStats`]: what a run has done so far, stage by stage.

use std::fmt;
use std::time::Duration;

/// What a run of a chain has done so far; from [`Results::stats`](crate::Results::stats).
///
/// `Display` is an aligned table. The stage whose workers have waited least is the one that limits
/// the chain.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).name("add");
/// let mut results = chain.execute_lazy(0..1000)?;
/// assert_eq!(results.by_ref().filter_map(Result::ok).sum::<u64>(), 500_500);
/// let stats = results.stats();
/// assert_eq!(stats.stages()[0].items, 1000);
/// println!("{stats}");
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChainStats {
    pub(crate) elapsed: Duration,
    pub(crate) stages: Vec<StageStats>,
}

/// What one stage has done so far.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).name("add").max_workers(2);
/// let results = chain.execute_lazy(0..10)?;
/// assert_eq!(results.stats().stages()[0].name, "add");
/// assert_eq!(results.stats().stages()[0].workers, 2);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct StageStats {
    /// The name of the stage.
    pub name: String,
    /// Items that its function was called with.
    pub items: u64,
    /// Items that failed in it.
    pub errors: u64,
    /// Tries beyond the first of an item.
    pub retries: u64,
    /// Time spent in the stage's function, added up over its workers.
    pub busy: Duration,
    /// The rest of the time that its workers could have used: `workers` times the time since the
    /// start, less `busy`.
    pub waiting: Duration,
    /// The most workers.
    pub workers: usize,
    /// Workers that run at this moment; stages that share their workers all count the same ones.
    pub running: usize,
    /// Batches that wait before the stage, or before one that shares its workers.
    pub queued: usize,
    /// Workers that were stuck past a time limit and have been replaced.
    pub replaced: u64,
}

impl ChainStats {
    /// How long the run has gone on.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n);
    /// let results = chain.execute_lazy(0..10)?;
    /// assert!(results.stats().elapsed() <= results.stats().elapsed());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The stages, in the order of the chain.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n).add_threadpool(|n: u64| n);
    /// assert_eq!(chain.execute_lazy(0..10)?.stats().stages().len(), 2);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn stages(&self) -> &[StageStats] {
        &self.stages
    }
}

impl fmt::Display for ChainStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0).max(5);
        writeln!(
            f,
            "{:width$}  {:>10}  {:>7}  {:>7}  {:>9}  {:>9}  {:>7}",
            "stage", "items", "errors", "retries", "busy", "waiting", "workers"
        )?;
        for stage in &self.stages {
            let seconds = |duration: Duration| format!("{:.2} s", duration.as_secs_f64());
            writeln!(
                f,
                "{:width$}  {:>10}  {:>7}  {:>7}  {:>9}  {:>9}  {:>7}",
                stage.name,
                stage.items,
                stage.errors,
                stage.retries,
                seconds(stage.busy),
                seconds(stage.waiting),
                stage.workers
            )?;
        }
        Ok(())
    }
}
