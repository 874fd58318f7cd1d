//! `bench`: the benchmarks, which `ori-bench` holds.

use std::time::Duration;

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::command::Cmd;
use crate::report::Report;
use crate::workspace::Workspace;

/// The full set with every competitor takes a while on a small machine.
const LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

/// The options of `cargo xtask bench`, which `ori-bench` shares.
#[derive(Debug, Default)]
pub(crate) struct Options {
    smoke: bool,
    peers: bool,
    only: Option<String>,
    write: Option<String>,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("smoke") => options.smoke = true,
                Arg::Long("peers") => options.peers = true,
                Arg::Long("only") => options.only = Some(parser.value()?.string()?),
                Arg::Long("write") => options.write = Some(parser.value()?.string()?),
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// Tiny sizes, results compared, without competitors to build: what `ci` runs.
    pub(crate) fn smoke() -> Self {
        Self { smoke: true, ..Self::default() }
    }

    /// The competitors are behind a feature of `ori-bench`, so that only `--peers` builds them.
    fn command(&self) -> Cmd {
        let mut command = Cmd::cargo("run --release -p ori-bench").limit(LIMIT);
        if self.peers {
            command = command.args(["--features", "peers"]);
        }
        command = command.args(["--"]);
        command = command.args(self.smoke.then_some("--smoke")).args(self.peers.then_some("--peers"));
        for (flag, value) in [("--only", &self.only), ("--write", &self.write)] {
            if let Some(value) = value {
                command = command.args([flag, value]);
            }
        }
        command
    }
}

/// Builds and runs `ori-bench`.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let step = if options.smoke { "bench, smoke" } else { "bench" };
    if workspace.packages.iter().any(|package| package.name == "ori-bench") {
        report.command(step, &options.command());
    } else {
        report.fail(step, "the workspace has no crate ori-bench");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(args: &[&str]) -> String {
        Options::parse(&mut lexopt::Parser::from_args(args)).unwrap().command().to_string()
    }

    #[test]
    fn without_options_the_competitors_are_not_built() {
        assert_eq!(shown(&[]), "cargo run --release -p ori-bench --");
        assert_eq!(Options::smoke().command().to_string(), shown(&["--smoke"]));
    }

    #[test]
    fn options_are_passed_on() {
        assert_eq!(
            shown(&["--peers", "--only=A,B", "--write", "docs/benchmarks.md"]),
            "cargo run --release -p ori-bench --features peers -- \
             --peers --only A,B --write docs/benchmarks.md"
        );
    }

    #[test]
    fn a_misspelt_option_is_an_error() {
        assert!(Options::parse(&mut lexopt::Parser::from_args(["--smok"])).is_err());
    }
}
