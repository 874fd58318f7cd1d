//! `cargo xtask soak`: minutes or hours of everything at once, while workers are killed.
//!
//! Chains of threads, futures and processes, pools, commands, files and queues run side by side in
//! one process, in rounds of random size. All the while a random worker process gets a SIGKILL. A
//! line a minute says how it goes; the report at the end compares what went in with what came out,
//! and what the process holds with what it held after its first minute of warming up. The exit code
//! is 0 only if nothing was lost, doubled or wrong, nothing hung, memory stayed flat, and nothing is
//! left over.
//!
//! | module | what lives there |
//! |---|---|
//! | `options` | the command line |
//! | `course` | the run from the first round to the report |
//! | `loads` | what is run, one file a kind |
//! | `ledger` | what a round put in, and whether all of it came out |
//! | `tally` | the counts and times of a load over all its rounds |
//! | `killer` | the SIGKILLs |
//! | `memory` | memory over time, and whether it is flat |
//! | `holdings` | threads, descriptors, children and temporary files |
//! | `report` | the last page |
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to its terminal")]
#![cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the counts come from Linux's /proc"))]

mod course;
mod holdings;
mod killer;
mod ledger;
mod loads;
mod memory;
mod options;
mod report;
mod tally;

use std::process::ExitCode;

/// Counts what is allocated and not freed: what a leak adds to, whatever the system's allocator
/// keeps back.
#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

fn main() -> ExitCode {
    ori_worker::init();
    let options = match options::Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    match course::run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
