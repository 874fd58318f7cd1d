//! [`Report`]: what the search found, for people (`Display`) and for programs (JSON).

use std::fmt;
use std::path::PathBuf;

use indicatif::{BinaryBytes, HumanCount};
use ori::OriError;
use ori::poolchain::StageStats;
use serde::{Serialize, Serializer};

/// What the search found. Sizes are in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The greatest waste first.
    pub(crate) groups: Vec<Group>,
    pub(crate) totals: Totals,
    pub(crate) stages: Vec<Stage>,
    /// Files and folders that could not be read.
    pub(crate) errors: Vec<Failure>,
}

/// Files with the same contents.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    /// Of each file.
    pub(crate) size: u64,
    /// The size of all files but one.
    pub(crate) wasted: u64,
    /// BLAKE3, in hexadecimal digits.
    pub(crate) digest: String,
    /// At least two; each with all its names, of which one is the rule.
    pub(crate) files: Vec<Vec<Name>>,
}

/// A path. In JSON a string, or an array of bytes if it is not Unicode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(pub(crate) PathBuf);

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Totals {
    /// Each file counts once, however many names it has.
    pub(crate) files: u64,
    /// Of all files.
    pub(crate) bytes: u64,
    pub(crate) empty_files: u64,
    /// Names of files that were found under another name before.
    pub(crate) other_names: u64,
    pub(crate) folders: u64,
    pub(crate) symbolic_links: u64,
    /// Pipes, sockets and devices.
    pub(crate) special_files: u64,
    pub(crate) groups: u64,
    /// Files that could go.
    pub(crate) duplicates: u64,
    pub(crate) wasted: u64,
    pub(crate) bytes_read: u64,
    pub(crate) seconds: f64,
}

/// What a stage did.
#[derive(Debug, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) items: u64,
    pub(crate) errors: u64,
    pub(crate) workers: usize,
    /// Time in its function, of all workers together.
    pub(crate) busy_seconds: f64,
    /// Time that its workers had left.
    pub(crate) waiting_seconds: f64,
}

/// Why a file is not in the comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) path: Option<Name>,
    pub(crate) stage: String,
    pub(crate) reason: String,
}

impl Failure {
    /// An error of a chain, at an item whose path may be known.
    pub(crate) fn new(path: Option<PathBuf>, error: &OriError) -> Self {
        let stage = error.stage().unwrap_or("chain").to_owned();
        Self { path: path.map(Name), stage, reason: error.to_string() }
    }
}

impl From<&StageStats> for Stage {
    fn from(stats: &StageStats) -> Self {
        Self {
            name: stats.name.clone(),
            items: stats.items,
            errors: stats.errors,
            workers: stats.workers,
            busy_seconds: stats.busy.as_secs_f64(),
            waiting_seconds: (stats.waiting_for_input + stats.waiting_for_output).as_secs_f64(),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_seq(self.0.as_os_str().as_encoded_bytes()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in &self.groups {
            let (files, size) = (HumanCount(group.files.len() as u64), BinaryBytes(group.size));
            writeln!(f, "{files} files of {size}, {} wasted", BinaryBytes(group.wasted))?;
            for names in &group.files {
                for (number, Name(path)) in names.iter().enumerate() {
                    let mark = if number == 0 { "" } else { "= " };
                    writeln!(f, "    {mark}{}", path.display())?;
                }
            }
            writeln!(f)?;
        }
        writeln!(f, "{}", self.totals)?;
        writeln!(
            f,
            "{:<12} {:>10} {:>8} {:>10} {:>10} {:>8}",
            "stage", "items", "errors", "busy", "waiting", "workers"
        )?;
        for stage in &self.stages {
            let Stage { name, items, errors, workers, busy_seconds, waiting_seconds } = stage;
            writeln!(
                f,
                "{name:<12} {items:>10} {errors:>8} {busy_seconds:>8.2} s {waiting_seconds:>8.2} s {workers:>8}"
            )?;
        }
        if !self.errors.is_empty() {
            writeln!(f, "\n{} could not be read:", HumanCount(self.errors.len() as u64))?;
        }
        for Failure { path, stage, reason } in &self.errors {
            match path {
                Some(Name(path)) => writeln!(f, "    {}: {reason} ({stage})", path.display())?,
                None => writeln!(f, "    {reason}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} files, {}, in {} folders ({} empty; {} more names of the same files; not followed: {} symbolic links, {} special files)",
            HumanCount(self.files),
            BinaryBytes(self.bytes),
            HumanCount(self.folders),
            HumanCount(self.empty_files),
            HumanCount(self.other_names),
            HumanCount(self.symbolic_links),
            HumanCount(self.special_files)
        )?;
        writeln!(
            f,
            "{} groups of identical files; {} duplicates waste {}",
            HumanCount(self.groups),
            HumanCount(self.duplicates),
            BinaryBytes(self.wasted)
        )?;
        let per_second = |amount: u64| (amount as f64 / self.seconds.max(1e-9)) as u64;
        writeln!(
            f,
            "{:.2} s: {} files/s; {} read, {}/s",
            self.seconds,
            HumanCount(per_second(self.files)),
            BinaryBytes(self.bytes_read),
            BinaryBytes(per_second(self.bytes_read))
        )
    }
}
