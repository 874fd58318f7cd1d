//! The steps of a run: each one's heading, command and seconds, and the table at the end.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::command::Cmd;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    /// Why it failed, in a few words; the details are on the terminal already.
    Failed(String),
    /// There was nothing to do, and why.
    Skipped(String),
    /// A tool that is not installed, and the command that installs it.
    Missing {
        tool: String,
        install: String,
    },
}

/// An optional tool: how to tell that it is there, and how to get it.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) probe: Cmd,
    pub(crate) install: String,
}

/// Runs steps, remembers how each one ended, and prints the table.
#[derive(Debug)]
pub(crate) struct Report {
    strict: bool,
    root: PathBuf,
    started: Instant,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    step: String,
    outcome: Outcome,
    took: Duration,
}

impl Report {
    /// An empty report; when `strict`, a missing tool counts as a failure.
    pub(crate) fn new(strict: bool, root: PathBuf) -> Self {
        Self { strict, root, started: Instant::now(), rows: Vec::new() }
    }

    /// Runs one step that is a command.
    pub(crate) fn command(&mut self, step: &str, command: &Cmd) {
        self.commands(step, std::slice::from_ref(command));
    }

    /// Runs one step that is several commands, up to the first that fails.
    pub(crate) fn commands(&mut self, step: &str, commands: &[Cmd]) {
        let root = self.root.clone();
        self.step(step, &shown(commands), || {
            match commands.iter().try_for_each(|command| command.run(&root)) {
                Ok(()) => Outcome::Ok,
                Err(why) => Outcome::Failed(why),
            }
        });
    }

    /// Runs one step that is a command and needs `tool`; skipped if that is not installed.
    pub(crate) fn command_with(&mut self, tool: &Tool, step: &str, command: &Cmd) {
        self.commands_with(tool, step, std::slice::from_ref(command));
    }

    /// The same for several commands.
    pub(crate) fn commands_with(&mut self, tool: &Tool, step: &str, commands: &[Cmd]) {
        if tool.probe.succeeds(&self.root) {
            self.commands(step, commands);
        } else {
            let outcome = Outcome::Missing { tool: tool.name.clone(), install: tool.install.clone() };
            self.step(step, &shown(commands), || outcome);
        }
    }

    /// Runs one step that happens inside this program; `shown` is the command that repeats it.
    pub(crate) fn step(&mut self, step: &str, shown: &str, run: impl FnOnce() -> Outcome) {
        println!("\n== {step}\n$ {shown}");
        let started = Instant::now();
        let outcome = match run() {
            Outcome::Missing { tool, install } if self.strict => {
                Outcome::Failed(format!("{tool} is not installed: {install}"))
            }
            outcome => outcome,
        };
        let took = started.elapsed();
        println!("-- {step}: {} ({:.1} s)", outcome.describe(), took.as_secs_f64());
        self.rows.push(Row { step: step.to_owned(), outcome, took });
    }

    /// Notes a step that has nothing to do.
    pub(crate) fn skip(&mut self, step: &str, reason: impl Into<String>) {
        self.note(step, Outcome::Skipped(reason.into()));
    }

    /// Notes a step that cannot even start.
    pub(crate) fn fail(&mut self, step: &str, reason: impl Into<String>) {
        self.note(step, Outcome::Failed(reason.into()));
    }

    fn note(&mut self, step: &str, outcome: Outcome) {
        println!("\n== {step}\n-- {step}: {}", outcome.describe());
        self.rows.push(Row { step: step.to_owned(), outcome, took: Duration::ZERO });
    }

    /// Prints the table and the counts; the exit code says whether any step failed.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{}", self.table());
        println!("total {:.1} s", self.started.elapsed().as_secs_f64());
        println!("{}", self.counts());
        if self.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn failed(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.outcome, Outcome::Failed(_))).count()
    }

    fn counts(&self) -> String {
        let passed = self.rows.iter().filter(|row| row.outcome == Outcome::Ok).count();
        let skipped = self.rows.len() - passed - self.failed();
        format!("{passed} passed, {} failed, {skipped} skipped", self.failed())
    }

    fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.step.chars().count()).max().unwrap_or(0).max("step".len());
        let mut table = format!("{:width$}  {:>8}  outcome\n", "step", "seconds");
        for row in &self.rows {
            let seconds = row.took.as_secs_f64();
            let _ = writeln!(table, "{:width$}  {seconds:>8.1}  {}", row.step, row.outcome.describe());
        }
        table
    }
}

/// The commands, one below the other as they are typed.
fn shown(commands: &[Cmd]) -> String {
    commands.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n$ ")
}

impl Outcome {
    fn describe(&self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::Failed(why) => format!("FAILED: {why}"),
            Self::Skipped(why) => format!("skipped: {why}"),
            Self::Missing { tool, install } => {
                format!("skipped: {tool} is not installed; `{install}` gets it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing() -> Tool {
        Tool {
            name: "no-such-tool".into(),
            probe: Cmd::new("no-such-tool-of-ori"),
            install: "cargo install no-such-tool".into(),
        }
    }

    fn report(strict: bool) -> Report {
        Report::new(strict, ".".into())
    }

    #[test]
    fn later_steps_run_after_a_failure_and_the_counts_add_up() {
        let mut report = report(false);
        report.step("first", "false", || Outcome::Failed("exit code 1".into()));
        report.step("second", "true", || Outcome::Ok);
        report.skip("third", "nothing to do");
        assert_eq!(report.counts(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn a_missing_tool_is_skipped_and_says_how_to_install_it() {
        let mut report = report(false);
        report.command_with(&missing(), "audit", &Cmd::new("no-such-tool-of-ori"));
        assert_eq!(report.counts(), "0 passed, 0 failed, 1 skipped");
        assert!(report.table().contains("`cargo install no-such-tool`"), "{}", report.table());
        assert_eq!(report.finish(), ExitCode::SUCCESS);
    }

    #[test]
    fn a_missing_tool_fails_when_strict_but_nothing_to_do_does_not() {
        let mut report = report(true);
        report.command_with(&missing(), "audit", &Cmd::new("no-such-tool-of-ori"));
        report.skip("fuzz", "there is no fuzz folder");
        assert_eq!(report.counts(), "0 passed, 1 failed, 1 skipped");
    }
}
