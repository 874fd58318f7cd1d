//! A result is withheld by no item behind it, however the items fell into batches.

use std::sync::{Arc, Condvar, Mutex};

use ori_poolchain::PoolChain;
use ori_test_support::within;

use crate::LIMIT;
use crate::stopping::Gate;

/// How many results the consumer has had.
#[derive(Clone, Default)]
struct Consumed(Arc<(Mutex<u64>, Condvar)>);

impl Consumed {
    fn add_one(&self) {
        *self.0.0.lock().unwrap() += 1;
        self.0.1.notify_all();
    }

    fn wait_for(&self, results: u64) {
        let had = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(had, |had| *had < results).unwrap());
    }
}

#[test]
fn results_come_while_a_later_item_is_stuck() {
    for (workers, stuck_at) in [(1, 5), (1, 50), (2, 50), (4, 50), (2, 300)] {
        within(LIMIT, move || {
            let gate = Gate::default();
            let chain =
                PoolChain::new().add_threadpool(gate.stops(move |n| n >= stuck_at)).max_workers(workers);
            let mut results = chain.execute_lazy(0..1000).unwrap();
            for expected in 0..stuck_at {
                assert_eq!(results.next().unwrap().unwrap(), expected);
            }
            gate.open();
            assert_eq!(results.map(Result::unwrap).sum::<u64>(), (stuck_at..1000).sum::<u64>());
        });
    }
}

#[test]
fn results_come_while_a_later_item_is_stuck_in_an_earlier_stage() {
    for workers in [(2, 1), (1, 3)] {
        within(LIMIT, move || {
            let gate = Gate::default();
            let chain = PoolChain::new()
                .add_threadpool(gate.stops(|n| n >= 50))
                .max_workers(workers.0)
                .add_threadpool(|n| n + 1)
                .max_workers(workers.1);
            let mut results = chain.execute_lazy((0..200).filter(|_| true)).unwrap();
            for expected in 0..50 {
                assert_eq!(results.next().unwrap().unwrap(), expected + 1);
            }
            gate.open();
            assert_eq!(results.count(), 150);
        });
    }
}

#[test]
fn each_item_may_wait_for_what_the_consumer_does_with_the_one_before() {
    for workers in [1, 2, 3] {
        within(LIMIT, move || {
            let consumed = Consumed::default();
            let seen = consumed.clone();
            let chain = PoolChain::new()
                .add_threadpool(move |n: u64| {
                    seen.wait_for(n);
                    n
                })
                .max_workers(workers);
            for (result, expected) in chain.execute_lazy(0..300).unwrap().zip(0..) {
                assert_eq!(result.unwrap(), expected);
                consumed.add_one();
            }
        });
    }
}

#[test]
fn an_eager_error_does_not_wait_for_a_stuck_item_in_its_batch() {
    within(LIMIT, || {
        let gate = Gate::default();
        let stuck = gate.stops(|n| n >= 41);
        let chain = PoolChain::new()
            .add_threadpool(move |n: u64| {
                assert_ne!(n, 40, "the first error");
                stuck(n)
            })
            .max_workers(2);
        let error = chain.execute_eager(0..1000).unwrap_err();
        assert_eq!(error.item(), Some(40));
        gate.open();
    });
}

#[cfg(feature = "async")]
#[test]
fn a_stream_gives_results_while_a_later_item_is_stuck() {
    use futures_lite::{StreamExt as _, stream};

    within(LIMIT, || {
        let gate = Gate::default();
        let chain = PoolChain::new().add_threadpool(gate.stops(|n| n >= 50)).max_workers(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut results = chain.execute_stream(stream::iter(0..1000)).unwrap();
            for expected in 0..50 {
                assert_eq!(results.next().await.unwrap().unwrap(), expected);
            }
            gate.open();
            assert_eq!(results.count().await, 950);
        });
    });
}
