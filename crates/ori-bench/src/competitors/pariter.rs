//! pariter: `parallel_map` on any iterator, a lazy stream in the order of the input.
//!
//! Items travel one by one through channels; each call starts its own threads, and each stage of a chain has
//! its own. All options are the defaults but the workers where a scenario names them.

use pariter::IteratorExt;

use super::{Competitor, Stage};
use crate::runner::{Runner, stream};
use crate::scenario::Load;

/// `parallel_map`, once per stage.
#[derive(Debug, Default)]
pub(crate) struct ParallelMap;

impl Competitor for ParallelMap {
    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        Box::new(move |take| stream(take, || staged(0..load.items, load, f)))
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        Box::new(move |take| {
            stream(take, || staged(staged(staged(0..load.items, load, f), load, g), load, h))
        })
    }
}

fn staged<F: Stage>(items: impl Iterator<Item = u64>, load: Load, f: F) -> impl Iterator<Item = u64> {
    items.parallel_map_custom(
        |options| match load.workers {
            Some(workers) => options.threads(workers),
            None => options,
        },
        f,
    )
}
