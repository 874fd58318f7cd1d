//! Runs a scenario with everybody who takes part: compares the answers first, then times in interleaved rounds.

use std::thread;
use std::time::{Duration, Instant};

use crate::competitors::{BASELINE, Entry, Order};
use crate::memory;
use crate::runner::{Run, Runner, Take, digest};
use crate::scenario::{Measure, Plan, Size};

/// One competitor's figures in one scenario, in the scenario's unit.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Time of one run over all items (memory: none), in nanoseconds.
    pub(crate) nanos: Option<Spread>,
    /// The sequential time of the same round divided by this one's.
    pub(crate) speedup: Option<Spread>,
    /// What the scenario is judged by.
    pub(crate) figure: Spread,
}

/// A scenario with everybody's figures.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) rows: Vec<Row>,
}

/// What several rounds gave: the middle one and the extremes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Self { median, min: sorted[0], max: sorted[sorted.len() - 1] }
    }
}

/// A competitor within a scenario.
struct Lane {
    entry: &'static Entry,
    runner: Runner,
    /// What each timed run's digest must be.
    digest: u64,
    /// Runs within a round.
    calls: u32,
    /// What a plain loop with fewer items has to be multiplied with.
    scale: f64,
    /// One figure a round: nanoseconds of one run over all items.
    rounds: Vec<f64>,
}

/// How long one competitor's part of a round is made to last by repeating short runs.
pub(crate) fn round_time(size: Size) -> Duration {
    match size {
        Size::Full => Duration::from_millis(60),
        Size::Smoke => Duration::from_micros(500),
    }
}

/// Measures one scenario.
///
/// # Errors
/// A competitor whose answer differs from the plain loop's: nothing is timed then.
pub(crate) fn measure(
    plan: Plan,
    entries: &[&'static Entry],
    rounds: usize,
    size: Size,
) -> Result<Outcome, String> {
    if plan.scenario.measure == Measure::Memory {
        return weigh(plan, entries, rounds, size);
    }
    let mut lanes = entries
        .iter()
        .map(|entry| Lane::compare(entry, &plan, round_time(size)))
        .collect::<Result<Vec<_>, _>>()?;
    for round in 0..rounds {
        // Each round begins with another one, so that nobody always follows the same neighbour.
        let first = round % lanes.len();
        let (before, after) = lanes.split_at_mut(first);
        for lane in after.iter_mut().chain(before) {
            lane.round(&plan)?;
        }
    }
    let rows = rows(&plan, &lanes);
    Ok(Outcome { plan, rows })
}

impl Lane {
    /// Makes a competitor ready, compares its answer and finds out how often to repeat it in a round.
    fn compare(entry: &'static Entry, plan: &Plan, round_time: Duration) -> Result<Self, String> {
        let mut runner = entry.prepare(plan);
        let mut expected = entry.expected(plan);
        let take = plan.take();
        let digest = digest(&expected, take);

        let mut values = runner(Take::All).into_values();
        if entry.order == Order::Any {
            values.sort_unstable();
            expected.sort_unstable();
        }
        if values != expected {
            return Err(difference(entry, plan, &values, &expected));
        }

        let warm = runner(take).elapsed.max(Duration::from_nanos(1));
        let calls = (round_time.as_secs_f64() / warm.as_secs_f64()).clamp(1.0, MOST_CALLS) as u32;
        let calls = if take == Take::First { calls.min(MOST_FIRST_RESULTS) } else { calls };
        let scale = plan.items() as f64 / plan.items_for(entry.is_plain_loop) as f64;
        Ok(Self { entry, runner, digest, calls, scale, rounds: Vec::new() })
    }

    fn round(&mut self, plan: &Plan) -> Result<(), String> {
        let take = plan.take();
        let mut times = Vec::with_capacity(self.calls as usize);
        for _ in 0..self.calls {
            let run: Run = (self.runner)(take);
            // Unordered results may begin with any item; all others were compared and must stay the same.
            if run.digest(take) != self.digest && !(take == Take::First && self.entry.order == Order::Any) {
                return Err(format!(
                    "{} changed its answer to scenario {} while it was timed",
                    self.entry.name, plan.scenario.id
                ));
            }
            times.push(run.elapsed.as_nanos() as f64);
            if take == Take::First {
                // What was left behind must not run into the next call.
                thread::sleep(Duration::from_millis(1));
            }
        }
        // A first result is one short moment each; whole runs fill the round and all of it counts.
        let time = match take {
            Take::First => Spread::of(times).median,
            Take::All | Take::Sum => times.iter().sum::<f64>() / times.len() as f64,
        };
        self.rounds.push(time * self.scale);
        Ok(())
    }
}

/// Nobody needs more repetitions than this to be measured well.
const MOST_CALLS: f64 = 20_000.0;

/// Each is followed by a pause.
const MOST_FIRST_RESULTS: u32 = 20;

fn rows(plan: &Plan, lanes: &[Lane]) -> Vec<Row> {
    let baseline: Vec<f64> = lanes
        .iter()
        .find(|lane| lane.entry.name == BASELINE.name)
        .map(|lane| lane.rounds.clone())
        .unwrap_or_default();
    lanes
        .iter()
        .map(|lane| {
            let pairs = || baseline.iter().zip(&lane.rounds);
            let figure = match plan.scenario.measure {
                Measure::Efficiency => {
                    let share = 100.0 / plan.workers() as f64;
                    Spread::of(pairs().map(|(alone, time)| alone / time * share))
                }
                Measure::PerItem => Spread::of(lane.rounds.iter().map(|time| time / plan.items() as f64)),
                Measure::PerCall => Spread::of(lane.rounds.iter().map(|time| time / 1e3)),
                Measure::FirstResult => Spread::of(pairs().map(|(alone, time)| (time - alone) / 1e3)),
                Measure::Memory => unreachable!("memory is weighed, not timed"),
            };
            Row {
                name: lane.entry.name,
                nanos: Some(Spread::of(lane.rounds.iter().copied())),
                speedup: Some(Spread::of(pairs().map(|(alone, time)| alone / time))),
                figure,
            }
        })
        .collect()
}

/// Peak memory: a process of its own for each competitor and round.
fn weigh(plan: Plan, entries: &[&'static Entry], rounds: usize, size: Size) -> Result<Outcome, String> {
    // Memory hardly varies; three processes show whether it does.
    let rounds = rounds.min(3);
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); entries.len()];
    for _ in 0..rounds {
        for (entry, figures) in entries.iter().zip(&mut figures) {
            figures.push(memory::peak_of_child(entry, plan.scenario, size)?);
        }
    }
    let rows = entries
        .iter()
        .zip(figures)
        .map(|(entry, figures)| Row {
            name: entry.name,
            nanos: None,
            speedup: None,
            figure: Spread::of(figures),
        })
        .collect();
    Ok(Outcome { plan, rows })
}

/// Runs one competitor in one scenario again and again, for a profiler to look at.
pub(crate) fn repeat(plan: &Plan, entry: &Entry, time: Duration) -> (u64, Duration) {
    let mut runner = entry.prepare(plan);
    let (begin, mut calls, mut busy) = (Instant::now(), 0, Duration::ZERO);
    while begin.elapsed() < time {
        busy += runner(plan.take()).elapsed;
        calls += 1;
    }
    (calls, busy)
}

fn difference(entry: &Entry, plan: &Plan, values: &[u64], expected: &[u64]) -> String {
    let place = values.iter().zip(expected).position(|(value, expected)| value != expected);
    let place = place.unwrap_or_else(|| values.len().min(expected.len()));
    format!(
        "{} answers scenario {} wrongly: {} results where the plain loop has {}, the first difference at {place}",
        entry.name,
        plan.scenario.id,
        values.len(),
        expected.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::competitors::{Competitor, Stage};
    use crate::runner::stream;
    use crate::scenario::{Load, Scenario};

    #[derive(Default)]
    struct Backwards;

    impl Competitor for Backwards {
        fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
            Box::new(move |take| stream(take, || (0..load.items).rev().map(f)))
        }

        fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
            Box::new(move |take| stream(take, || (0..load.items).rev().map(f).map(g).map(h)))
        }
    }

    const BACKWARDS: Entry = Entry::new::<Backwards>("backwards", Order::Input, "");
    const BACKWARDS_IN_ANY_ORDER: Entry = Entry::new::<Backwards>("backwards", Order::Any, "");

    fn smoke(id: &str, entry: &'static Entry) -> Result<Outcome, String> {
        let plan = Scenario::find(id).expect("a scenario of that name").plan(Size::Smoke);
        measure(plan, &[BASELINE, entry], 1, Size::Smoke)
    }

    #[test]
    fn a_wrong_order_is_an_error_and_not_a_figure() {
        for id in ["A", "L", "G", "first"] {
            let message = smoke(id, &BACKWARDS).expect_err("results in the wrong order are noticed");
            assert!(message.contains("backwards answers scenario"), "{message}");
            assert!(message.contains("first difference at 0"), "{message}");
        }
    }

    #[test]
    fn an_order_that_was_never_promised_is_not_asked_for() {
        for id in ["A", "first"] {
            let outcome = smoke(id, &BACKWARDS_IN_ANY_ORDER).expect("the same results in another order");
            assert_eq!(outcome.rows.len(), 2);
        }
    }

    #[test]
    fn a_plain_loop_over_fewer_items_is_scaled_up() {
        let outcome = smoke("E", BASELINE).expect("the plain loop agrees with itself");
        let nanos = outcome.rows[0].nanos.expect("it was timed").median;
        // 128 items of at least 1 ms, of which it was given 100.
        assert!(nanos >= 128e6, "{nanos}");
    }

    #[test]
    fn the_spread_of_an_even_number_has_its_median_in_between() {
        let Spread { median, min, max } = Spread::of([4.0, 1.0, 2.0, 100.0]);
        assert_eq!((median, min, max), (3.0, 1.0, 100.0));
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).median, 2.0);
    }
}
