//! rayon: work stealing over a `Vec` or range of known size, and its bridge from any iterator.
//!
//! Both are eager: nothing comes out before everything is done. The first is given its best form, an indexed
//! range whose results are written straight into their places in the `Vec`. The pool is rayon's global one,
//! or, where a scenario names the workers, one built ahead; its start is never timed.

use rayon::ThreadPool;
use rayon::iter::{IntoParallelIterator, ParallelBridge, ParallelIterator};

use super::{Competitor, Stage};
use crate::runner::{Runner, eager};
use crate::scenario::Load;

/// `into_par_iter().map(f).collect()`.
#[derive(Debug, Default)]
pub(crate) struct ParIter;

impl Competitor for ParIter {
    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        let pool = pool(load);
        let items = load.items as usize;
        Box::new(move |_| {
            eager(|| install(&pool, || (0..items).into_par_iter().map(|item| f(item as u64)).collect()))
        })
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        let pool = pool(load);
        let items = load.items as usize;
        Box::new(move |_| {
            eager(|| {
                install(&pool, || {
                    (0..items).into_par_iter().map(|item| f(item as u64)).map(g).map(h).collect()
                })
            })
        })
    }
}

/// `par_bridge().map(f).collect()`, in whatever order.
#[derive(Debug, Default)]
pub(crate) struct ParBridge;

impl Competitor for ParBridge {
    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        let pool = pool(load);
        Box::new(move |_| eager(|| install(&pool, || (0..load.items).par_bridge().map(f).collect())))
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        let pool = pool(load);
        Box::new(move |_| {
            eager(|| install(&pool, || (0..load.items).par_bridge().map(f).map(g).map(h).collect()))
        })
    }
}

/// The scenario's own pool, if it names the workers.
fn pool(load: Load) -> Option<ThreadPool> {
    load.workers.map(|workers| {
        rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("the threads can be started")
    })
}

fn install(pool: &Option<ThreadPool>, work: impl FnOnce() -> Vec<u64> + Send) -> Vec<u64> {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}
