//! Stages whose function is async.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ori_poolchain::PoolChain;
use ori_test_support::{LeakCheck, Naps, Random, alone, wait_until, within};

use crate::LIMIT;

/// Counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A chain whose futures are counted while they are there; those that are stuck never end.
pub(crate) fn counted(
    alive: &Arc<AtomicUsize>,
    is_stuck: impl Fn(u64) -> bool + Send + Sync + 'static,
) -> PoolChain<u64, u64> {
    let count = Arc::clone(alive);
    PoolChain::new().add_async(move |n| {
        let (counted, is_stuck) = (Counted::new(&count), is_stuck(n));
        async move {
            if is_stuck {
                std::future::pending::<()>().await;
            }
            drop(counted);
            n
        }
    })
}

#[test]
fn results_keep_the_order_of_the_input_however_long_each_takes() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_async(async |n: u64| {
                let mut random = Random::seeded(n);
                match random.below(4) {
                    0 => {}
                    1 => tokio::task::yield_now().await,
                    _ => tokio::time::sleep(Duration::from_micros(random.below(3000))).await,
                }
                n * 2
            })
            .max_workers(64);
        for items in [0, 1, 2, 63, 64, 65, 5000] {
            let expected: Vec<u64> = (0..items).map(|n| n * 2).collect();
            assert_eq!(chain.execute_eager(0..items).unwrap(), expected);
            assert_eq!(
                chain.execute_eager((0..items).collect::<std::collections::VecDeque<_>>()).unwrap(),
                expected
            );
        }
    });
}

#[test]
fn futures_that_are_ready_at_once_need_no_waking() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_async(async |n: u64| n + 1);
        assert!(chain.execute_eager(0..100_000).unwrap().into_iter().eq(1..=100_000));
    });
}

#[test]
fn async_and_thread_stages_chain_freely() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n + 1)
            .add_async(async |n| {
                tokio::task::yield_now().await;
                n * 2
            })
            .add_async(async |n| n + 3)
            .max_workers(3)
            .add_threadpool(|n| n.to_string())
            .add_threadpool(|text| text + "!")
            .add_async(async |text| {
                tokio::time::sleep(Duration::from_micros(200)).await;
                text
            });
        let expected: Vec<String> = (0..3000).map(|n| format!("{}!", (n + 1) * 2 + 3)).collect();
        for _ in 0..3 {
            assert_eq!(chain.execute_eager(0..3000).unwrap(), expected);
        }
        assert_eq!(chain.execute_eager_single_threaded(0..300).unwrap(), expected[..300]);
    });
}

#[test]
fn an_eager_run_goes_on_behind_a_slow_future_as_far_as_futures_may_be_in_flight() {
    within(LIMIT, || {
        const OTHERS: usize = 100_000;
        let (done, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
        let chain = PoolChain::new()
            .add_async(move |n: u64| {
                let (done, enough) = (Arc::clone(&done), Arc::clone(&enough));
                async move {
                    if n == 0 {
                        enough.notified().await;
                    } else if done.fetch_add(1, Ordering::SeqCst) + 1 == OTHERS {
                        enough.notify_one();
                    }
                    n
                }
            })
            .max_workers(OTHERS + OTHERS / 2);
        let all = 2 * OTHERS as u64;
        assert!(chain.execute_eager(0..all).unwrap().into_iter().eq(0..all));
    });
}

#[test]
fn max_workers_is_the_number_of_futures_in_flight() {
    within(LIMIT, || {
        for most in [1, 7, 1000] {
            let in_flight = Arc::new(AtomicUsize::new(0));
            let peak = Arc::new(AtomicUsize::new(0));
            let (count, highest) = (Arc::clone(&in_flight), Arc::clone(&peak));
            let chain = PoolChain::new()
                .add_async(move |n: u64| {
                    let counted = Counted::new(&count);
                    highest.fetch_max(count.load(Ordering::SeqCst), Ordering::SeqCst);
                    async move {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        drop(counted);
                        n
                    }
                })
                .max_workers(most);
            let items = 20.max(most as u64 * 3);
            assert_eq!(chain.execute_eager(0..items).unwrap().len() as u64, items);
            assert_eq!(in_flight.load(Ordering::SeqCst), 0);
            let peak = peak.load(Ordering::SeqCst);
            assert!(peak <= most, "{peak} futures at once, {most} allowed");
            assert!(peak * 2 >= most, "only {peak} futures at once, {most} allowed");
        }
    });
}

#[test]
fn unordered_results_do_not_wait_for_a_slow_one() {
    within(LIMIT, || {
        let (release, wait) = tokio::sync::oneshot::channel::<()>();
        let wait = std::sync::Mutex::new(Some(wait));
        let chain = PoolChain::new()
            .add_async(move |n: u64| {
                let wait = (n == 0).then(|| wait.lock().unwrap().take().unwrap());
                async move {
                    if let Some(wait) = wait {
                        wait.await.unwrap();
                    }
                    n
                }
            })
            .max_workers(10)
            .unordered();
        let mut results = chain.execute_lazy(0..500).unwrap();
        let mut seen: Vec<u64> = results.by_ref().take(499).map(Result::unwrap).collect();
        release.send(()).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        assert!(results.next().is_none());
        seen.sort_unstable();
        assert!(seen.into_iter().eq(1..500));
    });
}

#[test]
fn futures_go_on_while_the_consumer_does_something_else() {
    within(LIMIT, || {
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let chain = PoolChain::new().add_async(move |n: u64| {
            let count = Arc::clone(&count);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                count.fetch_add(1, Ordering::SeqCst);
                n
            }
        });
        let results = chain.execute_lazy(0..500).unwrap();
        // Nobody asks for results.
        wait_until(LIMIT, || done.load(Ordering::SeqCst) == 500);
        assert_eq!(results.count(), 500);
    });
}

#[test]
fn dropping_the_results_drops_all_futures() {
    within(LIMIT, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let chain = counted(&alive, |n| n > 10).max_workers(1000);
        let mut results = chain.execute_lazy(0..).unwrap();
        for _ in 0..5 {
            results.next().unwrap().unwrap();
        }
        wait_until(LIMIT, || alive.load(Ordering::SeqCst) >= 900);
        drop(results);
        wait_until(LIMIT, || alive.load(Ordering::SeqCst) == 0);
    });
}

#[test]
fn a_million_items_are_never_more_than_the_window_at_once() {
    within(LIMIT, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let (count, highest) = (Arc::clone(&alive), Arc::new(AtomicUsize::new(0)));
        let peak = Arc::clone(&highest);
        let source = (0..200_000_u64).map(move |n| {
            let counted = Counted::new(&count);
            peak.fetch_max(count.load(Ordering::SeqCst), Ordering::SeqCst);
            (n, counted)
        });
        let chain = PoolChain::new()
            .add_async(async |item: (u64, Counted)| {
                if item.0.is_multiple_of(100) {
                    tokio::task::yield_now().await;
                }
                item
            })
            .max_workers(64)
            .buffer(500);
        let mut next = 0;
        for result in chain.execute_lazy(source).unwrap() {
            assert_eq!(result.unwrap().0, next);
            next += 1;
        }
        assert_eq!(next, 200_000);
        // The buffer, and the batch that the consumer holds.
        let peak = highest.load(Ordering::SeqCst);
        assert!(peak <= 1000, "{peak} items at once");
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_source_that_blocks_delays_no_future() {
    within(LIMIT, || {
        let (sender, receiver) = std::sync::mpsc::channel::<u64>();
        let chain = PoolChain::new().add_async(async |n: u64| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            n + 1
        });
        let mut results = chain.execute_lazy(receiver).unwrap();
        // Each item is only sent when the one before has come out.
        for n in 0..50 {
            sender.send(n).unwrap();
            assert_eq!(results.next().unwrap().unwrap(), n + 1);
        }
        drop(sender);
        assert!(results.next().is_none());
    });
}

#[test]
fn futures_may_borrow_in_a_scoped_run() {
    within(LIMIT, || {
        let names = ["ann".to_owned(), "bob".to_owned()];
        let chain = PoolChain::new()
            .add_async(async |index: usize| {
                tokio::time::sleep(Duration::from_millis(1)).await;
                names[index].as_str()
            })
            .add_threadpool(|name| name.len() + names.len());
        assert_eq!(chain.execute_eager_scoped([1, 0, 1]).unwrap(), [5, 5, 5]);
    });
}

#[test]
fn a_given_runtime_has_the_timers_and_tasks() {
    within(LIMIT, || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let chain = PoolChain::new()
            .add_async_on(runtime.handle(), async |n: u64| {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let task = tokio::spawn(async move { (n, tokio::runtime::Handle::current().id()) });
                task.await.unwrap()
            })
            .max_workers(16);
        let expected: Vec<_> = (0..100).map(|n| (n, runtime.handle().id())).collect();
        assert_eq!(chain.execute_eager(0..100).unwrap(), expected);
        assert_eq!(chain.execute_eager_single_threaded(0..3).unwrap().len(), 3);
    });
}

#[test]
fn statistics_count_the_futures() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_async(async |n: u64| {
                if n == 5 {
                    panic!("no");
                }
                tokio::task::yield_now().await;
            })
            .max_workers(9)
            .name("fetch");
        let mut results = chain.execute_lazy(0..100).unwrap();
        assert_eq!(results.by_ref().filter(Result::is_err).count(), 1);
        let stats = results.stats();
        let stage = &stats.stages()[0];
        assert_eq!((stage.name.as_str(), stage.items, stage.errors, stage.workers), ("fetch", 100, 1, 9));
        assert_eq!((stage.running, stage.queued), (0, 0));
    });
}

#[test]
fn random_chains_equal_their_single_threaded_run() {
    within(LIMIT, || {
        for seed in 0..15 {
            let mut random = Random::seeded(seed);
            let shake = move |n: u64| {
                let mut random = Random::seeded(n ^ seed);
                assert!(!random.one_in(50), "item {n} panics");
                if random.one_in(4) {
                    Naps::seeded(n, Duration::from_micros(100)).nap();
                }
                n
            };
            let mut chain = PoolChain::new()
                .add_threadpool(shake)
                .add_async(move |n: u64| async move {
                    let mut random = Random::seeded(n + seed);
                    for _ in 0..random.below(4) {
                        if random.one_in(3) {
                            tokio::time::sleep(Duration::from_micros(random.below(500))).await;
                        } else {
                            tokio::task::yield_now().await;
                        }
                        assert!(!random.one_in(60), "future {n} panics");
                    }
                    n + 1
                })
                .max_workers(1 + random.below(40) as usize)
                .add_threadpool(shake);
            if random.one_in(2) {
                chain = chain.buffer(1 + random.below(100) as usize);
            }
            let items = random.below(200);
            let show = |result: ori_errors::Result<u64>| result.map_err(|error| error.to_string());
            let parallel: Vec<_> = chain.execute_lazy(0..items).unwrap().map(show).collect();
            let single: Vec<_> = chain.execute_lazy_single_threaded(0..items).unwrap().map(show).collect();
            assert!(parallel == single, "seed {seed}");
        }
    });
}

#[test]
fn runs_leave_no_thread_and_no_descriptor() {
    alone("async_stages::runs_leave_no_thread_and_no_descriptor", || {
        let run = || {
            let chain = PoolChain::new().add_async(async |n: u64| {
                tokio::time::sleep(Duration::from_micros(100)).await;
                n
            });
            assert_eq!(chain.execute_eager(0..20).unwrap().len(), 20);
            drop(chain.execute_lazy(0..).unwrap());
        };
        run();
        let check = LeakCheck::start().unwrap();
        for _ in 0..100 {
            run();
        }
        check.finish();
    });
}
