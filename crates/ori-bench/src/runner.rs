//! One competitor made ready for one scenario, and how its results are consumed and timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A competitor that is ready to run a scenario, any number of times.
///
/// The work inside is compiled into it: the one dynamic call is per run, not per item.
pub(crate) type Runner = Box<dyn FnMut(Take) -> Run>;

/// What the consumer does with the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Keeps them all, in the order in which they come: for comparing.
    All,
    /// Adds them up as they come (a stream), or takes the `Vec` as it is (an eager call): for timing.
    Sum,
    /// Takes the first one and lets go of the rest.
    First,
}

/// One run: how long it took and what came out.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) elapsed: Duration,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Values(Vec<u64>),
    One(u64),
}

impl Run {
    /// The values in the order in which they came; of a run that only added up, the one sum.
    pub(crate) fn into_values(self) -> Vec<u64> {
        match self.answer {
            Answer::Values(values) => values,
            Answer::One(value) => vec![value],
        }
    }

    /// The sum of the results; after [`Take::First`], the first result.
    pub(crate) fn digest(&self, take: Take) -> u64 {
        match &self.answer {
            Answer::One(value) => *value,
            Answer::Values(values) => digest(values, take),
        }
    }
}

/// What [`Run::digest`] must be for a run with these results.
pub(crate) fn digest(values: &[u64], take: Take) -> u64 {
    match take {
        Take::All | Take::Sum => values.iter().copied().fold(0, u64::wrapping_add),
        Take::First => values.first().copied().unwrap_or_default(),
    }
}

/// Times a call that gives its results one by one: from the call to the last result, or to the first.
///
/// The end of a stream, with the threads that it ends, belongs to the time of a whole run. A stream that is
/// left after its first result is dropped outside of the clock.
pub(crate) fn stream<I: Iterator<Item = u64>>(take: Take, call: impl FnOnce() -> I) -> Run {
    let clock = Instant::now();
    let mut results = call();
    match take {
        Take::All => {
            let values = black_box(results.collect());
            Run { elapsed: clock.elapsed(), answer: Answer::Values(values) }
        }
        Take::Sum => {
            let sum = black_box(results.fold(0, u64::wrapping_add));
            Run { elapsed: clock.elapsed(), answer: Answer::One(sum) }
        }
        Take::First => {
            // Without the black box the work may be done after the clock was read.
            let first = black_box(results.next()).unwrap_or_default();
            let elapsed = clock.elapsed();
            drop(results);
            Run { elapsed, answer: Answer::One(first) }
        }
    }
}

/// Times a call that gives all its results at once; its first result comes no sooner than its last.
///
/// Adding up and freeing the `Vec` are outside of the clock.
pub(crate) fn eager(call: impl FnOnce() -> Vec<u64>) -> Run {
    let clock = Instant::now();
    let values = black_box(call());
    Run { elapsed: clock.elapsed(), answer: Answer::Values(values) }
}
