//! `models`: concurrent code under a scheduler that tries out interleavings, instead of the
//! system's, which tries out few.
//!
//! The tests are those in a crate's `tests/models.rs`, compiled with `--cfg shuttle`: then the crate
//! takes its locks, atomics and threads from shuttle. They have a target folder of their own, because
//! the flag would have everything else built again, and `test = false` in the manifest, so that
//! `cargo test` leaves them alone.

use std::time::Duration;

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::command::Cmd;
use crate::report::Report;
use crate::workspace::Workspace;

const LONG: u64 = 10_000;
const SHORT: u64 = 200;
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// The options of `cargo xtask models`.
#[derive(Debug)]
pub(crate) struct Options {
    runs: u64,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { runs: LONG };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("runs") => options.runs = parser.value()?.parse()?,
                Arg::Long("short") => options.runs = SHORT,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// The form that `ci` runs.
    pub(crate) fn short() -> Self {
        Self { runs: SHORT }
    }

    fn command(&self, package: &str) -> Cmd {
        Cmd::cargo(&format!("test -p {package} --test models --target-dir target/models"))
            .env("RUSTFLAGS", "--cfg shuttle")
            .env("ORI_MODEL_RUNS", self.runs)
            .limit(LIMIT)
    }
}

/// One step for each crate that has models.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let mut found = false;
    for (package, _) in workspace.targets("test").filter(|(_, target)| target.name == "models") {
        found = true;
        let step = format!("models {}, {} schedules of each kind", package.name, options.runs);
        report.command(&step, &options.command(&package.name));
    }
    if !found {
        report.skip("models", "no crate has a tests/models.rs");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted() {
        let mut args = lexopt::Parser::from_args(["--runs", "7"]);
        let command = Options::parse(&mut args).unwrap().command("ori-background").to_string();
        assert!(
            command.starts_with("RUSTFLAGS='--cfg shuttle' ORI_MODEL_RUNS=7 cargo test -p ori-background ")
        );
    }
}
