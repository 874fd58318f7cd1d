//! [`Watcher`]: looks at a run from another thread than the one that takes its results.

use std::fmt;

use crate::engine::observed::Observed;
use crate::model::sync::{Arc, OnceLock, Weak};
use crate::stats::ChainStats;

/// Looks at a run of a chain from anywhere: a thread that reports progress, a page with figures. From
/// [`Results::watcher`](crate::Results::watcher).
///
/// It can be cloned and sent, and does not keep the run alive: when the results have been dropped, it
/// gives the figures that they left. **Dropping it** does nothing else.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2);
/// let results = chain.execute_lazy(0..1000)?;
/// let watcher = results.watcher();
/// assert_eq!(results.count(), 1000);
/// assert_eq!(watcher.stats().results(), 1000);
/// assert!(watcher.stats().is_over());
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[derive(Clone)]
pub struct Watcher {
    run: Weak<Observed<'static>>,
    last: Arc<OnceLock<ChainStats>>,
}

impl Watcher {
    pub(crate) fn new(run: Weak<Observed<'static>>, last: Arc<OnceLock<ChainStats>>) -> Self {
        Self { run, last }
    }

    /// What the run has done so far, or had done when its results were dropped.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n * 2).name("double");
    /// let results = chain.execute_lazy(0..1000)?;
    /// assert_eq!(results.watcher().stats().stages()[0].name, "double");
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> ChainStats {
        match self.run.upgrade() {
            Some(run) => run.stats(),
            // It is being dropped, or was: what is left comes in a moment, or is there.
            None => self.last.wait().clone(),
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watcher").field(&self.stats()).finish()
    }
}
