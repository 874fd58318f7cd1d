//! What cannot work is refused before anything is started, naming stage and option.

use std::time::Duration;

use ori_background::ThreadPool;
use ori_errors::{ErrorKind, OriError};
use ori_poolchain::PoolChain;
use ori_test_support::threads;

/// A source that must not be touched.
struct Untouched;

impl Iterator for Untouched {
    type Item = u64;
    fn next(&mut self) -> Option<u64> {
        panic!("the source was read");
    }
}

fn chain() -> PoolChain<u64, u64> {
    PoolChain::new().add_threadpool(|n| n).add_threadpool(|n| n)
}

/// Every way to run it refuses the chain with the same error.
fn refusal(chain: &PoolChain<u64, u64>) -> OriError {
    let error = chain.execute_eager(Untouched).unwrap_err();
    let all = [
        chain.execute_lazy(Untouched).map(drop).unwrap_err(),
        chain.execute_eager_scoped(Untouched).unwrap_err(),
        chain.execute_lazy_single_threaded(Untouched).map(drop).unwrap_err(),
        chain.execute_eager_single_threaded(Untouched).unwrap_err(),
    ];
    for other in all {
        assert_eq!(other.kind(), ErrorKind::Validation);
        assert_eq!(other.to_string(), error.to_string());
    }
    assert!(error.is_validation());
    error
}

#[test]
fn an_empty_chain_is_refused() {
    assert!(refusal(&PoolChain::new()).to_string().contains("chain is empty"));
    assert!(refusal(&PoolChain::default()).to_string().contains("chain is empty"));
}

#[test]
fn a_bad_option_is_refused_with_its_stage_and_its_name() {
    let bad = [
        (chain().max_workers(0), "max_workers"),
        (chain().chunksize(0), "chunksize"),
        (chain().timeout(Duration::ZERO), "timeout"),
    ];
    for (chain, option) in bad {
        let error = refusal(&chain);
        assert_eq!(error.stage(), Some("stage 2"));
        assert!(error.to_string().contains(option), "{error}");
        // It stays the second stage's, whatever comes behind it, and bears the name it was given.
        let error = refusal(&chain.name("parse").add_threadpool(|n| n).max_workers(3));
        assert_eq!(error.stage(), Some("parse"));
        assert!(error.to_string().contains(option), "{error}");
    }
}

#[test]
fn a_buffer_of_nothing_is_refused() {
    assert!(refusal(&chain().buffer(0)).to_string().contains("buffer"));
}

#[test]
fn an_option_before_any_stage_is_refused() {
    let new = PoolChain::<u64, u64>::new;
    let misplaced = [
        (new().max_workers(1), "max_workers"),
        (new().chunksize(1), "chunksize"),
        (new().timeout(Duration::from_secs(1)), "timeout"),
        (new().retries(1), "retries"),
        (new().name("x"), "name"),
    ];
    for (chain, option) in misplaced {
        let error = refusal(&chain.add_threadpool(|n| n));
        assert!(error.to_string().contains(option), "{error}");
    }
}

#[test]
fn a_scoped_run_refuses_an_executor_whose_threads_may_outlive_it() {
    let pool = ThreadPool::builder().max_workers(1).build().unwrap();
    let chain = PoolChain::new().add_threadpool(|n: u64| n).add(|n| n, pool).name("mine");
    let error = chain.execute_eager_scoped([1]).unwrap_err();
    assert!(error.is_validation());
    assert_eq!(error.stage(), Some("mine"));
}

#[test]
fn options_of_the_chain_may_stand_anywhere() {
    let chain = PoolChain::new().buffer(2).unordered().add_threadpool(|n: u64| n + 1);
    let mut results = chain.execute_eager(0..10).unwrap();
    results.sort_unstable();
    assert!(results.into_iter().eq(1..11));
}

#[test]
fn a_refused_chain_starts_nothing() {
    ori_test_support::alone("validation::a_refused_chain_starts_nothing", || {
        let before = threads().unwrap();
        let chain = chain().max_workers(0);
        let _ = refusal(&chain);
        assert_eq!(threads().unwrap(), before);
    });
}
