//! The plain loop, twice: added up as it goes, and collected. The first is what everybody is compared with.

use super::{Competitor, Stage};
use crate::runner::{Runner, eager, stream};
use crate::scenario::Load;

/// An iterator with `map`, consumed one by one.
#[derive(Debug, Default)]
pub(crate) struct Folded;

impl Competitor for Folded {
    const IS_PLAIN_LOOP: bool = true;

    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        Box::new(move |take| stream(take, || (0..load.items).map(f)))
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        Box::new(move |take| stream(take, || (0..load.items).map(f).map(g).map(h)))
    }
}

/// The same, collected into a `Vec`.
#[derive(Debug, Default)]
pub(crate) struct Collected;

impl Competitor for Collected {
    const IS_PLAIN_LOOP: bool = true;

    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        Box::new(move |_| eager(|| (0..load.items).map(f).collect()))
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        Box::new(move |_| eager(|| (0..load.items).map(f).map(g).map(h).collect()))
    }
}
