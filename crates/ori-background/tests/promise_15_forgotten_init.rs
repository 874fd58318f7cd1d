//! A program that forgot `init()`: an error before anything is started, never a program that starts
//! itself for ever.
//!
//! It has a `main` of its own, since the other tests of this crate are allowed to have workers.

use ori_background::{ProcessPool, run_in_background_process};
use ori_errors::{ErrorKind, OriError};
use ori_test_support::{children, threads};

fn check(error: &OriError) {
    assert_eq!(error.kind(), ErrorKind::NoInteractiveProcessPools);
    assert!(error.to_string().contains("write `ori::init();` as the first line of `main`"), "{error}");
}

fn before_init() {
    let before = threads().unwrap();
    check(&ProcessPool::builder().build().unwrap_err());
    check(&run_in_background_process(|n: u32| n + 1).unwrap_err());
    assert_eq!(children().unwrap(), 0, "a process was started");
    assert_eq!(threads().unwrap(), before, "a thread was started");
}

fn main() {
    if !ori_worker::is_worker() {
        before_init();
    }
    // The line that the message asks for mends it.
    ori_worker::init();
    let pool = ProcessPool::builder().max_workers(1).build().unwrap();
    assert_eq!(pool.submit(|n: u32| n + 1, 1).result().unwrap(), 2);
}
