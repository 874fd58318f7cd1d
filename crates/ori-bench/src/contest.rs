//! A task with its own list of contestants: compares their answers, then times them in interleaved rounds.

use std::fmt::Write as _;
use std::time::Instant;

use crate::arguments::Measurement;
use crate::harness::{Spread, round_time};
use crate::report::{digits, table, thousands, time};
use crate::scenario::Size;

/// A task that is not a chain of threads.
#[derive(Debug)]
pub(crate) struct Contest {
    /// The short name for `--only`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What is counted: lines, calls, futures.
    pub(crate) item: &'static str,
    pub(crate) items: u64,
    pub(crate) smoke_items: u64,
    /// The first one is what the others are compared with.
    pub(crate) contestants: &'static [Contestant],
}

/// One way to do the task.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// One line for the document.
    pub(crate) about: &'static str,
    /// Whether it is one of those that others have written.
    pub(crate) peer: bool,
    pub(crate) goal: Option<Limit>,
    /// Makes it ready to do so many items, any number of times; each run gives its answer.
    pub(crate) prepare: fn(u64) -> Box<dyn FnMut() -> u64>,
}

/// What a contestant of this workspace must reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// That many times as long as the first contestant, at most.
    Times(f64),
    /// That many nanoseconds an item, at most.
    Nanos(f64),
}

/// A contest with everybody's figures.
#[derive(Debug)]
pub(crate) struct Outcome {
    contest: &'static Contest,
    items: u64,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    contestant: &'static Contestant,
    /// Nanoseconds of one run.
    nanos: Spread,
    /// In the same round, divided by the first contestant's.
    times: Spread,
}

struct Lane {
    contestant: &'static Contestant,
    run: Box<dyn FnMut() -> u64>,
    /// Runs within a round.
    calls: u32,
    rounds: Vec<f64>,
}

/// Measures one contest.
///
/// # Errors
/// A contestant whose answer differs from the first one's: nothing is timed then.
pub(crate) fn measure(contest: &'static Contest, measurement: &Measurement) -> Result<Outcome, String> {
    let items = match measurement.size {
        Size::Full => contest.items,
        Size::Smoke => contest.smoke_items,
    };
    let takes_part = |contestant: &&Contestant| measurement.peers || !contestant.peer;
    let mut lanes = Vec::new();
    let mut answer = None;
    for contestant in contest.contestants.iter().filter(takes_part) {
        let mut run = (contestant.prepare)(items);
        let given = run();
        if *answer.get_or_insert(given) != given {
            return Err(format!(
                "{} answers contest {} with {given}, others with {answer:?}",
                contestant.name, contest.id
            ));
        }
        let clock = Instant::now();
        run();
        let calls =
            (round_time(measurement.size).as_secs_f64() / clock.elapsed().as_secs_f64()).clamp(1.0, 1e6);
        lanes.push(Lane { contestant, run, calls: calls as u32, rounds: Vec::new() });
    }
    for round in 0..measurement.rounds {
        let first = round % lanes.len();
        let (before, after) = lanes.split_at_mut(first);
        for lane in after.iter_mut().chain(before) {
            let clock = Instant::now();
            for _ in 0..lane.calls {
                if Some((lane.run)()) != answer {
                    return Err(format!(
                        "{} changed its answer to contest {}",
                        lane.contestant.name, contest.id
                    ));
                }
            }
            lane.rounds.push(clock.elapsed().as_nanos() as f64 / f64::from(lane.calls));
        }
    }
    let baseline = lanes.first().map(|lane| lane.rounds.clone()).unwrap_or_default();
    let rows = lanes.iter().map(|lane| Row {
        contestant: lane.contestant,
        nanos: Spread::of(lane.rounds.iter().copied()),
        times: Spread::of(lane.rounds.iter().zip(&baseline).map(|(time, alone)| time / alone)),
    });
    Ok(Outcome { contest, items, rows: rows.collect() })
}

/// The contest's table, with spreads.
pub(crate) fn report(outcome: &Outcome) -> String {
    let Outcome { contest, items, rows } = outcome;
    let mut text = format!("### {}: {}\n\n", contest.id, contest.title);
    let first = contest.contestants.first().map_or("", |contestant| contestant.name);
    let _ = writeln!(
        text,
        "{} {}s a run; the ratio is to `{first}` in the same round.\n",
        thousands(*items),
        contest.item
    );
    let per_item = format!("ns/{}", contest.item);
    let titles = ["", "time", per_item.as_str(), "min..max", "×", "min..max", "goal"];
    let mut table = table(titles.into_iter().map(str::to_owned));
    for Row { contestant, nanos, times } in rows {
        let each = |nanos: f64| digits(nanos / *items as f64);
        let goal = match contestant.goal {
            None => "–".to_owned(),
            Some(Limit::Times(times)) => format!("≤ {} ×", digits(times)),
            Some(Limit::Nanos(nanos)) => format!("≤ {} ns", digits(nanos)),
        };
        table.add_row([
            contestant.name.to_owned(),
            time(nanos.median),
            each(nanos.median),
            format!("{}..{}", each(nanos.min), each(nanos.max)),
            digits(times.median),
            format!("{}..{}", digits(times.min), digits(times.max)),
            goal,
        ]);
    }
    let _ = writeln!(text, "{table}\n");
    for Row { contestant, .. } in rows {
        let _ = writeln!(text, "- `{}`: {}", contestant.name, contestant.about);
    }
    text
}
