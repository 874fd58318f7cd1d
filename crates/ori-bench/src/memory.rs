//! Peak memory as the operating system counts it: this program starts itself once per competitor, and the
//! child reads its own high-water mark at the end.
//!
//! `VmHWM` and not `getrusage`: the latter's figure is handed on from the parent when a process is started, so
//! that a small child of a large parent looks large.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use crate::competitors::{BASELINE, Entry};
use crate::runner::Take;
use crate::scenario::{Scenario, Size};

/// Lets a fresh process run the scenario and returns its peak resident memory in MiB.
///
/// # Errors
/// The child did not start, answered wrongly, or the system has no such figure.
pub(crate) fn peak_of_child(entry: &Entry, scenario: &Scenario, size: Size) -> Result<f64, String> {
    let program = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut child = Command::new(program);
    child.args(["--memory", scenario.id, "--competitor", entry.name]);
    if size == Size::Smoke {
        child.arg("--smoke");
    }
    let output = child.output().map_err(|error| format!("cannot start this program again: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let kib = String::from_utf8_lossy(&output.stdout).trim().parse::<f64>();
    kib.map(|kib| kib / 1024.0).map_err(|error| format!("no peak memory from {}: {error}", entry.name))
}

/// The child's side: runs the scenario once and returns the peak in KiB.
///
/// # Errors
/// The answer differs from the plain loop's, or the system has no such figure.
pub(crate) fn peak_here(entry: &Entry, scenario: &'static Scenario, size: Size) -> Result<u64, String> {
    let plan = scenario.plan(size);
    let expected = BASELINE.prepare(&plan)(Take::Sum).digest(Take::Sum);
    let run = black_box(entry.prepare(&plan)(Take::Sum));
    if run.digest(Take::Sum) != expected {
        return Err(format!("{} answers scenario {} wrongly", entry.name, scenario.id));
    }
    let status = fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("peak memory is only read on Linux, from /proc/self/status: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
        .ok_or_else(|| "/proc/self/status has no VmHWM".to_owned())
}
