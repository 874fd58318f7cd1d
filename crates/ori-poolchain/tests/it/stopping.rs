//! The end of a run before the end of its source: drop, cancel, the first error of an eager run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};

use ori_poolchain::PoolChain;
use ori_test_support::{LeakCheck, alone, wait_until, within};

use crate::LIMIT;

/// A door that functions wait at.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    /// A function that gives its argument, and waits here before with those that are to be stuck.
    pub(crate) fn stops<F>(&self, is_stuck: F) -> impl Fn(u64) -> u64 + Send + Sync + use<F>
    where
        F: Fn(u64) -> bool + Send + Sync,
    {
        let closed = self.clone();
        move |n| {
            if is_stuck(n) {
                closed.wait();
            }
            n
        }
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[test]
fn dropping_results_halfway_stops_pulling_the_source_and_returns_at_once() {
    for workers in [1, 2, 4] {
        within(LIMIT, move || {
            let pulled = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&pulled);
            let source = (0_u64..).inspect(move |_| {
                count.fetch_add(1, SeqCst);
            });
            let gate = Gate::default();
            let chain = PoolChain::new()
                .add_threadpool(gate.stops(|n| n >= 50))
                .max_workers(workers)
                // A batch comes out whole, so item 50 would withhold those that lie in a batch with it.
                .chunksize(1);
            let mut results = chain.execute_lazy(source).unwrap();
            for expected in 0..20 {
                assert_eq!(results.next().unwrap().unwrap(), expected);
            }
            // Functions are stuck at the gate, which opens only after this.
            drop(results);
            drop(chain);
            gate.open();
            // Everything is gone when the functions that ran have ended: the source first of all.
            wait_until(LIMIT, || Arc::strong_count(&pulled) == 1);
            assert!(pulled.load(SeqCst) <= 20 + 65_536);
        });
    }
}

#[test]
fn dropping_results_does_not_wait_for_a_source_that_blocks() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let reads = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reads);
        let source = (0..100_u64).inspect(move |n| {
            count.fetch_add(1, SeqCst);
            if *n == 3 {
                closed.wait();
            }
        });
        let chain = PoolChain::new().add_threadpool(|n: u64| n);
        let mut results = chain.execute_lazy(source).unwrap();
        for expected in 0..3 {
            assert_eq!(results.next().unwrap().unwrap(), expected);
        }
        wait_until(LIMIT, || reads.load(SeqCst) == 4);
        drop(results);
        gate.open();
        wait_until(LIMIT, || Arc::strong_count(&reads) == 1);
        assert_eq!(reads.load(SeqCst), 4);
    });
}

#[test]
fn cancel_ends_the_results() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n).add_threadpool(|n| n).max_workers(1);
        let mut results = chain.execute_lazy(0..).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        results.cancel();
        let rest: Vec<_> = results.by_ref().map(Result::unwrap).collect();
        assert!(rest.iter().copied().eq(1..=rest.len() as u64));
        assert!(results.next().is_none());
    });
}

#[test]
fn an_eager_run_ends_at_the_first_error_without_waiting_for_slow_items_behind_it() {
    // Also when the items before were so cheap that the calling thread took part.
    for bad in [0, 1, 5, 100, 20_000] {
        for workers in [2, 4] {
            within(LIMIT, move || {
                let gate = Gate::default();
                let closed = gate.clone();
                let chain = PoolChain::new()
                    .add_threadpool(move |n: u64| {
                        assert!(n != bad, "bad");
                        if n > bad {
                            closed.wait();
                        }
                        n
                    })
                    .max_workers(workers);
                let error = chain.execute_eager(0..100_000).unwrap_err();
                assert_eq!((error.is_panic(), error.item()), (true, Some(bad)));
                gate.open();
            });
        }
    }
}

#[test]
fn an_eager_run_gives_the_first_error_in_input_order() {
    within(LIMIT, || {
        let later_failed = Arc::new(AtomicBool::new(false));
        let chain = PoolChain::new()
            .add_threadpool(move |n: u64| {
                if n == 0 {
                    // The error of an item behind comes first.
                    wait_until(LIMIT, || later_failed.load(SeqCst));
                } else {
                    later_failed.store(true, SeqCst);
                }
                panic!("all fail");
                #[expect(unreachable_code, reason = "says what a value would be")]
                n
            })
            .max_workers(2);
        assert_eq!(chain.execute_eager((0..10).filter(|_| true)).unwrap_err().item(), Some(0));
    });
}

#[test]
fn ten_thousand_starts_and_drops_leave_nothing_behind() {
    alone("stopping::ten_thousand_starts_and_drops_leave_nothing_behind", || {
        let check = LeakCheck::start().unwrap();
        within(LIMIT * 2, || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n).add_threadpool(|n| n).max_workers(2);
            for round in 0..10_000_u64 {
                let mut results = chain.execute_lazy(0..).unwrap();
                if round % 3 == 0 {
                    assert_eq!(results.next().unwrap().unwrap(), 0);
                }
            }
            for _ in 0..500 {
                let chain = PoolChain::new().add_threadpool(|n: u64| n);
                drop(chain.execute_lazy(0..).unwrap());
            }
        });
        check.finish();
    });
}

#[test]
fn everything_works_with_256_descriptors_and_5000_queued_items() {
    let test = "stopping::everything_works_with_256_descriptors_and_5000_queued_items";
    ori_test_support::alone_with(test, "ulimit -n 256", || {
        within(LIMIT, || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(64).buffer(5000);
            let results = chain.execute_lazy((0..20_000).filter(|_| true)).unwrap();
            wait_until(LIMIT, || results.stats().stages()[0].items >= 4000);
            assert!(results.map(Result::unwrap).eq(1..20_001));
        });
    });
}
