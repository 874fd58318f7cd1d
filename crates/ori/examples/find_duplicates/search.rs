//! The search: three chains, each the source of the next.
//!
//! ```text
//! walk ─> [size] ─> same size? ─> [first block] ─> same block? ─> [full digest] ─> groups
//! ```
//!
//! Whether a file has to be read is known when a second one of its size is found; [`Shared`] holds
//! the first one back until then. So three stages make three chains, but none waits for the end of
//! the one before it: the first file can be hashed to its end while the walk goes on. In memory is
//! one path for each file found, and no contents but the buffers of the workers.
//!
//! The chains are unordered, so that no small file waits for a large one. The report is sorted.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ori::PoolChain;
use ori::poolchain::Recorder;
use walkdir::{DirEntry, WalkDir};

use super::candidate::{BLOCK, Candidate, buffer};
use super::isolated;
use super::ledger::{Ledger, Noted};
use super::report::Report;
use super::shared::Shared;

/// Is told about the search while it goes on, from several threads.
pub(crate) trait Observer: Send + Sync + 'static {
    /// A file was found; it is not open yet.
    fn found(&self, path: &Path);

    /// So many bytes more are to be read.
    fn to_read(&self, bytes: u64);

    /// So many bytes were read.
    fn read(&self, bytes: u64);
}

/// Who does it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    /// Of each stage.
    pub(crate) count: usize,
    /// Whether files are read to their end in worker processes.
    pub(crate) isolated: bool,
}

/// Searches below `roots`. The recorder sees what the stages do, on one axis of time.
///
/// # Errors
/// When a chain cannot start. What goes wrong with a file is in the report.
pub(crate) fn search(
    roots: &[PathBuf],
    workers: Workers,
    recorder: &Recorder,
    observer: Arc<dyn Observer>,
) -> ori::Result<Report> {
    let started = Instant::now();
    let ledger = Arc::new(Ledger::new(observer));

    // `fallible` keeps the text of an error; the report wants path and reason apart, so the ledger
    // notes them where they happen.
    let notes = Arc::clone(&ledger);
    let sizes = PoolChain::new()
        .add_threadpool(move |entry: DirEntry| {
            notes.found(entry.path());
            let metadata = entry.metadata().map_err(io::Error::from);
            let file = metadata.and_then(|metadata| Candidate::new(entry.path(), &metadata));
            file.map_err(|error| notes.failed("size", entry.path(), &error))
        })
        .fallible()
        .name("size")
        .max_workers(workers.count)
        .unordered()
        .record(recorder)
        .execute_lazy(walk(roots, &ledger))?;

    let notes = Arc::clone(&ledger);
    let to_compare = ledger.values(sizes).filter(move |file| notes.is_to_be_compared(file));
    let notes = Arc::clone(&ledger);
    let same_size = Shared::new(to_compare, |file| file.size)
        .inspect(move |file: &Candidate| notes.to_read(file.size.min(BLOCK)));

    let notes = Arc::clone(&ledger);
    let blocks = PoolChain::new()
        .add_threadpool_init(buffer, move |buffer, file| hashed(file, BLOCK, buffer, "first block", &notes))
        .fallible()
        .name("first block")
        .max_workers(workers.count)
        .unordered()
        .record(recorder)
        .execute_lazy(same_size)?;

    let notes = Arc::clone(&ledger);
    let same_block = Shared::new(ledger.values(blocks), Candidate::contents);
    let to_read_on = same_block.filter_map(move |file| notes.unless_complete(file));

    let digests: Box<dyn Iterator<Item = Candidate>> = if workers.isolated {
        Box::new(isolated::digests(to_read_on, workers.count, recorder, &ledger)?)
    } else {
        let notes = Arc::clone(&ledger);
        let results = PoolChain::new()
            .add_threadpool_init(buffer, move |buffer, file| {
                hashed(file, u64::MAX, buffer, "full digest", &notes)
            })
            .fallible()
            .name("full digest")
            .max_workers(workers.count)
            .unordered()
            .record(recorder)
            .execute_lazy(to_read_on)?;
        Box::new(ledger.values(results))
    };

    let mut same: HashMap<_, Vec<Candidate>> = HashMap::new();
    for file in digests {
        same.entry(file.contents()).or_default().push(file);
    }
    // The last of these is known when the last block has been compared, which is now.
    for file in ledger.take_complete() {
        same.entry(file.contents()).or_default().push(file);
    }
    same.retain(|_, files| files.len() > 1);
    Ok(ledger.report(same.into_values(), started.elapsed()))
}

/// The file with the digest of its first `limit` bytes.
fn hashed(
    mut file: Candidate,
    limit: u64,
    buffer: &mut [u8],
    stage: &str,
    ledger: &Ledger,
) -> Result<Candidate, Noted> {
    match file.hash(limit, buffer, |bytes| ledger.read(bytes)) {
        Ok(()) => Ok(file),
        Err(error) => Err(ledger.failed(stage, &file.path, &error)),
    }
}

/// The files below `roots`. A chain's source is read by one thread at a time, so no more happens
/// here than reading folders: it is the first stage that asks for each file's size.
///
/// `walkdir` because it is an iterator and gives everything there is; `ignore` walks with threads
/// of its own, calls back from them, and leaves out what a `.gitignore` names.
fn walk(roots: &[PathBuf], ledger: &Arc<Ledger>) -> impl Iterator<Item = DirEntry> + Send + use<> {
    let ledger = Arc::clone(ledger);
    let roots = roots.to_vec();
    roots.into_iter().flat_map(WalkDir::new).filter_map(move |entry| match entry {
        Ok(entry) if entry.file_type().is_file() => Some(entry),
        Ok(entry) => {
            ledger.passed_over(entry.file_type());
            None
        }
        Err(error) => {
            let path = error.path().unwrap_or(Path::new("")).to_owned();
            ledger.failed("walk", &path, &error.into());
            None
        }
    })
}
