//! Watches a long command: its lines come live, and Ctrl-C ends it in good order.
//!
//! ```text
//! cargo run --example watch_command                  # a command that takes a second
//! cargo run --example watch_command -- ping -c 5 localhost
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ori::subprocess::{Exit, run_process_in_background};

const SHOW: &str =
    "for step in 1 2 3 4 5; do echo step $step; sleep 0.2; done; echo done, with a warning >&2";

fn main() -> ori::Result<ExitCode> {
    let mut command: Vec<OsString> = std::env::args_os().skip(1).collect();
    if command.is_empty() {
        command = ["sh", "-c", SHOW].map(OsString::from).into();
    }

    let started = Instant::now();
    let stamp = move || format!("{:6.2} s", started.elapsed().as_secs_f64());
    let process = run_process_in_background(command)
        .stdout_function(move |line: &str| println!("{}  {line}", stamp()))
        .stderr_function(move |line: &str| eprintln!("{}  ! {line}", stamp()))
        .exception_function(|error| eprintln!("watching went wrong: {error}"))
        .grace(Duration::from_secs(3))
        .start()?;
    println!("{}  started, process {}", stamp(), process.pid());

    // The command is in a process group of its own, so Ctrl-C in the terminal reaches this program
    // only, which passes it on: SIGTERM first, SIGKILL to what is still there after the grace period.
    let exit = ori::sync(async {
        tokio::select! {
            exit = process.wait() => exit,
            _ = tokio::signal::ctrl_c() => {
                eprintln!("{}  stopping it", stamp());
                process.terminate();
                process.wait().await
            }
        }
    })?;

    println!("{}  {}", stamp(), describe(exit));
    let code = exit.code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

fn describe(exit: Exit) -> String {
    let how = match (exit.code, exit.signal) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    if exit.killed { format!("{how}, because it was stopped") } else { how }
}
