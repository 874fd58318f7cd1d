//! `stress`: long random runs of the crates that have a `tests/stress.rs`.
//!
//! Such a test has `harness = false` and `test = false` in its manifest, so that `cargo test`
//! leaves it alone. It reads how much to do from `ORI_STRESS_CHAINS` and the seed of its random
//! numbers from `ORI_STRESS_SEED`, and exits with another code than 0 when something is wrong.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::command::Cmd;
use crate::report::Report;
use crate::workspace::Workspace;

const LONG: u32 = 5000;
const SHORT: u32 = 200;

/// A run that is not over by then hangs, which is what the test is there to find.
const LIMIT: Duration = Duration::from_secs(60 * 60);
const SHORT_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The options of `cargo xtask stress`.
#[derive(Debug)]
pub(crate) struct Options {
    chains: u32,
    seed: u64,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { chains: LONG, seed: fresh_seed() };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("chains") => options.chains = parser.value()?.parse()?,
                Arg::Long("seed") => options.seed = parser.value()?.parse()?,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// The form that `ci` runs.
    pub(crate) fn short() -> Self {
        Self { chains: SHORT, seed: fresh_seed() }
    }

    fn command(&self, package: &str) -> Cmd {
        Cmd::cargo(&format!("test --release -p {package} --test stress"))
            .env("ORI_STRESS_CHAINS", self.chains)
            .env("ORI_STRESS_SEED", self.seed)
            .limit(if self.chains <= SHORT { SHORT_LIMIT } else { LIMIT })
    }
}

/// Runs every stress test that cargo knows of, one step each.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let mut found = false;
    for (package, _) in workspace.targets("test").filter(|(_, target)| target.name == "stress") {
        found = true;
        let step = format!("stress {}, {} chains, seed {}", package.name, options.chains, options.seed);
        report.command(&step, &options.command(&package.name));
    }
    if !found {
        report.skip("stress", "no crate has a tests/stress.rs");
    }
}

/// A new number each time; the standard library seeds its hash maps from the system.
fn fresh_seed() -> u64 {
    // Short enough to be typed again.
    RandomState::new().hash_one(std::process::id()) % 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_repeats_the_run() {
        let mut args = lexopt::Parser::from_args(["--chains", "7", "--seed=3"]);
        assert_eq!(
            Options::parse(&mut args).unwrap().command("ori-poolchain").to_string(),
            "ORI_STRESS_CHAINS=7 ORI_STRESS_SEED=3 cargo test --release -p ori-poolchain --test stress"
        );
    }

    #[test]
    fn a_number_that_is_none_is_an_error() {
        assert!(Options::parse(&mut lexopt::Parser::from_args(["--chains", "many"])).is_err());
    }
}
