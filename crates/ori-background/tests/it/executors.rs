//! Pools of others take the place of ours.

use std::sync::Arc;

use ori_background::{Executor, Job, Shutdown, as_completed, run_in_background};
use ori_errors::{ErrorKind, OriError, Result};

struct Tokio(tokio::runtime::Handle);

impl Executor for Tokio {
    fn execute(&self, job: Job) -> Result<()> {
        // Jobs may block: they go to the runtime's threads for that.
        self.0.spawn_blocking(job);
        Ok(())
    }
}

/// Takes no job.
struct Refuses;

impl Executor for Refuses {
    fn execute(&self, _job: Job) -> Result<()> {
        Err(OriError::new(ErrorKind::QueueFull, "no room"))
    }
}

fn squares(executor: impl Executor) {
    let square = run_in_background(|n: u64| n * n, executor).unwrap();
    let results = as_completed((0..1_000).map(&*square));
    let mut results: Vec<_> = results.map(|(_, n)| n.unwrap()).collect();
    results.sort_unstable();
    assert!(results.into_iter().eq((0..1_000).map(|n| n * n)));
}

#[test]
fn a_tokio_runtime_is_an_executor() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let shared = Arc::new(Tokio(runtime.handle().clone()));
    assert_eq!(shared.max_workers(), ori_worker::processors());
    squares(Arc::clone(&shared));
    let fails = run_in_background(|| panic!("boom"), shared).unwrap();
    assert!(fails().result().unwrap_err().is_panic());
    let call = run_in_background(|n: u64| n + 1, Tokio(runtime.handle().clone())).unwrap();
    assert_eq!(runtime.block_on(call(1)).unwrap(), 2);
    // A runtime that is gone drops the job, which cancels the call.
    drop(runtime);
    assert!(call(1).result().unwrap_err().is_cancelled());
}

#[test]
fn an_error_of_the_executor_comes_out_of_the_future() {
    let call = run_in_background(|| 1, Refuses).unwrap();
    let error = call().result().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::QueueFull, "no room"));
    call.executor().shutdown(Shutdown::Abandon);
}
