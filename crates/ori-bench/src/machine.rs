//! Where, when and with what the figures were made.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use crate::scenario::cores;

/// The facts that belong to every table.
#[derive(Debug)]
pub(crate) struct Machine {
    processor: String,
    system: String,
    memory: String,
    commit: String,
    date: String,
    load_before: String,
}

impl Machine {
    /// Looks around, at the start of a run.
    pub(crate) fn look() -> Self {
        let system = read("/proc/sys/kernel/osrelease");
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into()),
            system: format!("{OS} {ARCH} {}", system.trim()),
            memory: field("/proc/meminfo", "MemTotal")
                .and_then(|total| total.trim_end_matches("kB").trim().parse::<f64>().ok())
                .map_or_else(|| "unknown".into(), |kib| format!("{:.0} GiB", kib / 1024.0 / 1024.0)),
            commit: commit(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            load_before: load_average(),
        }
    }

    /// One line a fact, as it stands when the run is over.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Machine", format!("{}, {} cores, {} of memory", self.processor, cores(), self.memory)),
            ("System", self.system.clone()),
            ("Compiler", env!("ORI_BENCH_RUSTC").to_owned() + profile()),
            ("Commit", self.commit.clone()),
            ("Date", self.date.clone()),
            ("Load average", format!("{} before, {} after", self.load_before, load_average())),
        ]
    }
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { ", NOT OPTIMISED: the figures mean nothing" } else { "" }
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if !changes.is_empty() => commit + " with uncommitted changes",
        _ => commit,
    }
}

fn load_average() -> String {
    let all = read("/proc/loadavg");
    let averages: Vec<&str> = all.split_whitespace().take(3).collect();
    if averages.is_empty() { "unknown".into() } else { averages.join(" ") }
}

/// The value after `name` and a colon in a file of such lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Empty where there is no such file: then the fact is unknown.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
