//! The last stage in worker processes: whatever a file does to its reader costs that file alone.
//!
//! A network file system may stall or kill who reads from it. Here that ends a worker process, and the
//! file is listed among those that could not be read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ori::PoolChain;
use ori::poolchain::Recorder;

use super::candidate::{Candidate, buffer};
use super::ledger::Ledger;
use super::report::Failure;

/// The paths that were sent to processes, by their position in the input. What comes back for a file
/// that ended its process is its position.
#[derive(Default)]
struct Sent(Mutex<Vec<PathBuf>>);

impl Sent {
    fn push(&self, file: &Candidate) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(file.path.clone());
    }

    fn path(&self, item: u64) -> Option<PathBuf> {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paths.get(usize::try_from(item).ok()?).cloned()
    }
}

/// The files with the digests of all that is in them, read by so many processes.
///
/// # Errors
/// When the processes cannot be used.
pub(crate) fn digests<S: Iterator<Item = Candidate> + Send + 'static>(
    files: S,
    processes: usize,
    recorder: &Recorder,
    ledger: &Arc<Ledger>,
) -> ori::Result<impl Iterator<Item = Candidate> + use<S>> {
    let sent = Arc::new(Sent::default());
    let paths = Arc::clone(&sent);
    let results = PoolChain::new()
        // A function that captures nothing, since another process has to find it.
        .add_processpool_init((), |()| buffer(), |buffer: &mut Vec<u8>, file| read(file, buffer))
        .fallible()
        .name("full digest")
        .max_workers(processes)
        .unordered()
        .record(recorder)
        .execute_lazy(files.inspect(move |file| paths.push(file)))?;

    let notes = Arc::clone(ledger);
    let failure = move |error: ori::OriError| {
        let path = error.item().and_then(|item| sent.path(item));
        Some(Failure::new(path, &error))
    };
    Ok(ledger.values_or(results, failure).inspect(move |file| notes.read(file.size)))
}

fn read(mut file: Candidate, buffer: &mut [u8]) -> Result<Candidate, String> {
    // How far it is, is not known before it is done.
    match file.hash(u64::MAX, buffer, |_| ()) {
        Ok(()) => Ok(file),
        Err(error) => Err(error.to_string()),
    }
}
