//! External commands: every line and byte arrives, and every end is reported.

use std::time::{Duration, Instant};

use ori_errors::Result;
use ori_subprocess::{run_process, run_process_in_background};

use super::{Load, Round};

/// Longer than any run.
const FOR_EVER: &str = "86400";

pub(super) struct Commands;

impl Load for Commands {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        match round.random.below(4) {
            0 | 1 => lines(round),
            2 => bytes(round),
            _ => ends(round),
        }
    }
}

/// Numbers come line by line, in order.
fn lines(round: &mut Round<'_>) -> Result<()> {
    let count = round.items(20_000);
    let mut ledger = round.ledger().ordered();
    let begin = Instant::now();
    ledger.give(count);
    for (number, line) in (0..).zip(run_process(["seq", "1", &count.to_string()]).check().lines()?) {
        ledger.plain_value(number, line?.parse() == Ok(number + 1));
    }
    round.tally.took(begin.elapsed());
    ledger.close();
    Ok(())
}

/// What a command is given comes back through it.
fn bytes(round: &mut Round<'_>) -> Result<()> {
    let input: Vec<u8> = (0..round.items(500_000)).map(|n| (n % 251) as u8).collect();
    let begin = Instant::now();
    let output = run_process(["cat"]).stdin_bytes(input.clone()).output()?;
    round.tally.took(begin.elapsed());
    let mut ledger = round.ledger();
    ledger.give(1);
    ledger.plain_value(0, output.exit.success() && output.stdout == input);
    ledger.close();
    Ok(())
}

/// An exit code, a signal, a time limit, and one that is dropped.
fn ends(round: &mut Round<'_>) -> Result<()> {
    let mut ledger = round.ledger().ordered();
    ledger.give(4);
    let exit = run_process(["sh", "-c", "exit 7"]).output()?.exit;
    ledger.plain_value(0, exit.code == Some(7));
    let exit = run_process(["sh", "-c", "kill -9 $$"]).output()?.exit;
    ledger.plain_value(1, exit.signal == Some(9));
    let limit = Duration::from_millis(1 + round.random.below(20));
    let limited = run_process(["sleep", FOR_EVER]).timeout(limit).output();
    ledger.plain_value(2, limited.is_err_and(|error| error.is_timeout()));
    let process = run_process_in_background(["sleep", FOR_EVER]).start()?;
    ledger.plain_value(3, process.is_alive());
    drop(process);
    ledger.close();
    Ok(())
}
