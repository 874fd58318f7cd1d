//! `promises`: what process pools promise, over and over, also while others want the processors.
//!
//! A promise about races and deaths that holds once has shown little. The tests are those of
//! `ori-worker` and `ori-background` that carry the number of a promise, and those beside them.

use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::command::Cmd;
use crate::report::{Outcome, Report, Tool};
use crate::workspace::Workspace;

/// One run, on a busy machine; one that is not over by then hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The options of `cargo xtask promises`.
#[derive(Debug)]
pub(crate) struct Options {
    times: u32,
    busy: bool,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { times: 1, busy: false };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("times") => options.times = parser.value()?.parse()?,
                Arg::Long("busy") => options.busy = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    fn step(&self) -> String {
        let place = if self.busy { ", processors busy" } else { "" };
        format!("promises, {} in a row{place}", self.times)
    }
}

/// The tests of the promises so many times, until they fail.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let programs = "--lib --test it --test promise_15_forgotten_init";
    let tests = Cmd::cargo(&format!("test -p ori-worker -p ori-background {programs}"));
    // Built before the processors are busy, and before the time of a run counts.
    report.command("build the promises", &tests.clone().args(["--no-run"]));
    // A backtrace makes a panic slow, which is one more order of events.
    let command = tests.args(["--", "promise_", "process::"]).env("RUST_BACKTRACE", 1).limit(LIMIT);
    report.step(&options.step(), &command.to_string(), || {
        let stop = AtomicBool::new(false);
        let spin = || {
            while !stop.load(Ordering::Relaxed) {
                hint::spin_loop();
            }
        };
        thread::scope(|scope| {
            let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
            for _ in 0..if options.busy { 2 * processors } else { 0 } {
                scope.spawn(spin);
            }
            let outcome = repeat(&command, workspace, options.times);
            stop.store(true, Ordering::Relaxed);
            outcome
        })
    });
    descriptors_under_miri(report);
}

/// The one place where a pointer is made of a number, under a checker of pointers.
fn descriptors_under_miri(report: &mut Report) {
    let tool = Tool {
        name: "Miri".to_owned(),
        probe: Cmd::cargo("+nightly miri --version"),
        install: "rustup component add --toolchain nightly miri".to_owned(),
    };
    let command = Cmd::cargo("+nightly miri test -p ori-worker --lib task::");
    report.command_with(&tool, "descriptors under Miri", &command);
}

fn repeat(command: &Cmd, workspace: &Workspace, times: u32) -> Outcome {
    for number in 1..=times {
        println!("-- run {number} of {times}");
        if let Err(why) = command.run(&workspace.root) {
            return Outcome::Failed(format!("run {number}: {why}"));
        }
    }
    Outcome::Ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_says_how_often_and_where() {
        let parse = |args: &[&str]| Options::parse(&mut lexopt::Parser::from_args(args));
        assert_eq!(parse(&[]).unwrap().step(), "promises, 1 in a row");
        assert_eq!(
            parse(&["--times", "50", "--busy"]).unwrap().step(),
            "promises, 50 in a row, processors busy"
        );
        assert!(parse(&["--time", "50"]).is_err());
    }
}
