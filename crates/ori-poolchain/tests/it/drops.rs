//! Each item is dropped exactly once, and a panic in a `Drop` harms nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};

use ori_poolchain::PoolChain;
use ori_test_support::{wait_until, within};

use crate::LIMIT;
use crate::stopping::Gate;

/// Counts itself; more drops than items would make the count negative.
struct Counted(u64, Arc<AtomicI64>);

impl Counted {
    fn new(n: u64, alive: &Arc<AtomicI64>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self(n, Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert!(self.1.fetch_sub(1, SeqCst) > 0, "dropped twice");
    }
}

fn chain(alive: &Arc<AtomicI64>, workers: usize) -> PoolChain<Counted, Counted> {
    let made = Arc::clone(alive);
    PoolChain::new()
        .add_threadpool(|item: Counted| {
            assert!(item.0 % 13 != 5, "a panic with the item in hand");
            item
        })
        .max_workers(workers)
        .add_threadpool(
            move |item: Counted| if item.0 % 7 == 3 { Err("fails") } else { Ok(Counted::new(item.0, &made)) },
        )
        .fallible()
        .add_threadpool_ref(|item: &Counted| {
            assert!(item.0 % 17 != 6, "a panic with the item borrowed");
            Counted::new(item.0, &item.1)
        })
        .retries(1)
}

#[test]
fn items_are_dropped_exactly_once() {
    for workers in [1, 2, 4] {
        for taken in [0, 1, 100, 1999, 5000] {
            within(LIMIT, move || {
                let alive = Arc::new(AtomicI64::new(0));
                let chain = chain(&alive, workers);
                let count = Arc::clone(&alive);
                let source = (0..2000).map(move |n| Counted::new(n, &count));
                let mut results = chain.execute_lazy(source).unwrap();
                results.by_ref().take(taken).for_each(drop);
                drop(results);
                drop(chain);
                wait_until(LIMIT, || Arc::strong_count(&alive) == 1);
                assert_eq!(alive.load(SeqCst), 0);
            });
        }
    }
}

#[test]
fn items_of_an_eager_run_that_fails_are_dropped_exactly_once() {
    within(LIMIT, || {
        let alive = Arc::new(AtomicI64::new(0));
        let chain = chain(&alive, 2);
        for _ in 0..50 {
            let items: Vec<_> = (0..500).map(|n| Counted::new(n, &alive)).collect();
            assert!(chain.execute_eager(items).is_err());
            let items: Vec<_> = (0..500).map(|n| Counted::new(n, &alive)).collect();
            assert!(chain.execute_eager_scoped(items).is_err());
        }
        drop(chain);
        wait_until(LIMIT, || Arc::strong_count(&alive) == 1);
        assert_eq!(alive.load(SeqCst), 0);
    });
}

/// Panics when it is dropped, if it is the one.
struct Bad(u64);

impl Drop for Bad {
    fn drop(&mut self) {
        assert!(self.0 != 40, "a panic in drop");
    }
}

#[test]
fn a_panic_in_the_drop_of_an_item_is_the_error_of_that_item() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|item: Bad| item.0);
        let results: Vec<_> = chain.execute_lazy((0..100).map(Bad)).unwrap().collect();
        assert_eq!(results.len(), 100);
        for (position, result) in (0..).zip(results) {
            assert_eq!(result.is_err(), position == 40);
        }
    });
}

#[test]
fn a_panic_in_the_drop_of_an_item_that_waits_does_not_harm_the_chain() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let chain = PoolChain::new()
            .add_threadpool(|item: Bad| item)
            .max_workers(1)
            .add_threadpool(move |item: Bad| {
                closed.wait();
                let n = item.0;
                std::mem::forget(item);
                n
            })
            .max_workers(2);
        for _ in 0..3 {
            let results = chain.execute_lazy((0..100).map(Bad)).unwrap();
            wait_until(LIMIT, || results.stats().stages()[0].items == 100);
            // The consumer or a worker drops what waits; only the consumer may see that panic.
            let _ = ori_errors::catch_panic(|| drop(results));
        }
        gate.open();
        assert_eq!(chain.execute_lazy((41..100).map(Bad)).unwrap().filter(Result::is_ok).count(), 59);
    });
}

/// A source that panics when it is dropped.
struct BadSource(std::ops::Range<u64>, Arc<AtomicUsize>);

impl Iterator for BadSource {
    type Item = u64;
    fn next(&mut self) -> Option<u64> {
        self.0.next()
    }
}

impl Drop for BadSource {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
        panic!("a panic in the drop of a source");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_source_is_contained() {
    within(LIMIT, || {
        let drops = Arc::new(AtomicUsize::new(0));
        let chain = PoolChain::new().add_threadpool(|n: u64| n);
        let source = || BadSource(0..100, Arc::clone(&drops));
        assert!(chain.execute_lazy(source()).unwrap().map(Result::unwrap).eq(0..100));
        assert!(chain.execute_eager(source()).unwrap().into_iter().eq(0..100));
        drop(chain.execute_lazy(source()).unwrap());
        wait_until(LIMIT, || drops.load(SeqCst) == 3);
    });
}

/// A worker's state that panics when it is dropped.
struct BadState;

impl Drop for BadState {
    fn drop(&mut self) {
        panic!("a panic in the drop of a state");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_state_loses_no_item() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool_init(
            || BadState,
            |_, n: u64| {
                assert!(n != 7, "seven");
                n
            },
        );
        let mut results = chain.execute_lazy(0..100).unwrap();
        let all: Vec<_> = results.by_ref().collect();
        assert_eq!(all.len(), 100);
        assert_eq!(all.iter().filter(|result| result.is_err()).count(), 1);
    });
}
