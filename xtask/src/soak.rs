//! `soak`: minutes or hours of everything at once while workers are killed; see `crates/ori-soak`.

use std::time::Duration;

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::command::Cmd;
use crate::report::Report;
use crate::workspace::Workspace;

const SHORT_SECONDS: u64 = 20;

/// Warming up, the last rounds and settling come on top of the time asked for.
const MARGIN: Duration = Duration::from_secs(10 * 60);

/// The options of `cargo xtask soak`.
#[derive(Debug)]
pub(crate) struct Options {
    seconds: u64,
    seed: Option<u64>,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { seconds: 60, seed: None };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("minutes") => options.seconds = parser.value()?.parse::<u64>()? * 60,
                Arg::Long("seconds") => options.seconds = parser.value()?.parse()?,
                Arg::Long("seed") => options.seed = Some(parser.value()?.parse()?),
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// The form that `ci` runs.
    pub(crate) fn short() -> Self {
        Self { seconds: SHORT_SECONDS, seed: None }
    }

    fn command(&self) -> Cmd {
        let command = Cmd::cargo(&format!("run --release -p ori-soak -- --seconds {}", self.seconds));
        let command = command.limit(Duration::from_secs(self.seconds) * 2 + MARGIN);
        match self.seed {
            Some(seed) => command.args(["--seed".to_owned(), seed.to_string()]),
            None => command,
        }
    }
}

/// One step. Ctrl-C reaches the program too, which ends with its report.
pub(crate) fn run(report: &mut Report, _workspace: &Workspace, options: &Options) {
    // It counts threads, descriptors and children in Linux's `/proc`.
    if cfg!(target_os = "linux") {
        report.command(&format!("soak, {} s", options.seconds), &options.command());
    } else {
        report.skip("soak", "it counts what is left over in Linux's /proc");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_runs_for_the_time_asked_for() {
        let mut args = lexopt::Parser::from_args(["--minutes=3", "--seed", "5"]);
        assert_eq!(
            Options::parse(&mut args).unwrap().command().to_string(),
            "cargo run --release -p ori-soak -- --seconds 180 --seed 5"
        );
    }
}
