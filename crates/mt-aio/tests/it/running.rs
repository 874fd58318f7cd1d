//! Running one test body in both modes.

use std::path::Path;

use mt_aio::{Context, OriError, srun};
use tokio::runtime::{Builder, Runtime};

/// Runs the body in sync mode without a runtime, then in async mode on one.
#[track_caller]
pub(crate) fn in_both_modes(body: impl AsyncFn(&Context)) {
    assert!(tokio::runtime::Handle::try_current().is_err(), "sync mode is tested without a runtime");
    srun(async |cx| {
        body(cx).await;
        Ok::<_, OriError>(())
    })
    .unwrap();
    runtime().block_on(body(&Context::asynchronous()));
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
