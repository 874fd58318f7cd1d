//! Chains of threads under a scheduler that tries out interleavings (shuttle): how the consumer is
//! woken, the window fills and is offered again, seats are left and taken, lost workers replaced, and
//! runs are stopped.
//!
//! Compiled with `--cfg shuttle` only; `cargo xtask models` does that. `ORI_MODEL_RUNS` says how
//! many schedules of each kind. A failure prints its schedule. No time passes in a model, so a
//! wake-up that is lost shows as a deadlock.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use ori_poolchain::PoolChain;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner, thread};

/// Preemptions that a schedule puts where they hurt; most faults need two.
const DEPTH: usize = 3;
const STACK: usize = 512 * 1024;
/// A chain of these models takes hundreds.
const STEPS: usize = 30_000;

fn model(f: impl Fn() + Send + Sync + 'static) {
    let runs = std::env::var("ORI_MODEL_RUNS").map_or(1_000, |runs| runs.parse().expect("a number"));
    let f = Arc::new(f);
    let config = || {
        let mut config = Config::new();
        config.stack_size = STACK;
        config.max_steps = MaxSteps::FailAfter(STEPS);
        config
    };
    let again = Arc::clone(&f);
    Runner::new(RandomScheduler::new(runs), config()).run(move || again());
    Runner::new(PctScheduler::new(DEPTH, runs), config()).run(move || f());
}

fn values(chain: &PoolChain<u64, u64>, items: u64) -> Vec<u64> {
    chain.execute_lazy(0..items).unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_item_comes_once_and_in_order_however_narrow_the_window() {
    for (workers, buffer) in [(1, 1), (2, 1), (2, 3)] {
        model(move || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(workers);
            assert_eq!(values(&chain.buffer(buffer), 4), [1, 2, 3, 4]);
        });
    }
}

#[test]
fn the_consumer_may_begin_any_batch_of_an_eager_run_however_narrow_the_window() {
    for buffer in [1, 2, 3] {
        model(move || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(2).buffer(buffer);
            assert_eq!(chain.execute_eager(0..4).unwrap(), [1, 2, 3, 4]);
        });
    }
}

#[test]
fn an_item_that_takes_too_long_costs_its_worker_and_no_other_item() {
    for workers in [1, 2] {
        model(move || {
            let chain = PoolChain::new()
                .add_threadpool(|n: u64| {
                    thread::yield_now();
                    n
                })
                .max_workers(workers)
                .chunksize(1)
                // Over at the second look of the monitor.
                .timeout(Duration::from_nanos(1))
                .buffer(2);
            let mut place = 0;
            for result in chain.execute_lazy(0..3).unwrap() {
                match result {
                    Ok(value) => assert_eq!(value, place),
                    Err(error) => assert!(error.is_timeout() && error.item() == Some(place), "{error}"),
                }
                place += 1;
            }
            assert_eq!(place, 3);
        });
    }
}

#[test]
fn a_run_that_is_dropped_while_its_workers_begin_keeps_nothing() {
    model(|| {
        let kept = Arc::new(());
        let here = Arc::clone(&kept);
        let chain = PoolChain::new().add_threadpool(|item: Arc<()>| item).max_workers(2).buffer(2);
        let source = std::iter::repeat_with(move || Arc::clone(&here));
        let results = chain.execute_lazy(source).unwrap();
        let dropper = thread::spawn(move || drop(results));
        dropper.join().unwrap();
        drop(chain);
        while Arc::strong_count(&kept) > 1 {
            thread::yield_now();
        }
    });
}

#[test]
fn two_stages_with_their_own_workers_pass_on_every_item() {
    for buffer in [1, 2] {
        model(move || {
            let chain = PoolChain::new()
                .add_threadpool(|n: u64| n + 1)
                .max_workers(2)
                .chunksize(1)
                .add_threadpool(|n| n * 10)
                .max_workers(1)
                .chunksize(1)
                .buffer(buffer);
            assert_eq!(values(&chain, 3), [10, 20, 30]);
        });
    }
}

#[test]
fn an_unordered_chain_gives_every_item_once() {
    model(|| {
        let chain = PoolChain::new().add_threadpool(|n: u64| n).max_workers(2).chunksize(1);
        let mut got = values(&chain.unordered().buffer(2), 4);
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2, 3]);
    });
}

#[test]
fn an_eager_run_ends_at_its_first_error_or_gives_all() {
    model(|| {
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| if n == 2 { Err("two") } else { Ok(n) })
            .fallible()
            .max_workers(2)
            .chunksize(1);
        assert_eq!(chain.execute_eager(0..2).unwrap(), [0, 1]);
        assert_eq!(chain.execute_eager(0..4).unwrap_err().item(), Some(2));
    });
}

#[test]
fn dropping_or_cancelling_a_run_halfway_ends_it_and_the_next_one_is_whole() {
    for cancels in [false, true] {
        model(move || {
            let running = Arc::new(AtomicU64::new(0));
            let here = Arc::clone(&running);
            let chain = PoolChain::new()
                .add_threadpool(move |n: u64| {
                    here.fetch_add(1, SeqCst);
                    here.fetch_sub(1, SeqCst);
                    n
                })
                .max_workers(2)
                .chunksize(1)
                .buffer(2);
            let mut results = chain.execute_lazy(0..).unwrap();
            assert_eq!(results.next().unwrap().unwrap(), 0);
            if cancels {
                results.cancel();
                for (place, result) in (1..).zip(results) {
                    assert_eq!(result.unwrap(), place);
                }
            } else {
                drop(results);
            }
            assert_eq!(values(&chain, 2), [0, 1]);
            drop(chain);
        });
    }
}
