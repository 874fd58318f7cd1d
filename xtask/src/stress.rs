//! `stress`: long random runs of the crates that have a `tests/stress.rs`, so often or so long.
//!
//! Such a test has `harness = false` and `test = false` in its manifest, so that `cargo test`
//! leaves it alone. It reads how much to do from `ORI_STRESS_CHAINS` and the seed of its random
//! numbers from `ORI_STRESS_SEED`, and exits with another code than 0 when something is wrong.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::command::Cmd;
use crate::report::{Outcome, Report};
use crate::workspace::{Package, Target, Workspace};

const LONG: u32 = 5000;
/// With `--minutes` a crate runs so many at a time, each time from another seed.
const PART: u32 = 500;
const SHORT: u32 = 200;

/// A run that is not over by then hangs, which is what the test is there to find.
const LIMIT: Duration = Duration::from_secs(60 * 60);
const SHORT_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The options of `cargo xtask stress`.
#[derive(Debug)]
pub(crate) struct Options {
    chains: u32,
    seed: u64,
    /// For each crate; instead of a number of chains.
    time: Option<Duration>,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { chains: LONG, seed: fresh_seed(), time: None };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("chains") => options.chains = parser.value()?.parse()?,
                Arg::Long("minutes") => {
                    options.time = Some(Duration::from_secs(parser.value()?.parse::<u64>()? * 60));
                    options.chains = PART;
                }
                Arg::Long("seed") => options.seed = parser.value()?.parse()?,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// The form that `ci` runs.
    pub(crate) fn short() -> Self {
        Self { chains: SHORT, seed: fresh_seed(), time: None }
    }

    fn command(&self, package: &Package, target: &Target) -> Cmd {
        let features = match target.required_features.join(",") {
            features if features.is_empty() => Vec::new(),
            features => vec!["--features".to_owned(), features],
        };
        Cmd::cargo(&format!("test --release -p {} --test stress", package.name))
            .args(features)
            .env("ORI_STRESS_CHAINS", self.chains)
            .env("ORI_STRESS_SEED", self.seed)
            .limit(if self.chains <= SHORT { SHORT_LIMIT } else { LIMIT })
    }
}

/// Runs every stress test that cargo knows of, one step each.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let mut found = false;
    for (package, target) in workspace.targets("test").filter(|(_, target)| target.name == "stress") {
        found = true;
        let command = options.command(package, target);
        match options.time {
            None => {
                let Options { chains, seed, .. } = options;
                report.command(&format!("stress {}, {chains} chains, seed {seed}", package.name), &command);
            }
            Some(time) => {
                let step = format!(
                    "stress {}, {} min from seed {}",
                    package.name,
                    time.as_secs() / 60,
                    options.seed
                );
                let root = &workspace.root;
                report.step(&step, &command.to_string(), || again_and_again(options, &command, time, root));
            }
        }
    }
    if !found {
        report.skip("stress", "no crate has a tests/stress.rs");
    }
}

/// Repeats the command with new seeds until the time is over or it fails.
fn again_and_again(options: &Options, command: &Cmd, time: Duration, root: &Path) -> Outcome {
    let begin = Instant::now();
    let mut seed = options.seed;
    while begin.elapsed() < time {
        // Chain number `n` of seed `s` may be chain 0 of seed `s + n`.
        seed += u64::from(options.chains);
        let command = command.clone().env("ORI_STRESS_SEED", seed);
        println!("$ {command}");
        if let Err(why) = command.run(root) {
            return Outcome::Failed(format!("{why}, seed {seed}"));
        }
    }
    Outcome::Ok
}

/// A new number each time; the standard library seeds its hash maps from the system.
fn fresh_seed() -> u64 {
    // Short enough to be typed again.
    RandomState::new().hash_one(std::process::id()) % 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command for a package and a stress test that needs these features.
    fn command(args: &[&str], features: &[&str]) -> String {
        let package = Package { name: "ori-poolchain".into(), ..Package::default() };
        let target = Target {
            name: "stress".into(),
            kinds: vec!["test".into()],
            source: "tests/stress.rs".into(),
            required_features: features.iter().map(ToString::to_string).collect(),
            is_tested: false,
        };
        let mut args = lexopt::Parser::from_args(args);
        Options::parse(&mut args).unwrap().command(&package, &target).to_string()
    }

    #[test]
    fn the_command_repeats_the_run() {
        assert_eq!(
            command(&["--chains", "7", "--seed=3"], &[]),
            "ORI_STRESS_CHAINS=7 ORI_STRESS_SEED=3 cargo test --release -p ori-poolchain --test stress"
        );
        assert!(command(&["--chains", "7"], &["async", "x"]).ends_with("--test stress --features async,x"));
    }

    #[test]
    fn a_long_run_is_one_of_many_parts() {
        assert!(command(&["--minutes", "60", "--seed", "1"], &[]).starts_with("ORI_STRESS_CHAINS=500 "));
    }

    #[test]
    fn a_number_that_is_none_is_an_error() {
        assert!(Options::parse(&mut lexopt::Parser::from_args(["--chains", "many"])).is_err());
    }
}
