//! Benchmarks of mt-aio beside its peers: files, JSON, queues, tasks, a process that answers.
//!
//! ```text
//! cargo run --release -p ori-bench --bin aio                        our side and the standard library
//! cargo run --release -p ori-bench --bin aio --features peers       the other crates too
//! cargo run --release -p ori-bench --bin aio -- queue               the scenarios with that in their name
//! ```
//!
//! Everybody's answer is checked before anything is timed; then all take turns for several rounds,
//! and each figure is the median. Files are written to memory where there is a `tmpfs`, durable ones
//! to the disk.
//!
//! | module | scenarios |
//! |---|---|
//! | `files` | whole files, small and large, durable and not; JSON |
//! | `tasks` | queues, many small tasks, messages to a process |
//! | `rounds` | how it is measured |
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod files;
mod rounds;
mod tasks;

use rounds::Scenario;

fn main() {
    mt_aio::init();
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    println!("{}", heading());
    type Make = fn() -> Scenario;
    let scenarios: [(&str, Make); 9] = [
        ("write-4k", files::write_4k),
        ("write-4k-x16", files::write_4k_x16),
        ("write-durable", files::write_durable),
        ("write-512m", files::write_512m),
        ("json-load", files::json_load),
        ("queue-async-async", tasks::queue_async_async),
        ("queue-sync-async", tasks::queue_sync_async),
        ("tasks", tasks::many_small_tasks),
        ("process", tasks::process_round_trip),
    ];
    for (name, make) in scenarios.into_iter().filter(|(name, _)| is_wanted(name)) {
        println!("\n## {name}\n\n{}", make().measure());
    }
}

/// Where, when and with what the figures were made.
fn heading() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let date = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
    let git = std::process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let (rustc, commit) = (env!("ORI_BENCH_RUSTC"), commit.unwrap_or_default());
    format!(
        "# mt-aio beside its peers\n\nMade by `cargo run --release -p ori-bench --bin aio --features peers`: \
         {rustc}, {cores} cores, commit {commit}, {date}.\n\nNanoseconds for each time, medians of \
         interleaved rounds; the ratio is to the first variant, round by round."
    )
}
