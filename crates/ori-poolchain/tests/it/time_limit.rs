//! Time limits, and `unordered` runs, where a slow item delays no other.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use ori_poolchain::PoolChain;
use ori_test_support::{wait_until, within};

use crate::LIMIT;
use crate::stopping::Gate;

#[test]
fn an_item_that_takes_too_long_is_timed_out_and_its_thread_replaced() {
    for chunksize in [1, 10, 1000] {
        within(LIMIT, move || {
            let gate = Gate::default();
            let chain = PoolChain::new()
                .add_threadpool(gate.stops(|n| n % 20 == 7))
                .max_workers(2)
                .chunksize(chunksize)
                .name("slow")
                .timeout(Duration::from_millis(100));
            let mut results = chain.execute_lazy(0..100).unwrap();
            let all: Vec<_> = results.by_ref().collect();
            assert_eq!(all.len(), 100);
            for (position, result) in (0..).zip(all) {
                if let Err(error) = &result {
                    assert!(error.is_timeout());
                    assert_eq!((error.stage(), error.item()), (Some("slow"), Some(position)));
                }
                assert!(position % 20 != 7 || result.is_err());
            }
            assert!(results.stats().stages()[0].lost >= 5);
            gate.open();
        });
    }
}

#[test]
fn a_time_limit_runs_while_the_item_runs_and_not_while_it_waits() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let chain = PoolChain::new()
            .add_threadpool(move |n: u64| {
                closed.wait();
                n
            })
            .max_workers(1)
            .add_threadpool(|n| n)
            .max_workers(1)
            .chunksize(100)
            .timeout(Duration::from_secs(5));
        let results = chain.execute_lazy(0..500).unwrap();
        // A hundred times longer in the queue than in the function is not to be seen here, but a
        // limit that counted from the start of the run would be.
        wait_until(LIMIT, || results.stats().elapsed() > Duration::from_secs(6));
        gate.open();
        assert!(results.map(Result::unwrap).eq(0..500));
    });
}

/// Counts itself.
struct Late(Arc<AtomicUsize>);

impl Drop for Late {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_late_result_is_dropped() {
    within(LIMIT, || {
        let (gate, dropped) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
        let (closed, count) = (gate.clone(), Arc::clone(&dropped));
        let chain = PoolChain::new()
            .add_threadpool(move |(): ()| {
                closed.wait();
                Late(Arc::clone(&count))
            })
            .timeout(Duration::from_millis(50));
        let results: Vec<_> = chain.execute_lazy([()]).unwrap().collect();
        assert!(results[0].as_ref().is_err_and(|error| error.is_timeout()));
        gate.open();
        wait_until(LIMIT, || dropped.load(SeqCst) == 1);
    });
}

#[test]
fn an_item_that_ran_out_of_time_is_tried_again() {
    within(LIMIT, || {
        let (gate, calls) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
        let (closed, count) = (gate.clone(), Arc::clone(&calls));
        let chain = PoolChain::new()
            .add_threadpool_ref(move |n: &u64| {
                if *n == 3 && count.fetch_add(1, SeqCst) < 2 {
                    closed.wait();
                }
                *n
            })
            .retries(1000)
            .timeout(Duration::from_millis(100));
        assert!(chain.execute_eager(0..10).unwrap().into_iter().eq(0..10));
        assert!(calls.load(SeqCst) >= 3);
        gate.open();
    });
}

#[test]
fn a_single_threaded_run_has_time_limits_too() {
    let chain = PoolChain::new()
        .add_threadpool(|n: u64| {
            let start = std::time::Instant::now();
            if n == 1 {
                wait_until(LIMIT, || start.elapsed() > Duration::from_secs(2));
            }
        })
        .timeout(Duration::from_secs(1));
    let results: Vec<_> = chain.execute_lazy_single_threaded(0..3).unwrap().collect();
    assert!(results[1].as_ref().is_err_and(|error| error.is_timeout() && error.item() == Some(1)));
    assert!(results[0].is_ok() && results[2].is_ok());
}

#[test]
fn an_unordered_run_is_not_delayed_by_a_slow_item() {
    for (chunksize, slow) in [(None, 0), (None, 3000), (Some(1000), 500), (Some(1), 10)] {
        within(LIMIT, move || {
            let gate = Gate::default();
            let chain = PoolChain::new().add_threadpool(gate.stops(move |n| n == slow)).max_workers(2);
            let chain = chunksize.into_iter().fold(chain, PoolChain::chunksize).buffer(20_000).unordered();
            let mut results = chain.execute_lazy(0..5000).unwrap();
            // All but the slow one come while that one is stuck.
            let others: HashSet<_> = results.by_ref().take(4999).map(Result::unwrap).collect();
            assert!(others.len() == 4999 && !others.contains(&slow));
            gate.open();
            assert_eq!(results.next().unwrap().unwrap(), slow);
            assert!(results.next().is_none());
        });
    }
}
