//! `bench`: the benchmarks, which `ori-bench` holds.

use std::time::Duration;

use crate::Result;
use crate::command::Cmd;
use crate::report::Report;
use crate::workspace::Workspace;

/// The full set with every competitor takes a while on a small machine.
const LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

/// Where the published figures stand.
const PAGE: &str = "docs/benchmarks.md";

/// The command line of `ori-bench`, which knows itself what is right.
#[derive(Debug)]
pub(crate) struct Options {
    args: Vec<String>,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let args = parser.raw_args()?.map(|arg| arg.into_string());
        let args =
            args.collect::<std::result::Result<_, _>>().map_err(|arg| format!("{arg:?} is not UTF-8"))?;
        Ok(Self { args })
    }

    /// Tiny sizes, results compared, without competitors to build: what `ci` runs.
    pub(crate) fn smoke() -> Self {
        Self { args: vec!["--smoke".to_owned()] }
    }

    fn has(&self, flag: &str) -> bool {
        self.args.iter().any(|arg| arg.split('=').next() == Some(flag))
    }

    /// The competitors are behind a feature of `ori-bench`, so that only `--peers` builds them. A
    /// whole measurement is published; a part of one would make the page lie about the rest.
    fn command(&self) -> Cmd {
        let mut command = Cmd::cargo("run --release -p ori-bench").limit(LIMIT);
        if self.has("--peers") {
            command = command.args(["--features", "peers"]);
        }
        command = command.args(["--"]).args(self.args.iter().cloned());
        let is_whole = self.args == ["--peers"];
        command.args(is_whole.then_some(["--write", PAGE]).into_iter().flatten())
    }
}

/// Builds and runs `ori-bench`.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let step = if options.has("--smoke") { "bench, smoke" } else { "bench" };
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
            shown(&["--only=A,B", "--smoke"]),
            "cargo run --release -p ori-bench -- --only=A,B --smoke"
        );
        assert_eq!(
            shown(&["--peers", "--only", "A"]),
            "cargo run --release -p ori-bench --features peers -- --peers --only A"
        );
    }

    #[test]
    fn a_whole_measurement_with_competitors_is_published() {
        assert_eq!(
            shown(&["--peers"]),
            "cargo run --release -p ori-bench --features peers -- --peers --write docs/benchmarks.md"
        );
    }
}
