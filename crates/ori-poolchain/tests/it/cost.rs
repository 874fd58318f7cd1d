//! Items whose cost changes: a batch that was sized for cheap items must not hold expensive ones
//! together.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ori_poolchain::PoolChain;
use ori_test_support::within;

use crate::LIMIT;

/// Computes for about a millisecond, as a processor would.
fn spin_1_ms() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1) {
        std::hint::spin_loop();
    }
}

#[test]
fn a_sudden_jump_of_the_cost_ends_with_one_worker() {
    for unordered in [false, true] {
        within(LIMIT, move || {
            let chain = PoolChain::new().add_threadpool(|n: u64| {
                if n >= 20_000 {
                    spin_1_ms();
                }
                n
            });
            let chain = chain.max_workers(1);
            let chain = if unordered { chain.unordered() } else { chain };
            let results = chain.execute_lazy(0..20_200).unwrap();
            assert_eq!(results.map(Result::unwrap).sum::<u64>(), (0..20_200).sum::<u64>());
        });
    }
}

#[test]
fn a_batch_that_turns_expensive_is_shared_by_all_workers() {
    within(LIMIT, || {
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let chain = PoolChain::new()
            .add_threadpool({
                let threads = Arc::clone(&threads);
                move |n: u64| {
                    if n >= 10_000 {
                        threads.lock().unwrap().insert(thread::current().id());
                        thread::sleep(Duration::from_millis(1)); // tidy: allow(sleep): an expensive item
                    }
                    n
                }
            })
            .chunksize(10_000)
            .max_workers(4);
        let results = chain.execute_lazy(0..10_400).unwrap();
        assert!(results.map(Result::unwrap).eq(0..10_400));
        assert_eq!(threads.lock().unwrap().len(), 4);
    });
}

#[test]
fn a_batch_that_turned_expensive_is_cancelled_with_the_run() {
    within(LIMIT, || {
        let calls = Arc::new(AtomicUsize::new(0));
        let chain = PoolChain::new()
            .add_threadpool({
                let calls = Arc::clone(&calls);
                move |n: u64| {
                    calls.fetch_add(1, SeqCst);
                    thread::sleep(Duration::from_millis(1)); // tidy: allow(sleep): an expensive item
                    n
                }
            })
            .chunksize(60_000)
            .max_workers(2);
        let results = chain.execute_lazy(0..120_000).unwrap();
        ori_test_support::wait_until(LIMIT, || calls.load(SeqCst) > 20);
        drop(results);
        // A thread ends when its batch ends: within the deadline only if that is given up.
        drop(chain);
        ori_test_support::wait_until(LIMIT, || Arc::strong_count(&calls) == 1);
        assert!(calls.load(SeqCst) < 20_000);
    });
}
