//! One operation of the file system, in either mode: the only place that knows how.
//!
//! In sync mode the operation runs where it is; in async mode it runs once on tokio's blocking
//! threads. Everything in this crate that touches a file goes through [`operate`], so no function
//! exists twice, and none makes more than one trip to another thread.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use tokio::runtime::Handle;

use crate::Context;

/// How long an operation waits for a file descriptor to become free.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `work`: here in sync mode, on a blocking thread in async mode.
pub(crate) async fn operate<T: Send + 'static>(
    cx: &Context,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    // `work` can run code of the user's, such as a `Deserialize`.
    let work = || catch_panic(work)?;
    if !cx.is_async() {
        return work();
    }
    match runtime()?.spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => {
            Err(OriError::new(ErrorKind::Cancelled, "the runtime was shut down before the operation ran"))
        }
    }
}

/// The runtime that async mode needs.
pub(crate) fn runtime() -> Result<Handle> {
    Handle::try_current().map_err(|error| {
        let advice = "async mode needs a tokio runtime: call this inside one, or use `Context::sync()`";
        OriError::new(ErrorKind::Unsupported, advice).with_source(error)
    })
}

/// An error of the operating system: what could not be done, and on what.
pub(crate) fn cannot(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OriError {
    move |error| OriError::new(ErrorKind::Io, format!("cannot {what}")).with_path(path).with_source(error)
}

/// Runs `open` again for as long as there is no file descriptor left for it, for thirty seconds at
/// most. The wait itself needs none.
pub(crate) fn with_descriptor<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut pause = Duration::from_millis(1);
    let mut give_up = None;
    loop {
        match open() {
            Err(error) if out_of_descriptors(&error) => {
                if Instant::now() >= *give_up.get_or_insert_with(|| Instant::now() + PATIENCE) {
                    return Err(error);
                }
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

fn out_of_descriptors(error: &io::Error) -> bool {
    // The process's limit and the system's; the standard library has no name for them.
    #[cfg(unix)]
    const CODES: [i32; 2] = [24 /* EMFILE */, 23 /* ENFILE */];
    #[cfg(windows)]
    const CODES: [i32; 1] = [4 /* ERROR_TOO_MANY_OPEN_FILES */];
    #[cfg(not(any(unix, windows)))]
    const CODES: [i32; 0] = [];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}
