//! Who takes part: one file per library, each in the form that a reader of its documentation would write.

#[cfg(feature = "peers")]
mod crossbeam;
mod ours;
#[cfg(feature = "peers")]
mod pariter;
#[cfg(feature = "peers")]
mod rayon;
mod sequential;

use crate::runner::Runner;
use crate::scenario::{Load, Plan};

/// The work of one stage.
pub(crate) trait Stage: Fn(u64) -> u64 + Copy + Send + Sync + 'static {}

impl<F: Fn(u64) -> u64 + Copy + Send + Sync + 'static> Stage for F {}

/// One way to send `0..items` through functions.
///
/// Generic, so that each competitor is compiled together with the work, as in a program that uses it.
pub(crate) trait Competitor: Default {
    /// Whether it is a plain loop, which may be given fewer items where all of them would take it seconds.
    const IS_PLAIN_LOOP: bool = false;

    /// Makes a chain of one stage ready.
    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner;

    /// Makes a chain of three stages ready.
    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner;
}

/// Whether the results come in the order of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Input,
    Any,
}

/// A competitor as the harness sees it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// One line for the document.
    pub(crate) about: &'static str,
    pub(crate) order: Order,
    pub(crate) is_plain_loop: bool,
    prepare: fn(&Plan) -> Runner,
    expected: fn(&Plan) -> Vec<u64>,
}

impl Entry {
    pub(crate) const fn new<C: Competitor>(name: &'static str, order: Order, about: &'static str) -> Self {
        Self {
            name,
            about,
            order,
            is_plain_loop: C::IS_PLAIN_LOOP,
            prepare: |plan| plan.prepare(&C::default()),
            expected: |plan| plan.expected::<C>(),
        }
    }

    /// Makes this competitor ready for the scenario.
    pub(crate) fn prepare(&self, plan: &Plan) -> Runner {
        (self.prepare)(plan)
    }

    /// What it must answer, in the order of the input.
    pub(crate) fn expected(&self, plan: &Plan) -> Vec<u64> {
        (self.expected)(plan)
    }
}

/// The loop that all others are compared with.
pub(crate) const BASELINE: &Entry = &HOUSE[0];

/// Those that need no other crate.
const HOUSE: &[Entry] = &[
    Entry::new::<sequential::Folded>("sequential", Order::Input, "a plain loop: `(0..n).map(f)`, added up"),
    Entry::new::<sequential::Collected>(
        "sequential-vec",
        Order::Input,
        "the same loop, collected into a `Vec` (what the eager ones have to do as well)",
    ),
];

/// The chain of this workspace.
const OURS: &[Entry] = &[
    Entry::new::<ours::Lazy>(
        "ours-lazy",
        Order::Input,
        "`PoolChain::execute_lazy`: a stream, default options",
    ),
    Entry::new::<ours::Eager>(
        "ours-eager",
        Order::Input,
        "`PoolChain::execute_eager`: the results in a `Vec`, default options",
    ),
];

/// The crates that others use for this.
#[cfg(feature = "peers")]
const PEERS: &[Entry] = &[
    Entry::new::<rayon::ParIter>(
        "rayon-par-iter",
        Order::Input,
        "rayon 1.12 `(0..n).into_par_iter().map(f).collect::<Vec<_>>()`: eager, from a range of known size",
    ),
    Entry::new::<rayon::ParBridge>(
        "rayon-par-bridge",
        Order::Any,
        "rayon 1.12 `iterator.par_bridge().map(f).collect::<Vec<_>>()`: eager, any iterator, order lost",
    ),
    Entry::new::<pariter::ParallelMap>(
        "pariter",
        Order::Input,
        "pariter 0.6 `iterator.parallel_map(f)`: a stream",
    ),
    Entry::new::<crossbeam::OrderedPool>(
        "crossbeam",
        Order::Input,
        "a worker pool written by hand on crossbeam-channel 0.5: feeder, workers, reorder buffer; a stream",
    ),
];

#[cfg(not(feature = "peers"))]
const PEERS: &[Entry] = &[];

/// Whether this build has anybody to compare with.
pub(crate) const HAS_PEERS: bool = cfg!(feature = "peers");

/// Everybody who takes part, the baseline first.
pub(crate) fn entries(peers: bool) -> impl Iterator<Item = &'static Entry> {
    HOUSE.iter().chain(OURS).chain(if peers { PEERS } else { &[] })
}

/// Finds a competitor of this build by its name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    entries(true).find(|entry| entry.name == name)
}
