//! The chain of this workspace, both ways of running it, with its default options.

use ori_poolchain::PoolChain;

use super::{Competitor, Stage};
use crate::runner::{Runner, eager, stream};
use crate::scenario::Load;

/// `execute_lazy`: a stream in the order of the input.
#[derive(Debug, Default)]
pub(crate) struct Lazy;

impl Competitor for Lazy {
    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        lazy(load, move || staged(PoolChain::new(), load, f))
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        lazy(load, move || staged(staged(staged(PoolChain::new(), load, f), load, g), load, h))
    }
}

/// `execute_eager`: all results in a `Vec`.
#[derive(Debug, Default)]
pub(crate) struct Eager;

impl Competitor for Eager {
    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        whole(load, move || staged(PoolChain::new(), load, f))
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        whole(load, move || staged(staged(staged(PoolChain::new(), load, f), load, g), load, h))
    }
}

type Chain = PoolChain<u64, u64>;

fn staged<F: Stage>(chain: Chain, load: Load, f: F) -> Chain {
    let chain = chain.add_threadpool(f);
    match load.workers {
        Some(workers) => chain.max_workers(workers),
        None => chain,
    }
}

fn lazy(load: Load, build: impl Fn() -> Chain + 'static) -> Runner {
    let kept = (!load.fresh).then(&build);
    Box::new(move |take| {
        stream(take, || {
            let results = match &kept {
                Some(chain) => chain.execute_lazy(0..load.items),
                None => build().execute_lazy(0..load.items),
            };
            results.expect("the chain is valid").map(|result| result.expect("no item fails"))
        })
    })
}

fn whole(load: Load, build: impl Fn() -> Chain + 'static) -> Runner {
    let kept = (!load.fresh).then(&build);
    Box::new(move |_| {
        eager(|| {
            let values = match &kept {
                Some(chain) => chain.execute_eager(0..load.items),
                None => build().execute_eager(0..load.items),
            };
            values.expect("the chain is valid and no item fails")
        })
    })
}
