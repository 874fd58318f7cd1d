//! The thread pool and its futures under a scheduler that tries out interleavings (shuttle).
//!
//! Compiled with `--cfg shuttle` only; `cargo xtask models` does that. `ORI_MODEL_RUNS` says how
//! many schedules of each kind. A failure prints its schedule. No time passes in a model, so a
//! wake-up that is lost shows as a deadlock.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use ori_background::{BackgroundFuture, ReturnWhen, Shutdown, ThreadPool, wait};
use ori_errors::{ErrorKind, Result};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

/// Preemptions that a schedule puts where they hurt; most faults need two.
const DEPTH: usize = 3;
const STACK: usize = 512 * 1024;

fn model(f: impl Fn() + Send + Sync + 'static) {
    let runs = std::env::var("ORI_MODEL_RUNS").map_or(1_000, |runs| runs.parse().expect("a number"));
    let f = Arc::new(f);
    let config = || {
        let mut config = Config::new();
        config.stack_size = STACK;
        config
    };
    let again = Arc::clone(&f);
    Runner::new(RandomScheduler::new(runs), config()).run(move || again());
    Runner::new(PctScheduler::new(DEPTH, runs), config()).run(move || f());
}

fn pool(workers: usize, idle: Duration) -> ThreadPool {
    ThreadPool::builder().max_workers(workers).idle_timeout(idle).build().unwrap()
}

/// Workers stay, or end as soon as there is nothing to do: both ends of an idle time-out.
const IDLE: [Duration; 2] = [Duration::MAX, Duration::from_nanos(1)];

fn check(result: Result<usize>, expected: usize) -> bool {
    match result {
        Ok(value) => {
            assert_eq!(value, expected);
            true
        }
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed), "{error}");
            false
        }
    }
}

#[test]
fn every_task_is_run_whoever_submits_it_and_however_workers_come_and_go() {
    for idle in IDLE {
        for workers in [1, 2] {
            model(move || {
                let pool = pool(workers, idle);
                let submitters: Vec<_> = (0..2)
                    .map(|first| {
                        let pool = pool.clone();
                        thread::spawn(move || {
                            for task in [first, first + 10] {
                                assert_eq!(pool.submit(move || task).result().unwrap(), task);
                            }
                        })
                    })
                    .collect();
                submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
            });
        }
    }
}

#[test]
fn a_shutdown_at_any_moment_resolves_every_future_and_ends() {
    for how in [Shutdown::Wait, Shutdown::CancelPending, Shutdown::Abandon] {
        model(move || {
            let pool = pool(1, Duration::MAX);
            let ran = Arc::new(AtomicUsize::new(0));
            let submitter = {
                let (pool, ran) = (pool.clone(), Arc::clone(&ran));
                thread::spawn(move || {
                    let submit = |task| {
                        let ran = Arc::clone(&ran);
                        pool.submit(move || {
                            ran.fetch_add(1, SeqCst);
                            task
                        })
                    };
                    let futures: Vec<_> = (0..3).map(submit).collect();
                    let values =
                        futures.into_iter().enumerate().map(|(task, future)| check(future.result(), task));
                    values.filter(|is_value| *is_value).count()
                })
            };
            pool.shutdown(how);
            let values = submitter.join().unwrap();
            if how == Shutdown::Abandon {
                assert!(values <= ran.load(SeqCst), "a value without a run");
            } else {
                assert_eq!(values, ran.load(SeqCst), "each run gave its value");
            }
            assert_eq!(pool.submit(|| 0).result().unwrap_err().kind(), ErrorKind::Closed);
        });
    }
}

#[test]
fn dropping_the_last_handle_resolves_what_is_queued() {
    model(|| {
        let pool = pool(1, Duration::MAX);
        let futures: Vec<_> = (0..3).map(|task| pool.submit(move || task)).collect();
        let dropper = thread::spawn(move || drop(pool));
        for (task, future) in futures.into_iter().enumerate() {
            check(future.result(), task);
        }
        dropper.join().unwrap();
    });
}

#[test]
fn a_cancelled_task_never_runs_and_one_that_is_not_gives_its_value() {
    model(|| {
        let pool = pool(1, Duration::MAX);
        let ran = Arc::new(AtomicUsize::new(0));
        let here = Arc::clone(&ran);
        let future = pool.submit(move || here.fetch_add(1, SeqCst));
        let cancelled = future.cancel();
        assert_eq!(check(future.result(), 0), !cancelled);
        pool.shutdown(Shutdown::Wait);
        assert_eq!(ran.load(SeqCst), usize::from(!cancelled));
    });
}

#[test]
fn a_callback_runs_once_whenever_it_is_registered() {
    model(|| {
        let pool = pool(1, Duration::MAX);
        let called = Arc::new(AtomicUsize::new(0));
        let future = pool.submit(|| 1);
        let here = Arc::clone(&called);
        future.on_done(move || {
            here.fetch_add(1, SeqCst);
        });
        assert_eq!(future.result().unwrap(), 1);
        pool.shutdown(Shutdown::Wait);
        assert_eq!(called.load(SeqCst), 1);
    });
}

#[test]
fn waiting_for_several_ends_when_the_first_or_all_are_there() {
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::AllCompleted] {
        model(move || {
            let pool = pool(2, Duration::MAX);
            let mut futures: Vec<BackgroundFuture<usize>> =
                (0..3).map(|task| pool.submit(move || task)).collect();
            let (done, rest) = wait(&mut futures, when, None);
            assert_eq!(done.len() + rest.len(), 3);
            assert!(if when == ReturnWhen::AllCompleted { rest.is_empty() } else { !done.is_empty() });
            for (task, future) in futures.into_iter().enumerate() {
                assert!(check(future.result(), task));
            }
        });
    }
}
