//! [`Ledger`]: what the search notes on the way, from all its threads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ori::poolchain::Results;
use ori::{ErrorKind, OriError};

use super::candidate::{Candidate, Digest, Identity};
use super::report::{Failure, Group, Name, Report, Stage, Totals};
use super::search::Observer;

/// Notes of all threads: counts, errors, other names, and the files that need no further reading.
pub(crate) struct Ledger {
    observer: Arc<dyn Observer>,
    bytes_read: AtomicU64,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    totals: Totals,
    stages: Vec<Stage>,
    failures: Vec<Failure>,
    /// For each file, by its identity, the names beyond the first one.
    other_names: HashMap<Identity, Vec<PathBuf>>,
    complete: Vec<Candidate>,
}

/// The error of an item whose failure stands in the ledger.
pub(crate) struct Noted;

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("see the ledger")
    }
}

impl Ledger {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        Self { observer, bytes_read: AtomicU64::new(0), notes: Mutex::default() }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The walk came by a file.
    pub(crate) fn found(&self, path: &Path) {
        self.observer.found(path);
    }

    /// The walk came by something that is no file.
    pub(crate) fn passed_over(&self, kind: FileType) {
        let totals = &mut self.notes().totals;
        if kind.is_dir() {
            totals.folders += 1;
        } else if kind.is_symlink() {
            totals.symbolic_links += 1;
        } else {
            totals.special_files += 1;
        }
    }

    /// A file or folder could not be read.
    pub(crate) fn failed(&self, stage: &str, path: &Path, error: &io::Error) -> Noted {
        let failure =
            Failure { path: Some(Name(path.to_owned())), stage: stage.to_owned(), reason: error.to_string() };
        self.notes().failures.push(failure);
        Noted
    }

    /// So much of a file is to be read next.
    pub(crate) fn to_read(&self, bytes: u64) {
        self.observer.to_read(bytes);
    }

    /// So much of a file was read.
    pub(crate) fn read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        self.observer.read(bytes);
    }

    /// Counts a file; false if it is empty, or another name of one that came before.
    pub(crate) fn is_to_be_compared(&self, file: &Candidate) -> bool {
        let mut notes = self.notes();
        let notes = &mut *notes;
        match notes.other_names.entry(file.identity()) {
            Entry::Vacant(file) => file.insert(Vec::new()),
            Entry::Occupied(mut names) => {
                names.get_mut().push(file.path.clone());
                notes.totals.other_names += 1;
                return false;
            }
        };
        notes.totals.files += 1;
        notes.totals.bytes += file.size;
        if file.size == 0 {
            notes.totals.empty_files += 1;
        }
        file.size > 0
    }

    /// Keeps a file whose first block is all of it; the others go on, to be read to the end.
    pub(crate) fn unless_complete(&self, file: Candidate) -> Option<Candidate> {
        if file.is_complete() {
            self.notes().complete.push(file);
            return None;
        }
        self.to_read(file.size);
        Some(file)
    }

    pub(crate) fn take_complete(&self) -> Vec<Candidate> {
        std::mem::take(&mut self.notes().complete)
    }

    /// The values of a run whose stages have noted their own failures. Notes other errors, and at its
    /// end what its stages did.
    pub(crate) fn values<O: Send>(self: &Arc<Self>, results: Results<O>) -> impl Iterator<Item = O> + use<O> {
        // `Task` is what `fallible` makes of an error that stands here already.
        self.values_or(results, |error| (error.kind() != ErrorKind::Task).then(|| Failure::new(None, &error)))
    }

    /// The values of a run. Notes what `failure` makes of its errors, and at its end what its stages
    /// did.
    pub(crate) fn values_or<O: Send, F>(
        self: &Arc<Self>,
        results: Results<O>,
        failure: F,
    ) -> impl Iterator<Item = O> + use<O, F>
    where
        F: Fn(OriError) -> Option<Failure>,
    {
        let ledger = Arc::clone(self);
        let mut results = Some(results);
        std::iter::from_fn(move || {
            loop {
                match results.as_mut()?.next() {
                    Some(Ok(value)) => return Some(value),
                    Some(Err(error)) => {
                        let failure = failure(error);
                        ledger.notes().failures.extend(failure);
                    }
                    None => {
                        let stats = results.take()?.stats();
                        ledger.notes().stages.extend(stats.stages().iter().map(Stage::from));
                    }
                }
            }
        })
    }

    /// The report, sorted: the greatest waste first.
    pub(crate) fn report(&self, groups: impl Iterator<Item = Vec<Candidate>>, elapsed: Duration) -> Report {
        let mut notes = std::mem::take(&mut *self.notes());
        let mut groups: Vec<Group> = groups
            .map(|files| {
                let size = files[0].size;
                let digest = files[0].digest.map(hex).unwrap_or_default();
                let mut files: Vec<Vec<Name>> = files
                    .into_iter()
                    .map(|file| {
                        let mut names = notes.other_names.remove(&file.identity()).unwrap_or_default();
                        names.push(file.path);
                        names.sort();
                        names.into_iter().map(Name).collect()
                    })
                    .collect();
                files.sort();
                Group { size, wasted: size * (files.len() as u64 - 1), digest, files }
            })
            .collect();
        groups.sort_by(|a, b| b.wasted.cmp(&a.wasted).then_with(|| a.files.cmp(&b.files)));
        notes.failures.sort_by(|a, b| a.path.cmp(&b.path));

        let mut totals = notes.totals;
        totals.groups = groups.len() as u64;
        totals.duplicates = groups.iter().map(|group| group.files.len() as u64 - 1).sum();
        totals.wasted = groups.iter().map(|group| group.wasted).sum();
        totals.bytes_read = self.bytes_read.load(Ordering::Relaxed);
        totals.seconds = elapsed.as_secs_f64();
        Report { groups, totals, stages: notes.stages, errors: notes.failures }
    }
}

fn hex(digest: Digest) -> String {
    blake3::Hash::from(digest).to_hex().to_string()
}
