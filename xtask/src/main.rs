//! `cargo xtask`: every task of the workspace behind one command.
//!
//! One file per verb. A verb gives its steps to a [`report::Report`], which prints each command so
//! that it can be pasted, runs it, and ends with a table; a failed step never keeps the later
//! ones from running. What the workspace contains (crates, features, examples, tests) is asked
//! from cargo in [`workspace`], so that a new crate needs no edit here.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks to its terminal"
)]

mod api;
mod bench;
mod ci;
mod command;
mod coverage;
mod docs;
mod features;
mod fuzz;
mod gate;
mod lint;
mod models;
mod package;
mod platforms;
mod profiles;
mod promises;
mod report;
mod soak;
mod stress;
mod test;
mod tidy;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use report::Report;
use workspace::Workspace;

/// What a task may fail with before its first step runs.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
The tasks of the Ori workspace.

Usage: cargo xtask <TASK> [--strict] [OPTIONS]

Tasks:
  lint     rustfmt, clippy for three feature settings, tidy, cargo-deny, the oldest supported Rust
  test     unit, integration and documentation tests, then every example; on Linux each program
           fails that leaves a process or a temporary file behind
  api      the public API of each crate against the listing in its api.txt
             --update           write the listings anew
  docs     the documentation of every crate, warnings denied
             --open             show it in the browser
  bench    the benchmarks in ori-bench, which gets all other options as they are
             --smoke            tiny sizes, results compared, nothing measured
             --only A,B         only these scenarios
             --peers            also build and run the competitors; alone, it writes
                                docs/benchmarks.md
             --write FILE       write the tables there
  features each published crate by itself, under combinations of its features
             --all              under all combinations
  platforms  the libraries as macOS and Windows see them, where their targets are installed
  package  what would be published, built from the packages; cargo-semver-checks
             --no-verify        only pack, build nothing
  stress   seeded random runs of every crate that has tests/stress.rs
             --chains N         how many chains (default 5000)
             --minutes N        instead, how long for each crate
             --seed S           repeat this run (default: a new seed, printed)
  profiles a small program outside of the workspace, in every profile, with worker processes
             --short            debug, and the hardest of the others
  promises the tests of what process pools promise, over and over
             --times N          how often (default 1)
             --busy             while every processor is busy
  fuzz     the fuzz targets in fuzz/
             --seconds N        how long each target runs (default 60)
  models   concurrent code under a scheduler that tries out interleavings
             --runs N           schedules of each kind (default 10000), or --short
  miri     what Miri can interpret, where it is installed
  coverage the lines that the tests reach, where cargo-llvm-cov is installed
  soak     a mixed load on everything while worker processes are killed, and what became of it
             --minutes N        how long (default 1), or --seconds N
             --seed S           its random numbers (default: a new seed, printed)
  tidy     the house rules over the tree, file:line for each finding
  ci       lint, features, platforms, test, api, docs, package --no-verify, bench --smoke, and
             short forms of profiles, stress, models and soak
  help     this text

Options of every task:
  --strict   a missing optional tool is a failure instead of a skipped step

Exit code: 0 if no step failed, 1 if one did, 2 if the command line is wrong.
";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}\n\nTry `cargo xtask help`.");
            ExitCode::from(2)
        }
    }
}

fn run(args: Vec<OsString>) -> Result<ExitCode> {
    let asked_for_help = args.is_empty() || args.iter().any(|arg| arg == "--help" || arg == "-h");
    if asked_for_help || args[0] == "help" {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    if args[0] == gate::TASK {
        return Ok(gate::run(args.into_iter().skip(1).collect()));
    }
    let task = args[0].to_string_lossy().into_owned();
    let (strict, options): (Vec<_>, Vec<_>) = args.into_iter().skip(1).partition(|arg| arg == "--strict");

    let workspace = Workspace::load()?;
    let mut report = Report::new(!strict.is_empty(), workspace.root.clone());
    let mut options = lexopt::Parser::from_args(options);
    match task.as_str() {
        "lint" => no_options(options).map(|()| lint::run(&mut report, &workspace))?,
        "test" => no_options(options).map(|()| test::run(&mut report, &workspace))?,
        "api" => api::run(&mut report, &workspace, &api::Options::parse(&mut options)?),
        "docs" => docs::run(&mut report, &workspace, &docs::Options::parse(&mut options)?),
        "bench" => bench::run(&mut report, &workspace, &bench::Options::parse(&mut options)?),
        "features" => features::run(&mut report, &workspace, &features::Options::parse(&mut options)?),
        "package" => package::run(&mut report, &workspace, &package::Options::parse(&mut options)?),
        "platforms" => no_options(options).map(|()| platforms::run(&mut report, &workspace))?,
        "stress" => stress::run(&mut report, &workspace, &stress::Options::parse(&mut options)?),
        "profiles" => profiles::run(&mut report, &workspace, &profiles::Options::parse(&mut options)?),
        "promises" => promises::run(&mut report, &workspace, &promises::Options::parse(&mut options)?),
        "fuzz" => fuzz::run(&mut report, &workspace, &fuzz::Options::parse(&mut options)?),
        "soak" => soak::run(&mut report, &workspace, &soak::Options::parse(&mut options)?),
        "models" => models::run(&mut report, &workspace, &models::Options::parse(&mut options)?),
        "miri" => no_options(options).map(|()| coverage::miri(&mut report))?,
        "coverage" => no_options(options).map(|()| coverage::run(&mut report, &workspace))?,
        "tidy" => no_options(options).map(|()| tidy::run(&mut report, &workspace))?,
        "ci" => no_options(options).map(|()| ci::run(&mut report, &workspace))?,
        unknown => return Err(format!("there is no task `{unknown}`").into()),
    }
    Ok(report.finish())
}

/// Refuses any option: a misspelt flag that is silently ignored would pass for a stricter run.
fn no_options(mut parser: lexopt::Parser) -> Result<()> {
    match parser.next()? {
        Some(arg) => Err(arg.unexpected().into()),
        None => Ok(()),
    }
}
