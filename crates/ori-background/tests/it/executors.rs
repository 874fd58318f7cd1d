//! Pools of others take the place of ours.

use std::sync::Arc;

use ori_background::{Executor, Job, Shutdown, as_completed, run_in_background};
use ori_errors::{ErrorKind, OriError, Result};

struct Rayon(rayon::ThreadPool);

impl Executor for Rayon {
    fn execute(&self, job: Job) -> Result<()> {
        self.0.spawn(job);
        Ok(())
    }

    fn max_workers(&self) -> usize {
        self.0.current_num_threads()
    }
}

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
fn a_rayon_pool_is_an_executor() {
    let rayon = Arc::new(Rayon(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap()));
    assert_eq!(rayon.max_workers(), 2);
    squares(Arc::clone(&rayon));
    let fails = run_in_background(|| panic!("boom"), rayon).unwrap();
    assert!(fails().result().unwrap_err().is_panic());
}

#[test]
fn a_tokio_runtime_is_an_executor() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    squares(Tokio(runtime.handle().clone()));
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
