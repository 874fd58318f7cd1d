//! A task with its own list of contestants: compares their answers, then times them in interleaved rounds.

use std::time::{Duration, Instant};

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
    pub(crate) unit: Unit,
    /// Memory that this program holds meanwhile, in bytes.
    pub(crate) ballast: usize,
    /// The first one is what the others are compared with.
    pub(crate) contestants: &'static [Contestant],
}

/// In which unit a contest is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    /// Time an item, and how many times as long as the first contestant.
    Time,
    /// Items a second, and which part of the first contestant's.
    Rate,
    /// The items are bytes: as [`Rate`](Self::Rate), in GB/s.
    Bytes,
    /// What the first contestant takes, divided by so many workers times what this one takes.
    Efficiency(u32),
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
    /// Why it cannot take part on this machine, if so.
    pub(crate) missing: fn() -> Option<String>,
    /// Makes it ready to do so many items, any number of times; each run gives its answer.
    pub(crate) prepare: fn(u64) -> Run,
}

/// A contestant that is ready.
pub(crate) type Run = Box<dyn FnMut(&mut Clock) -> u64>;

/// Measures one run, and leaves out what a contestant does apart from its task.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    aside: Duration,
}

impl Clock {
    /// Does something that does not belong to the task, such as ending what the task has started.
    pub(crate) fn aside<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = f();
        self.aside += start.elapsed();
        value
    }
}

/// What a contestant of this workspace must reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// That many times as long as the first contestant, at most.
    Times(f64),
    /// That many nanoseconds an item, at most.
    Nanos(f64),
    /// That part of the first contestant's rate, at least.
    Share(f64),
    /// That many items a second, at least.
    Rate(f64),
    /// That efficiency in percent, at least.
    Efficiency(f64),
}

/// A contest with everybody's figures.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) contest: &'static Contest,
    pub(crate) items: u64,
    pub(crate) rows: Vec<Row>,
    /// Who could not take part, and why.
    skipped: Vec<(&'static Contestant, String)>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) contestant: &'static Contestant,
    /// One figure a round: nanoseconds of one run.
    nanos: Vec<f64>,
    /// In the same round, divided by the first contestant's.
    times: Vec<f64>,
}

struct Lane {
    contestant: &'static Contestant,
    run: Run,
    /// Runs within a round.
    calls: u32,
    rounds: Vec<f64>,
}

impl Lane {
    /// Runs it once; the answer and the nanoseconds that count.
    fn once(&mut self) -> (u64, f64) {
        let (mut clock, start) = (Clock::default(), Instant::now());
        let answer = (self.run)(&mut clock);
        (answer, start.elapsed().saturating_sub(clock.aside).as_nanos() as f64)
    }
}

/// Measures one contest.
///
/// # Errors
/// A contestant whose answer differs from the first one's: nothing is timed then.
pub(crate) fn measure(contest: &'static Contest, measurement: &Measurement) -> Result<Outcome, String> {
    let (items, ballast) = match measurement.size {
        Size::Full => (contest.items, contest.ballast),
        Size::Smoke => (contest.smoke_items, contest.ballast / 64),
    };
    // Written to, or it would not be resident.
    let ballast = std::hint::black_box(vec![1_u8; ballast]);
    let (mut lanes, mut skipped, mut answer) = (Vec::new(), Vec::new(), None);
    for contestant in contest.contestants {
        if contestant.peer && !measurement.peers {
            continue;
        }
        if let Some(reason) = (contestant.missing)() {
            skipped.push((contestant, reason));
            continue;
        }
        let run = (contestant.prepare)(items);
        let mut lane = Lane { contestant, run, calls: 1, rounds: Vec::new() };
        let (given, _) = lane.once();
        if *answer.get_or_insert(given) != given {
            return Err(format!(
                "{} answers contest {} with {given}, others with {answer:?}",
                contestant.name, contest.id
            ));
        }
        let (_, warm) = lane.once();
        lane.calls = (round_time(measurement.size).as_nanos() as f64 / warm.max(1.0)).clamp(1.0, 1e6) as u32;
        lanes.push(lane);
    }
    for round in 0..measurement.rounds {
        let first = round % lanes.len();
        let (before, after) = lanes.split_at_mut(first);
        for lane in after.iter_mut().chain(before) {
            let mut nanos = 0.0;
            for _ in 0..lane.calls {
                let (given, time) = lane.once();
                if Some(given) != answer {
                    return Err(format!(
                        "{} changed its answer to contest {}",
                        lane.contestant.name, contest.id
                    ));
                }
                nanos += time;
            }
            lane.rounds.push(nanos / f64::from(lane.calls));
        }
    }
    drop(ballast);
    let baseline = lanes.first().map(|lane| lane.rounds.clone()).unwrap_or_default();
    let rows = lanes.into_iter().map(|lane| Row {
        contestant: lane.contestant,
        times: lane.rounds.iter().zip(&baseline).map(|(time, alone)| time / alone).collect(),
        nanos: lane.rounds,
    });
    Ok(Outcome { contest, items, rows: rows.collect(), skipped })
}

impl Outcome {
    /// What the contest is judged by, in its unit.
    pub(crate) fn figure(&self, row: &Row) -> Spread {
        match self.contest.unit {
            Unit::Time => Spread::of(row.nanos.iter().map(|nanos| nanos / self.items as f64)),
            Unit::Rate => Spread::of(row.nanos.iter().map(|nanos| self.items as f64 / nanos * 1e9)),
            Unit::Bytes => Spread::of(row.nanos.iter().map(|nanos| self.items as f64 / nanos)),
            Unit::Efficiency(workers) => {
                Spread::of(row.times.iter().map(|times| 100.0 / (f64::from(workers) * times)))
            }
        }
    }

    /// What stands above the figures, and above the comparison with the first contestant.
    fn titles(&self) -> (String, &'static str) {
        let item = self.contest.item;
        match self.contest.unit {
            Unit::Time => (format!("per {item}"), "×"),
            Unit::Rate => (format!("{item}s/s"), "% of first"),
            Unit::Bytes => ("GB/s".to_owned(), "% of first"),
            Unit::Efficiency(_) => ("eff %".to_owned(), "×"),
        }
    }

    /// A row compared with the first one, round by round.
    fn comparison(&self, row: &Row) -> Spread {
        match self.contest.unit {
            Unit::Time | Unit::Efficiency(_) => Spread::of(row.times.iter().copied()),
            Unit::Rate | Unit::Bytes => Spread::of(row.times.iter().map(|times| 100.0 / times)),
        }
    }

    fn show(&self, figure: f64) -> String {
        match self.contest.unit {
            Unit::Time => time(figure),
            Unit::Rate => rate(figure),
            Unit::Bytes | Unit::Efficiency(_) => digits(figure),
        }
    }
}

/// The contest's table, with spreads.
pub(crate) fn report(outcome: &Outcome) -> String {
    let contest = outcome.contest;
    let mut text = format!("### {}: {}\n\n", contest.id, contest.title);
    let first = outcome.rows.first().map_or("", |row| row.contestant.name);
    text += &format!(
        "{} {}s a run; compared with `{first}` in the same round.\n\n",
        thousands(outcome.items),
        contest.item
    );
    let (figure, comparison) = outcome.titles();
    let titles = ["", "time", &figure, "min..max", comparison, "min..max", "goal"];
    let mut table = table(titles.into_iter().map(str::to_owned));
    for row in &outcome.rows {
        let goal = match row.contestant.goal {
            None => "–".to_owned(),
            Some(Limit::Times(times)) => format!("≤ {} ×", digits(times)),
            Some(Limit::Nanos(nanos)) => format!("≤ {}", time(nanos)),
            Some(Limit::Share(share)) => format!("≥ {:.0} %", share * 100.0),
            Some(Limit::Rate(goal)) if contest.unit == Unit::Bytes => {
                format!("≥ {} GB/s", digits(goal / 1e9))
            }
            Some(Limit::Rate(goal)) => format!("≥ {}/s", rate(goal)),
            Some(Limit::Efficiency(percent)) => format!("≥ {percent:.0} eff %"),
        };
        let (figure, compared) = (outcome.figure(row), outcome.comparison(row));
        table.add_row([
            row.contestant.name.to_owned(),
            time(Spread::of(row.nanos.iter().copied()).median),
            outcome.show(figure.median),
            format!("{}..{}", outcome.show(figure.min), outcome.show(figure.max)),
            digits(compared.median),
            format!("{}..{}", digits(compared.min), digits(compared.max)),
            goal,
        ]);
    }
    text += &format!("{table}\n\n");
    for row in &outcome.rows {
        text += &format!("- `{}`: {}\n", row.contestant.name, row.contestant.about);
    }
    for (contestant, reason) in &outcome.skipped {
        text += &format!("- `{}`: skipped: {reason}\n", contestant.name);
    }
    text
}

/// A number of things a second.
pub(crate) fn rate(figure: f64) -> String {
    match figure {
        figure if figure >= 1e6 => format!("{} M", digits(figure / 1e6)),
        figure if figure >= 1e3 => format!("{} k", digits(figure / 1e3)),
        figure => digits(figure),
    }
}
