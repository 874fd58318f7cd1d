//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, Short, ValueExt};

use crate::competitors::{self, Entry, HAS_PEERS};
use crate::contest::Contest;
use crate::contests::CONTESTS;
use crate::scenario::{SCENARIOS, Scenario, Size};

/// Printed for `--help`.
pub(crate) const USAGE: &str = "\
Benchmarks of the Ori crates beside their peers.

Usage: ori-bench [--peers] [--only A,B] [--rounds N] [--write PATH]
       ori-bench --smoke [--peers] [--only A,B]
       ori-bench --profile A --competitor NAME [--seconds N]

  --smoke            tiny sizes: every answer is compared, the times mean nothing
  --peers            the other crates too (needs the cargo feature `peers`)
  --only A,B         these scenarios only
  --rounds N         interleaved rounds (default 7)
  --write PATH       put the tables into this markdown file, between its two marks
  --profile A        run scenario A again and again, for a profiler
  --competitor NAME  who runs it
  --seconds N        for how long (default 5)";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Task {
    Help,
    Measure(Measurement),
    Profile {
        scenario: &'static Scenario,
        competitor: &'static Entry,
        time: Duration,
    },
    /// The child's side of a memory measurement.
    Memory {
        scenario: &'static Scenario,
        competitor: &'static Entry,
        size: Size,
    },
}

/// A run that ends with tables.
#[derive(Debug)]
pub(crate) struct Measurement {
    pub(crate) size: Size,
    pub(crate) peers: bool,
    pub(crate) scenarios: Vec<&'static Scenario>,
    pub(crate) contests: Vec<&'static Contest>,
    pub(crate) rounds: usize,
    pub(crate) write: Option<PathBuf>,
    /// The command that does this again.
    pub(crate) command: String,
}

/// Reads the command line.
///
/// # Errors
/// A message that says what is wrong with it and what would be right.
pub(crate) fn parse() -> Result<Task, String> {
    read(lexopt::Parser::from_env()).map_err(|error| error.to_string())
}

fn read(mut parser: lexopt::Parser) -> Result<Task, lexopt::Error> {
    let (mut smoke, mut peers, mut only, mut rounds, mut write) = (false, false, None, None, None);
    let (mut profile, mut memory, mut competitor, mut seconds) = (None, None, None, 5.0);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Task::Help),
            Long("smoke") => smoke = true,
            Long("peers") => peers = true,
            Long("only") => only = Some(parser.value()?.string()?),
            Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?),
            Long("write") => write = Some(PathBuf::from(parser.value()?)),
            Long("profile") => profile = Some(scenario(&parser.value()?.string()?)?),
            Long("memory") => memory = Some(scenario(&parser.value()?.string()?)?),
            Long("competitor") => competitor = Some(entry(&parser.value()?.string()?)?),
            Long("seconds") => seconds = parser.value()?.parse::<f64>()?,
            _ => return Err(argument.unexpected()),
        }
    }
    let size = if smoke { Size::Smoke } else { Size::Full };
    let named = || competitor.ok_or_else(|| format!("--competitor is missing; there are {}", names()));

    if let Some(scenario) = memory {
        return Ok(Task::Memory { scenario, competitor: named()?, size });
    }
    if let Some(scenario) = profile {
        let time = Duration::try_from_secs_f64(seconds).map_err(|error| format!("--seconds: {error}"))?;
        return Ok(Task::Profile { scenario, competitor: named()?, time });
    }
    if competitor.is_some() {
        return Err("--competitor belongs to --profile".into());
    }
    if peers && !HAS_PEERS {
        let message = "this build has no peers; run `cargo xtask bench --peers`, \
                       or build with `cargo run -p ori-bench --release --features peers -- --peers`";
        return Err(message.into());
    }
    if smoke && write.is_some() {
        return Err("--smoke is too small to be worth writing down; leave out --smoke or --write".into());
    }
    if rounds == Some(0) {
        return Err("--rounds must be at least 1".into());
    }
    let (scenarios, contests) = match &only {
        None => (SCENARIOS.iter().collect(), CONTESTS.iter().collect()),
        Some(ids) => chosen(ids)?,
    };
    let mut command = "cargo xtask bench".to_owned();
    for (given, text) in [
        (smoke, " --smoke".to_owned()),
        (peers, " --peers".to_owned()),
        (only.is_some(), format!(" --only {}", only.unwrap_or_default())),
        (rounds.is_some(), format!(" --rounds {}", rounds.unwrap_or_default())),
    ] {
        if given {
            command += &text;
        }
    }
    let rounds = rounds.unwrap_or(if smoke { 2 } else { 7 });
    Ok(Task::Measure(Measurement { size, peers, scenarios, contests, rounds, write, command }))
}

/// Scenarios and contests of these names.
fn chosen(ids: &str) -> Result<(Vec<&'static Scenario>, Vec<&'static Contest>), lexopt::Error> {
    let (mut scenarios, mut contests) = (Vec::new(), Vec::new());
    for id in ids.split(',').map(str::trim) {
        match CONTESTS.iter().find(|contest| contest.id.eq_ignore_ascii_case(id)) {
            Some(contest) => contests.push(contest),
            None => scenarios.push(scenario(id)?),
        }
    }
    Ok((scenarios, contests))
}

fn scenario(id: &str) -> Result<&'static Scenario, String> {
    Scenario::find(id).ok_or_else(|| {
        let ids =
            SCENARIOS.iter().map(|scenario| scenario.id).chain(CONTESTS.iter().map(|contest| contest.id));
        let ids: Vec<&str> = ids.collect();
        format!("there is no scenario {id:?}; there are {}", ids.join(", "))
    })
}

fn entry(name: &str) -> Result<&'static Entry, String> {
    competitors::find(name)
        .ok_or_else(|| format!("nobody in this build is called {name:?}; there are {}", names()))
}

fn names() -> String {
    competitors::entries(true).map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}
