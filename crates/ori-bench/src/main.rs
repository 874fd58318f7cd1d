//! Benchmarks of the Ori crates beside their peers.
//!
//! One list of scenarios ([`scenario`]), one file per competitor ([`competitors`]), one harness that compares
//! the answers and then times them in interleaved rounds ([`harness`]). `cargo xtask bench` builds and runs it:
//!
//! ```text
//! cargo xtask bench                      our side, in a minute or two
//! cargo xtask bench --peers              the other crates too; writes docs/benchmarks.md
//! cargo xtask bench --only A,B
//! cargo run -p ori-bench --release -- --profile A --competitor sequential --seconds 5
//! ```
//!
//! The last form is for a profiler: `CARGO_PROFILE_RELEASE_DEBUG=line-tables-only` gives it line numbers.
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `peers` | off | rayon, pariter, crossbeam-channel, duct, pollster, flume, tokio::fs and others, to compare with |
//!
//! What is not a chain of threads (worker processes, commands, the bridge, async stages, files, queues) has
//! its own list of contestants for each task: see [`contest`] and [`contests`]. Two of these are Python
//! programs, which take part where a `python3` with what they import is found ([`python`]).
//!
//! To add a scenario, add it to the list; to add a competitor, add a file that implements
//! [`competitors::Competitor`] and an entry to the list beside it.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod arguments;
mod competitors;
mod contest;
mod contests;
mod document;
mod harness;
mod load;
mod machine;
mod memory;
mod plot;
mod python;
mod raw;
mod report;
mod runner;
mod scenario;

use std::process::ExitCode;

use arguments::{Measurement, Task};
use machine::Machine;
use scenario::Size;

fn main() -> ExitCode {
    ori_worker::init();
    raw::init();
    #[cfg(feature = "peers")]
    procspawn::init();
    match arguments::parse().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("ori-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), String> {
    match task {
        Task::Help => println!("{}", arguments::USAGE),
        Task::Measure(measurement) => measure(&measurement)?,
        Task::Memory { scenario, competitor, size } => {
            println!("{}", memory::peak_here(competitor, scenario, size)?);
        }
        Task::Profile { scenario, competitor, time } => {
            let plan = scenario.plan(Size::Full);
            let (calls, busy) = harness::repeat(&plan, competitor, time);
            let items = calls as f64 * plan.items_for(competitor.is_plain_loop) as f64;
            println!(
                "{} in {}: {calls} runs, {:.2} ns an item",
                competitor.name,
                scenario.id,
                busy.as_nanos() as f64 / items
            );
        }
    }
    Ok(())
}

fn measure(measurement: &Measurement) -> Result<(), String> {
    let machine = Machine::look();
    let entries: Vec<_> = competitors::entries(measurement.peers).collect();
    let mut outcomes = Vec::new();
    for scenario in &measurement.scenarios {
        let plan = scenario.plan(measurement.size);
        let outcome = harness::measure(plan, &entries, measurement.rounds, measurement.size)?;
        println!("{}", report::detail(&outcome));
        outcomes.push(outcome);
    }
    for (name, fact) in machine.facts() {
        println!("{name}: {fact}");
    }
    if !outcomes.is_empty() {
        println!("\n{}", report::summary(&outcomes));
    }
    let mut results = Vec::new();
    for contest in &measurement.contests {
        let result = contest::measure(contest, measurement)?;
        println!("\n{}", contest::report(&result));
        results.push(result);
    }
    if measurement.size == Size::Smoke {
        println!("\nEvery answer agrees with the plain loop's; sizes are tiny, the times mean nothing.");
    }
    if let Some(path) = &measurement.write {
        let plots = plot::draw(&outcomes, &results)?;
        let text = report::document(measurement, &machine, &outcomes, &results, &plots);
        document::write(path, &text, &plots)?;
        println!("\nwritten to {}, with {} plots beside it", path.display(), plots.len());
    }
    Ok(())
}
