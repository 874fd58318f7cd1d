//! How many workers there are, on which threads, and what they keep for themselves.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use ori_poolchain::{PoolChain, Results};
use ori_test_support::{alone, threads, wait_until, within};

use crate::LIMIT;

#[test]
fn a_chain_is_send_and_sync() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    fn is_send<T: Send>() {}
    is_send_and_sync(&PoolChain::new().add_threadpool(|n: u64| n));
    is_send::<Results<u64>>();
}

#[test]
fn a_chain_runs_any_number_of_times_also_at_once() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(2).add_threadpool_init(
            || 0_u64,
            |calls, n| {
                *calls += 1;
                n * 2
            },
        );
        thread::scope(|scope| {
            for shift in 0..8 {
                let chain = &chain;
                scope.spawn(move || {
                    for round in 0..20 {
                        let source = (shift..shift + 500).filter(move |_| round % 2 == 0 || shift < 100);
                        let results = chain.execute_lazy(source).unwrap();
                        assert!(results.map(Result::unwrap).eq((shift..shift + 500).map(|n| (n + 1) * 2)));
                    }
                });
            }
        });
    });
}

#[test]
fn max_workers_is_never_exceeded() {
    for workers in 1..=16 {
        for (knows_length, eager) in [(true, true), (true, false), (false, true), (false, false)] {
            within(LIMIT, move || {
                let running = [const { AtomicUsize::new(0) }; 3];
                let running = Arc::new(running);
                let count = |stage: usize, most: usize| {
                    let running = Arc::clone(&running);
                    move |n: u64| {
                        let now = running[stage].fetch_add(1, SeqCst) + 1;
                        assert!(now <= most, "{now} run at once, not {most}");
                        if n.is_multiple_of(16) {
                            thread::yield_now();
                        }
                        running[stage].fetch_sub(1, SeqCst);
                        n
                    }
                };
                let chain = PoolChain::new().add_threadpool(count(0, workers)).max_workers(workers);
                // Alone, where the consumer helps, and before sections of other sizes.
                let longer = PoolChain::new()
                    .add_threadpool(count(0, workers))
                    .max_workers(workers)
                    .add_threadpool(count(1, workers))
                    .max_workers(workers)
                    .add_threadpool(count(2, 17 - workers))
                    .max_workers(17 - workers);
                for chain in [chain, longer] {
                    let source = (0..1000).filter(|_| true);
                    let sum: u64 = match (knows_length, eager) {
                        (true, true) => chain.execute_eager(0..1000).unwrap().into_iter().sum(),
                        (false, true) => chain.execute_eager(source).unwrap().into_iter().sum(),
                        (true, false) => chain.execute_lazy(0..1000).unwrap().map(Result::unwrap).sum(),
                        (false, false) => chain.execute_lazy(source).unwrap().map(Result::unwrap).sum(),
                    };
                    assert_eq!(sum, 499_500);
                }
            });
        }
    }
}

#[test]
fn max_workers_work_at_the_same_time() {
    for workers in [1, 2, 5, 16] {
        within(LIMIT, move || {
            // Nobody passes before all are there.
            let barrier = Arc::new(Barrier::new(workers));
            let chain = PoolChain::new()
                .add_threadpool(move |n: usize| {
                    barrier.wait();
                    n
                })
                .max_workers(workers);
            let results = chain.execute_lazy(0..workers * 3).unwrap();
            assert!(results.map(Result::unwrap).eq(0..workers * 3));
        });
    }
}

/// The state of a worker, which counts itself.
struct State(Arc<AtomicUsize>);

impl Drop for State {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[test]
fn each_worker_makes_one_state() {
    for workers in [1, 2, 7] {
        within(LIMIT, move || {
            let (alive, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (count, makes) = (Arc::clone(&alive), Arc::clone(&made));
            let chain = PoolChain::new()
                .add_threadpool_init(
                    move || {
                        makes.fetch_add(1, SeqCst);
                        assert!(count.fetch_add(1, SeqCst) < workers, "more states than workers");
                        State(Arc::clone(&count))
                    },
                    |_, n: u64| n,
                )
                .max_workers(workers);
            let (send, receive) = mpsc::channel();
            let mut results = chain.execute_lazy(receive).unwrap();
            // One at a time: the workers have nothing to do in between.
            for item in 0..200 {
                send.send(item).unwrap();
                assert_eq!(results.next().unwrap().unwrap(), item);
            }
            for item in 0..2000 {
                send.send(item).unwrap();
            }
            drop(send);
            assert!(results.map(Result::unwrap).eq(0..2000));
            assert!(made.load(SeqCst) <= workers, "{} states for {workers} workers", made.load(SeqCst));
            drop(chain);
            wait_until(LIMIT, || alive.load(SeqCst) == 0);
        });
    }
}

#[test]
fn a_panic_gives_the_worker_a_new_state() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_threadpool_init(
                || false,
                |broken, n: u64| {
                    assert!(!*broken, "a state that a panic left half changed");
                    *broken = n == 5;
                    assert!(n != 5, "five");
                    n
                },
            )
            .max_workers(1);
        let results: Vec<_> = chain.execute_lazy(0..10).unwrap().collect();
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
        assert_eq!(results[5].as_ref().unwrap_err().panic_message(), Some("five"));
    });
}

#[test]
fn a_panic_in_init_is_the_error_of_the_item_that_needed_it() {
    within(LIMIT, || {
        let tries = AtomicUsize::new(0);
        let chain = PoolChain::new()
            .add_threadpool_init(move || assert!(tries.fetch_add(1, SeqCst) > 2, "not yet"), |(), n: u64| n)
            .max_workers(1);
        let results: Vec<_> = chain.execute_lazy(0..10).unwrap().collect();
        for (position, result) in (0..).zip(results) {
            assert_eq!(result.is_err(), position < 3);
        }
    });
}

#[test]
fn a_single_threaded_run_starts_no_thread() {
    alone("workers::a_single_threaded_run_starts_no_thread", || {
        let here = thread::current().id();
        let before = threads().unwrap();
        let chain = PoolChain::new()
            .add_threadpool(move |n: u64| {
                assert_eq!(thread::current().id(), here);
                n
            })
            .max_workers(8)
            .timeout(LIMIT)
            .add_threadpool_init(|| (), |(), n| n)
            .unordered();
        let mut results = chain.execute_lazy_single_threaded(0..).unwrap();
        for expected in 0..100 {
            assert_eq!(results.next().unwrap().unwrap(), expected);
            assert_eq!(threads().unwrap(), before);
        }
        assert_eq!(chain.execute_eager_single_threaded(0..100).unwrap().len(), 100);
        assert_eq!(threads().unwrap(), before);
    });
}

#[test]
fn a_single_threaded_run_is_lazy() {
    let read = AtomicUsize::new(0);
    let chain = PoolChain::new().add_threadpool(|n: usize| n);
    let source = (0..).inspect(|_| {
        read.fetch_add(1, SeqCst);
    });
    let mut results = chain.execute_lazy_single_threaded(source).unwrap();
    assert_eq!(read.load(SeqCst), 0);
    for expected in 0..10 {
        assert_eq!(results.next().unwrap().unwrap(), expected);
        assert_eq!(read.load(SeqCst), expected + 1);
    }
}

#[test]
fn a_scoped_run_borrows_and_ends_its_threads() {
    alone("workers::a_scoped_run_borrows_and_ends_its_threads", || {
        let before = threads().unwrap();
        let names: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
        let used = Mutex::new(HashSet::new());
        let chain = PoolChain::new()
            .add_threadpool(|index: usize| names[index].as_str())
            .add_threadpool(|name| {
                used.lock().unwrap().insert(thread::current().id());
                name.len()
            })
            .max_workers(3);
        for _ in 0..20 {
            let indexes = (0..1000).filter(|index| *index < names.len());
            let lengths = chain.execute_eager_scoped(indexes).unwrap();
            assert!(lengths.into_iter().eq(names.iter().map(String::len)));
        }
        drop(chain);
        assert!(!used.into_inner().unwrap().is_empty());
        wait_until(LIMIT, || threads().unwrap() == before);
    });
}

#[test]
fn stages_with_the_same_options_share_their_workers() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_threadpool(|_: u64| thread::current().id())
            .max_workers(3)
            .add_threadpool(|before| before == thread::current().id())
            .max_workers(3)
            .chunksize(1)
            .add_threadpool(|same| same)
            .max_workers(3)
            .chunksize(1);
        // The first two differ in chunksize; no more can be said than that both work.
        assert_eq!(chain.execute_eager(0..100).unwrap().len(), 100);
        let fused = PoolChain::new()
            .add_threadpool(|_: u64| thread::current().id())
            .chunksize(1)
            .add_threadpool(|before| before == thread::current().id())
            .chunksize(1);
        assert!(fused.execute_eager(0..1000).unwrap().into_iter().all(|same| same));
    });
}
