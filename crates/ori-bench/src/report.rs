//! The tables, in markdown that also reads well on a terminal.

use std::fmt::Write as _;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::arguments::Measurement;
use crate::competitors::{self, BASELINE};
use crate::contest;
use crate::document;
use crate::harness::{Outcome, Row, Spread};
use crate::machine::Machine;
use crate::plot::Plot;
use crate::scenario::{Goal, Measure, cores};

/// One row a competitor, one column a scenario, medians only.
pub(crate) fn summary(outcomes: &[Outcome]) -> String {
    let mut table =
        table(["".to_owned()].into_iter().chain(
            outcomes.iter().map(|outcome| {
                format!("{} {}", outcome.plan.scenario.id, unit(outcome.plan.scenario.measure))
            }),
        ));
    let names = outcomes.first().map(|outcome| outcome.rows.iter().map(|row| row.name));
    for (index, name) in names.into_iter().flatten().enumerate() {
        let figures = outcomes
            .iter()
            .map(|outcome| short(outcome.plan.scenario.measure, outcome.rows[index].figure.median));
        table.add_row([name.to_owned()].into_iter().chain(figures));
    }
    let goals = outcomes.iter().map(goal);
    table.add_row(["goal".to_owned()].into_iter().chain(goals));
    table.to_string()
}

/// One scenario with spreads.
pub(crate) fn detail(outcome: &Outcome) -> String {
    let scenario = outcome.plan.scenario;
    let mut text = format!("### {}: {}\n\n", scenario.id, scenario.title);
    let _ = write!(text, "{} items", thousands(outcome.plan.items()));
    if scenario.measure == Measure::Efficiency {
        let _ = write!(text, ", {} workers", outcome.plan.workers());
    }
    if scenario.goal.is_some() {
        let _ = write!(text, "; goal: {} {}", goal(outcome), unit(scenario.measure));
    }
    let columns = columns(scenario.measure);
    let titles = columns.iter().flat_map(|column| [column.title(scenario.measure), "min..max"]);
    let mut table = table([""].into_iter().chain(titles).map(str::to_owned));
    for row in &outcome.rows {
        let figures = columns.iter().flat_map(|column| column.cells(row, scenario.measure));
        table.add_row([row.name.to_owned()].into_iter().chain(figures));
    }
    format!("{text}\n\n{table}\n")
}

/// What a scenario's own table shows of each competitor, each with its extremes.
#[derive(Clone, Copy)]
enum Column {
    Time,
    Speedup,
    Figure,
}

/// A ratio to the plain loop says something only where both do the same amount of work.
fn columns(measure: Measure) -> &'static [Column] {
    match measure {
        Measure::Efficiency | Measure::PerItem => &[Column::Time, Column::Speedup, Column::Figure],
        Measure::FirstResult => &[Column::Time, Column::Figure],
        Measure::PerCall | Measure::Memory => &[Column::Figure],
    }
}

impl Column {
    fn title(self, measure: Measure) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Speedup => "× sequential",
            Self::Figure => unit(measure),
        }
    }

    fn cells(self, row: &Row, measure: Measure) -> [String; 2] {
        let (spread, show): (_, &dyn Fn(f64) -> String) = match self {
            Self::Time => (row.nanos, &time),
            Self::Speedup => (row.speedup, &digits),
            Self::Figure => (Some(row.figure), &|figure| short(measure, figure)),
        };
        spread.map_or_else(
            || ["–".to_owned(), "–".to_owned()],
            |Spread { median, min, max }| [show(median), format!("{}..{}", show(min), show(max))],
        )
    }
}

/// Everything, as it goes into the document.
pub(crate) fn document(
    measurement: &Measurement,
    machine: &Machine,
    outcomes: &[Outcome],
    results: &[contest::Outcome],
    plots: &[Plot],
) -> String {
    let mut text = String::new();
    for (name, fact) in machine.facts() {
        let _ = writeln!(text, "- {name}: {fact}");
    }
    let _ = writeln!(text, "- Rounds: {}, interleaved", measurement.rounds);
    let _ = writeln!(text, "- Made by: `{}`\n", measurement.command);
    if !outcomes.is_empty() {
        text += &summary(outcomes);
        text += "\n\n";
    }
    let _ = writeln!(text, "{}", document::show(plots));
    text += &how_to_read(measurement.peers, outcomes);
    for outcome in outcomes {
        text += "\n";
        text += &detail(outcome);
    }
    for result in results {
        text += "\n";
        text += &contest::report(result);
    }
    text
}

fn how_to_read(peers: bool, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "## How to read this\n\n\
         Every answer is compared with the plain loop's before anything is timed. In each round every\n\
         competitor runs once (short runs: again and again for 60 ms), and each round begins with another\n\
         one. Figures are medians over the rounds; ratios are formed within a round, so that a machine that\n\
         is slow for a while is slow for both sides. Nothing is dropped: `min..max` are the extremes.\n\n\
         - `eff %`: the `{}` loop's time / (workers × time). 100 is everything that {} cores can give,\n  \
         unless the scenario names its workers. More than 100 is noise, or cores that help each other.\n\
         - `ns/item`, `µs/call`: time, less is better; `× sequential`: how many times as fast as the plain loop.\n\
         - `first`: time from the call to the first result, less what a single item costs in the plain loop.\n  \
         An eager competitor has nothing to show before it is done.\n\
         - `MiB`: the most memory that was resident (`VmHWM`) in a process that did nothing else.\n\
         - `goal`: what `ours-*` is meant to reach with default options, set on a machine with two cores.\n\n\
         The work of an item is a loop that mixes integers; how many rounds of it make a microsecond is\n\
         measured at the start of the run. Streams are added up as their results come; eager calls end with\n\
         their `Vec`. The scenarios:\n\n",
        BASELINE.name,
        cores(),
    );
    for outcome in outcomes {
        let scenario = outcome.plan.scenario;
        let _ = writeln!(text, "- {}: {}", scenario.id, scenario.title);
    }
    text += "\nWho takes part:\n\n";
    for entry in competitors::entries(peers) {
        let _ = writeln!(text, "- `{}`: {}", entry.name, entry.about);
    }
    text
}

pub(crate) fn table(headers: impl Iterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(headers);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn goal(outcome: &Outcome) -> String {
    let measure = outcome.plan.scenario.measure;
    match outcome.plan.scenario.goal {
        Some(Goal::AtLeast(figure)) => format!("≥ {}", short(measure, figure)),
        Some(Goal::AtMost(figure)) => format!("≤ {}", short(measure, figure)),
        Some(Goal::Sequential) => format!("≤ {}", BASELINE.name),
        None => "–".to_owned(),
    }
}

fn unit(measure: Measure) -> &'static str {
    match measure {
        Measure::Efficiency => "eff %",
        Measure::PerItem => "ns/item",
        Measure::PerCall => "µs/call",
        Measure::FirstResult => "µs",
        Measure::Memory => "MiB",
    }
}

fn short(measure: Measure, figure: f64) -> String {
    match measure {
        Measure::Efficiency => format!("{figure:.0}"),
        Measure::FirstResult if figure.abs() < 0.5 => "0".to_owned(),
        _ => digits(figure),
    }
}

/// Three digits that matter.
pub(crate) fn digits(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// A time with the unit that suits it.
pub(crate) fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos >= 1e9 => format!("{} s", digits(nanos / 1e9)),
        nanos if nanos >= 1e6 => format!("{} ms", digits(nanos / 1e6)),
        nanos if nanos >= 1e3 => format!("{} µs", digits(nanos / 1e3)),
        nanos => format!("{} ns", digits(nanos)),
    }
}

/// A count with commas.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
