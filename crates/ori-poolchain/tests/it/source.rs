//! Sources that panic, block, lie about their length, or live on what the chain gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use ori_poolchain::PoolChain;
use ori_test_support::{wait_until, within};

use crate::LIMIT;

/// An iterator that says what it likes about its length.
struct Claims<S>(S, (usize, Option<usize>));

impl<S: Iterator> Iterator for Claims<S> {
    type Item = S::Item;
    fn next(&mut self) -> Option<S::Item> {
        self.0.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.1
    }
}

const LIES: [(usize, Option<usize>); 9] = [
    (0, Some(0)),
    (0, None),
    (10, Some(10)),
    (5000, Some(5000)),
    (100, None),
    (1 << 40, None),
    (usize::MAX, Some(usize::MAX)),
    (usize::MAX, None),
    (7, Some(3)),
];

#[test]
fn a_source_that_lies_about_its_length_is_read_to_its_end() {
    for hint in LIES {
        within(LIMIT, move || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(3);
            let lazy = chain.execute_lazy(Claims(0..1000, hint)).unwrap();
            assert!(lazy.map(Result::unwrap).eq(1..1001), "lazy, {hint:?}");
            let single = chain.execute_lazy_single_threaded(Claims(0..1000, hint)).unwrap();
            assert!(single.map(Result::unwrap).eq(1..1001), "single-threaded, {hint:?}");
        });
    }
}

#[test]
fn an_eager_run_believes_no_length() {
    for hint in LIES {
        within(LIMIT, move || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(3);
            let eager = chain.execute_eager(Claims(0..1000, hint)).unwrap();
            assert!(eager.into_iter().eq(1..1001), "eager, {hint:?}");
        });
    }
}

#[test]
fn a_scoped_run_believes_no_length() {
    for hint in LIES {
        within(LIMIT, move || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(3);
            let scoped = chain.execute_eager_scoped(Claims(0..1000, hint)).unwrap();
            assert!(scoped.into_iter().eq(1..1001), "scoped, {hint:?}");
        });
    }
}

#[test]
fn an_endless_source_ends_at_the_first_error() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| {
            assert!(n < 100);
            n
        });
        assert_eq!(chain.execute_eager(0..).unwrap_err().item(), Some(100));
        assert_eq!(chain.execute_eager_scoped(0..).unwrap_err().item(), Some(100));
    });
}

#[test]
fn buffer_and_chunksize_may_be_as_large_as_they_like() {
    within(LIMIT, || {
        for huge in [usize::MAX, usize::MAX / 2, 1 << 40] {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).chunksize(huge);
            assert!(chain.execute_eager(0..1000).unwrap().into_iter().eq(1..1001));
            let chain = chain.buffer(huge);
            assert!(chain.execute_eager(0..1000).unwrap().into_iter().eq(1..1001), "{huge}");
            assert!(chain.execute_eager((0..1000).filter(|_| true)).unwrap().into_iter().eq(1..1001));
        }
    });
}

#[test]
fn max_workers_may_be_as_large_as_it_likes() {
    within(LIMIT, || {
        for huge in [usize::MAX, usize::MAX / 2 + 1, isize::MAX as usize] {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(huge).buffer(16);
            assert!(chain.execute_lazy(0..100).unwrap().map(Result::unwrap).eq(1..101));
            let unsized_source = (0..100).filter(|_| true);
            assert!(chain.execute_lazy(unsized_source).unwrap().map(Result::unwrap).eq(1..101));
            assert!(chain.execute_eager(0..100).unwrap().into_iter().eq(1..101));
        }
    });
}

/// Each item comes from what the consumer does with an earlier result.
fn fed_by_the_consumer<S>(workers: usize, first: u64, make: impl FnOnce(mpsc::Receiver<u64>) -> S)
where
    S: Iterator<Item = u64> + Send + 'static,
{
    let (send, receive) = mpsc::channel();
    let chain = PoolChain::new()
        .add_threadpool(|n: u64| n)
        .max_workers(workers)
        .add_threadpool(|n| n + 1)
        .max_workers(workers)
        .add_threadpool(|n| n)
        .max_workers(workers + 1);
    for item in 0..first {
        send.send(item).unwrap();
    }
    let mut results = chain.execute_lazy(make(receive)).unwrap();
    for expected in 1..=2000 {
        assert_eq!(results.next().unwrap().unwrap(), expected);
        send.send(expected + first - 1).unwrap();
    }
    drop(send);
    assert_eq!(results.count() as u64, first);
}

#[test]
fn a_source_may_be_fed_by_the_consumer() {
    for workers in [1, 2, 5] {
        for first in [1, 3, 50] {
            within(LIMIT, move || fed_by_the_consumer(workers, first, mpsc::Receiver::into_iter));
        }
    }
}

#[test]
fn a_source_of_known_length_may_be_fed_by_the_consumer() {
    for workers in [1, 2, 5] {
        within(LIMIT, move || {
            fed_by_the_consumer(workers, 1, |receive| {
                (0..2001).map(move |_| receive.recv().expect("the consumer sends one for each result"))
            });
        });
    }
}

#[test]
fn a_dropped_run_stops_reading_a_slow_source_of_known_length() {
    within(LIMIT, || {
        let reads = Arc::new(AtomicUsize::new(0));
        let (open, gate) = mpsc::channel::<()>();
        let source = (0..1_000_000_u64).map({
            let reads = Arc::clone(&reads);
            move |n| {
                reads.fetch_add(1, SeqCst);
                if n >= 20_000 {
                    let _ = gate.recv();
                }
                n
            }
        });
        let chain = PoolChain::new().add_threadpool(|n: u64| n).max_workers(2);
        let mut results = chain.execute_lazy(source).unwrap();
        while reads.load(SeqCst) <= 20_000 {
            // What was read before the source blocks may be less than a batch.
            if reads.load(SeqCst) < 10_000 {
                results.next().unwrap().unwrap();
            } else {
                std::thread::yield_now();
                if results.stats().stages()[0].running == 0 && reads.load(SeqCst) <= 20_000 {
                    results.next().unwrap().unwrap();
                }
            }
        }
        drop(results);
        let at_the_drop = reads.load(SeqCst);
        drop(open);
        drop(chain);
        wait_until(LIMIT, || Arc::strong_count(&reads) == 1);
        let later = reads.load(SeqCst) - at_the_drop;
        assert!(later <= 1, "{later} more items were read");
    });
}
