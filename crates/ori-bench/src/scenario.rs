//! The one list of scenarios: what each competitor is asked to do, how it is judged and how good it should be.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::competitors::Competitor;
use crate::load::{is_rare, iterations_for, mix};
use crate::runner::{Runner, Take};

/// What an item costs.
#[derive(Clone, Copy, Debug)]
enum Cost {
    /// That many nanoseconds of CPU time in a plain loop.
    Nanos(f64),
    /// That many rounds of the mixing loop, the same on every machine: for items so light that a round more or
    /// less is a difference that calibration cannot hit.
    Rounds(u32),
}

impl Cost {
    fn iterations(self) -> u32 {
        match self {
            Self::Nanos(nanos) => iterations_for(nanos),
            Self::Rounds(rounds) => black_box(rounds),
        }
    }
}

/// What happens to each item.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// One stage of [`TRIVIAL_ROUNDS`], known when compiling: straight code without a loop, whose cost would
    /// depend more on how each caller's copy of it was laid out than on the work.
    Trivial,
    /// One stage, all items alike.
    Even(Cost),
    /// One stage in which 1 % of the items cost a hundred times more.
    Skewed(Cost),
    /// Three stages, each of that cost.
    Three(Cost),
    /// One stage that sleeps.
    Sleep(Duration),
}

/// Rounds of mixing that make a bit more than a nanosecond.
const TRIVIAL_ROUNDS: u32 = 4;

/// In which unit a scenario is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measure {
    /// Sequential time / (workers × time), in percent; workers are the cores unless the scenario names them.
    Efficiency,
    /// Time an item, in nanoseconds.
    PerItem,
    /// Time a call, in microseconds.
    PerCall,
    /// Time to the first result beyond that result's own cost, in microseconds.
    FirstResult,
    /// Peak resident memory of a process that does only this, in MiB.
    Memory,
}

/// What the Ori crates must reach with their default options.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Not slower than the plain loop.
    Sequential,
}

/// A task that every competitor is given.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// The short name for `--only` and the column titles.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measure: Measure,
    pub(crate) goal: Option<Goal>,
    items: u64,
    /// Fewer items for the sequential run where all of them would take seconds; its time is scaled up.
    sequential_items: Option<u64>,
    smoke_items: u64,
    /// `None`: whatever the competitor does by default.
    workers: Option<usize>,
    /// Whether everything that a competitor can prepare ahead is made anew in each call.
    fresh: bool,
    work: Work,
}

/// What every scenario has that says nothing else.
const PLAIN: Scenario = Scenario {
    id: "",
    title: "",
    measure: Measure::Efficiency,
    goal: None,
    items: 0,
    sequential_items: None,
    smoke_items: 0,
    workers: None,
    fresh: false,
    work: Work::Trivial,
};

/// All scenarios, in the order in which they run. Item counts make one run take 4 to 400 ms; short runs are
/// repeated within a round.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "A",
        title: "items of less than 4 ns (10 rounds of the mixing loop)",
        measure: Measure::PerItem,
        goal: Some(Goal::AtMost(2.4)),
        items: 1_000_000,
        smoke_items: 5_000,
        work: Work::Even(Cost::Rounds(10)),
        ..PLAIN
    },
    Scenario {
        id: "B",
        title: "items of 200 ns",
        goal: Some(Goal::AtLeast(97.0)),
        items: 500_000,
        smoke_items: 2_000,
        work: Work::Even(Cost::Nanos(200.0)),
        ..PLAIN
    },
    Scenario {
        id: "C",
        title: "items of 10 µs",
        goal: Some(Goal::AtLeast(96.0)),
        items: 10_000,
        smoke_items: 200,
        work: Work::Even(Cost::Nanos(10_000.0)),
        ..PLAIN
    },
    Scenario {
        id: "D",
        title: "items of 1 ms of computing",
        goal: Some(Goal::AtLeast(96.0)),
        items: 200,
        smoke_items: 6,
        work: Work::Even(Cost::Nanos(1_000_000.0)),
        ..PLAIN
    },
    Scenario {
        id: "E",
        title: "items that sleep 1 ms, 64 workers",
        goal: Some(Goal::AtLeast(94.0)),
        items: 6_400,
        sequential_items: Some(100),
        smoke_items: 128,
        workers: Some(64),
        work: Work::Sleep(Duration::from_millis(1)),
        ..PLAIN
    },
    Scenario {
        id: "F",
        title: "three stages of 1 µs",
        goal: Some(Goal::AtLeast(97.0)),
        items: 30_000,
        smoke_items: 500,
        work: Work::Three(Cost::Nanos(1_000.0)),
        ..PLAIN
    },
    Scenario {
        id: "L",
        title: "three light stages (8 rounds of the mixing loop each)",
        measure: Measure::PerItem,
        goal: Some(Goal::AtMost(6.0)),
        items: 500_000,
        smoke_items: 5_000,
        work: Work::Three(Cost::Rounds(8)),
        ..PLAIN
    },
    Scenario {
        id: "G",
        title: "items of 1 µs, 1 % of them 100 µs",
        goal: Some(Goal::AtLeast(96.0)),
        items: 50_000,
        smoke_items: 500,
        work: Work::Skewed(Cost::Nanos(1_000.0)),
        ..PLAIN
    },
    Scenario {
        id: "G2",
        title: "items of 100 µs, 1 % of them 10 ms",
        goal: Some(Goal::AtLeast(96.0)),
        items: 2_000,
        smoke_items: 20,
        work: Work::Skewed(Cost::Nanos(100_000.0)),
        ..PLAIN
    },
    Scenario {
        id: "first",
        title: "first result of a fresh chain over 5,000 items of 10 µs, beyond the item's own cost",
        measure: Measure::FirstResult,
        goal: Some(Goal::AtMost(50.0)),
        items: 5_000,
        smoke_items: 50,
        fresh: true,
        work: Work::Even(Cost::Nanos(10_000.0)),
        ..PLAIN
    },
    Scenario {
        id: "S",
        title: "one call with 16 trivial items, the chain built once",
        measure: Measure::PerCall,
        goal: Some(Goal::AtMost(3.0)),
        items: 16,
        smoke_items: 16,
        ..PLAIN
    },
    Scenario {
        id: "S-fresh",
        title: "one call with 16 trivial items, everything built in the call",
        measure: Measure::PerCall,
        items: 16,
        smoke_items: 16,
        fresh: true,
        ..PLAIN
    },
    Scenario {
        id: "T",
        title: "items of little more than 1 ns",
        measure: Measure::PerItem,
        goal: Some(Goal::Sequential),
        items: 1_000_000,
        smoke_items: 5_000,
        ..PLAIN
    },
    Scenario {
        id: "M",
        title: "peak memory of a process that handles 10 million trivial items",
        measure: Measure::Memory,
        goal: Some(Goal::AtMost(8.0)),
        items: 10_000_000,
        smoke_items: 50_000,
        ..PLAIN
    },
];

/// Full size, or just enough to see that everything works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Full,
    Smoke,
}

/// What a competitor has to know besides the work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The input is `0..items`.
    pub(crate) items: u64,
    /// `None`: the competitor's own default.
    pub(crate) workers: Option<usize>,
    /// Whether to make anew in each call what could be prepared ahead.
    pub(crate) fresh: bool,
}

/// A scenario with its costs translated into rounds of the mixing loop of this machine.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) scenario: &'static Scenario,
    load: Load,
    sequential_items: u64,
    iterations: u32,
}

impl Scenario {
    /// Finds a scenario by its short name, in any case.
    pub(crate) fn find(id: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.id.eq_ignore_ascii_case(id))
    }

    /// Measures how much mixing the scenario's costs are here.
    pub(crate) fn plan(&'static self, size: Size) -> Plan {
        let items = match size {
            Size::Full => self.items,
            Size::Smoke => self.smoke_items,
        };
        let iterations = match self.work {
            Work::Even(cost) | Work::Skewed(cost) | Work::Three(cost) => cost.iterations(),
            Work::Trivial => TRIVIAL_ROUNDS,
            Work::Sleep(_) => 1,
        };
        let sequential_items = self.sequential_items.map_or(items, |limit| limit.min(items));
        let load = Load { items, workers: self.workers, fresh: self.fresh };
        Plan { scenario: self, load, sequential_items, iterations }
    }
}

impl Plan {
    pub(crate) fn items(&self) -> u64 {
        self.load.items
    }

    /// A plain loop may be given fewer, where all of them would take it seconds.
    pub(crate) fn items_for(&self, plain_loop: bool) -> u64 {
        if plain_loop { self.sequential_items } else { self.load.items }
    }

    /// Workers against which efficiency is counted.
    pub(crate) fn workers(&self) -> usize {
        self.load.workers.unwrap_or_else(cores)
    }

    /// What is done with the results in a timed run.
    pub(crate) fn take(&self) -> Take {
        if self.scenario.measure == Measure::FirstResult { Take::First } else { Take::Sum }
    }

    /// Makes the competitor ready.
    pub(crate) fn prepare<C: Competitor>(&self, competitor: &C) -> Runner {
        let load = Load { items: self.items_for(C::IS_PLAIN_LOOP), ..self.load };
        let rounds = self.iterations;
        match self.scenario.work {
            Work::Trivial => competitor.one_stage(load, |item| mix(item, TRIVIAL_ROUNDS)),
            Work::Even(_) => competitor.one_stage(load, move |item| mix(item, rounds)),
            Work::Skewed(_) => {
                let more = rounds.saturating_mul(100);
                competitor.one_stage(load, move |item| mix(item, if is_rare(item) { more } else { rounds }))
            }
            Work::Three(_) => competitor.three_stages(
                load,
                move |item| mix(item, rounds),
                move |item| mix(item, rounds),
                move |item| mix(item, rounds),
            ),
            Work::Sleep(time) => competitor.one_stage(load, move |item| {
                thread::sleep(time);
                mix(item, rounds)
            }),
        }
    }

    /// The answers that a competitor must give, in order, made by a plain loop; sleeping adds nothing to them.
    pub(crate) fn expected<C: Competitor>(&self) -> Vec<u64> {
        let items = 0..self.items_for(C::IS_PLAIN_LOOP);
        let rounds = self.iterations;
        match self.scenario.work {
            Work::Trivial | Work::Even(_) | Work::Sleep(_) => items.map(|item| mix(item, rounds)).collect(),
            Work::Skewed(_) => items
                .map(|item| mix(item, if is_rare(item) { rounds.saturating_mul(100) } else { rounds }))
                .collect(),
            Work::Three(_) => items.map(|item| mix(mix(mix(item, rounds), rounds), rounds)).collect(),
        }
    }
}

/// The cores that this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
