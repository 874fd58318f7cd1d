//! Stages on executors of the user: good ones, and those that refuse, drop or end.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use ori_background::{Executor, Job, Shutdown, ThreadPool};
use ori_errors::{ErrorKind, OriError, Result};
use ori_poolchain::PoolChain;
use ori_test_support::{wait_until, within};

use crate::LIMIT;
use crate::stopping::Gate;

fn pool(workers: usize) -> ThreadPool {
    ThreadPool::builder().max_workers(workers).build().unwrap()
}

struct Rayon(rayon::ThreadPool);

impl Executor for Rayon {
    fn execute(&self, job: Job) -> Result<()> {
        self.0.spawn(job);
        Ok(())
    }

    fn max_workers(&self) -> usize {
        self.0.current_num_threads()
    }
}

#[test]
fn a_stage_runs_on_rayon() {
    within(LIMIT, || {
        let rayon = Rayon(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
        let is_rayon = |n: u64| (n, rayon::current_thread_index().is_some());
        let chain = PoolChain::new().add(is_rayon, rayon).add_threadpool(|(n, on_rayon)| {
            assert!(on_rayon && rayon::current_thread_index().is_none());
            n + 1
        });
        for source_length in [0, 1, 5000] {
            let results = chain.execute_lazy(0..source_length).unwrap();
            assert!(results.map(Result::unwrap).eq(1..=source_length));
            let results = chain.execute_eager((0..source_length).filter(|_| true)).unwrap();
            assert!(results.into_iter().eq(1..=source_length));
        }
    });
}

#[test]
fn a_pool_may_be_shared_by_stages_and_chains() {
    within(LIMIT, || {
        let pool = pool(2);
        let make = || {
            PoolChain::new()
                .add(|n: u64| n + 1, pool.clone())
                .add(|n| n * 2, pool.clone())
                .add_threadpool(|n| n)
                .add(|n| n + 1, pool.clone())
        };
        let chains = [make(), make(), make()];
        thread::scope(|scope| {
            for chain in &chains {
                scope.spawn(|| {
                    let results = chain.execute_lazy((0..3000).filter(|_| true)).unwrap();
                    assert!(results.map(Result::unwrap).eq((0..3000).map(|n| (n + 1) * 2 + 1)));
                });
            }
        });
    });
}

#[test]
fn a_pool_of_one_thread_runs_a_source_that_waits_for_results() {
    within(LIMIT, || {
        let pool = pool(1);
        let chain = PoolChain::new().add(|n: u64| n, pool.clone()).add(|n| n + 1, pool);
        let (send, receive) = mpsc::channel();
        let mut results = chain.execute_lazy(receive).unwrap();
        for item in 0..100 {
            send.send(item).unwrap();
            assert_eq!(results.next().unwrap().unwrap(), item + 1);
        }
        drop(send);
        assert!(results.next().is_none());
    });
}

/// Refuses jobs, after the first `accepts`.
struct Refuses {
    pool: ThreadPool,
    accepts: usize,
    jobs: AtomicUsize,
}

impl Executor for Refuses {
    fn execute(&self, job: Job) -> Result<()> {
        if self.jobs.fetch_add(1, SeqCst) < self.accepts {
            return self.pool.execute(job);
        }
        drop(job);
        Err(OriError::new(ErrorKind::QueueFull, "this pool is full"))
    }

    fn max_workers(&self) -> usize {
        4
    }
}

fn refuses(accepts: usize) -> Refuses {
    Refuses { pool: pool(4), accepts, jobs: AtomicUsize::new(0) }
}

#[test]
fn an_executor_that_refuses_everything_ends_the_run_with_its_error() {
    within(LIMIT, || {
        for position in 0..2 {
            let chain = PoolChain::new().add_threadpool(|n: u64| n);
            let chain = if position == 0 {
                PoolChain::new().add(|n: u64| n, refuses(0)).add_threadpool(|n| n)
            } else {
                chain.add(|n| n, refuses(0))
            };
            let mut results = chain.execute_lazy(0..100).unwrap();
            let error = results.next().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::QueueFull, "{error:?}");
            assert!(error.to_string().contains("this pool is full"), "{error}");
            assert!(results.next().is_none());
            assert_eq!(chain.execute_eager(0..100).unwrap_err().kind(), ErrorKind::QueueFull);
        }
    });
}

#[test]
fn an_executor_that_refuses_some_jobs_runs_the_rest_on_the_others() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let refuses = Arc::new(refuses(1));
        let chain = PoolChain::new()
            .add(
                move |n: u64| {
                    closed.wait();
                    n
                },
                Arc::clone(&refuses),
            )
            .chunksize(100);
        let run = thread::spawn(move || chain.execute_eager((0..100).filter(|_| true)));
        // The only job that was accepted holds the items; others were refused meanwhile.
        wait_until(LIMIT, || refuses.jobs.load(SeqCst) >= 1);
        gate.open();
        match run.join().unwrap() {
            Ok(results) => assert!(results.into_iter().eq(0..100)),
            // When that job ends early, nobody is left.
            Err(error) => assert_eq!(error.kind(), ErrorKind::QueueFull),
        }
    });
}

#[test]
fn a_refusal_does_not_leave_a_blocked_source_alone() {
    within(LIMIT, || {
        let (send, receive) = mpsc::channel();
        let chain = PoolChain::new().add(|n: u64| n, refuses(1));
        let mut results = chain.execute_lazy(receive).unwrap();
        for item in 0..2000 {
            send.send(item).unwrap();
            match results.next().unwrap() {
                Ok(result) => assert_eq!(result, item),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::QueueFull);
                    break;
                }
            }
        }
    });
}

/// Accepts jobs and drops them, after the first `accepts`.
struct Drops(Refuses);

impl Executor for Drops {
    fn execute(&self, job: Job) -> Result<()> {
        // Accepted, and lost.
        let _ = self.0.execute(job);
        Ok(())
    }

    fn max_workers(&self) -> usize {
        4
    }
}

#[test]
fn an_executor_that_drops_its_jobs_ends_the_run() {
    within(LIMIT, || {
        let chain = PoolChain::new().add(|n: u64| n, Drops(refuses(0)));
        let mut results = chain.execute_lazy(0..100).unwrap();
        assert_eq!(results.next().unwrap().unwrap_err().kind(), ErrorKind::Closed);
        assert!(results.next().is_none());
        assert_eq!(chain.execute_eager(0..100).unwrap_err().kind(), ErrorKind::Closed);
    });
}

/// Keeps its jobs until they are let go.
#[derive(Clone, Default)]
struct Keeps(Arc<Mutex<Vec<Job>>>);

impl Executor for Keeps {
    fn execute(&self, job: Job) -> Result<()> {
        self.0.lock().unwrap().push(job);
        Ok(())
    }
}

#[test]
fn jobs_that_are_dropped_later_end_the_run() {
    within(LIMIT, || {
        let keeps = Keeps::default();
        let chain = PoolChain::new().add(|n: u64| n, keeps.clone());
        let mut results = chain.execute_lazy(0..100).unwrap();
        wait_until(LIMIT, || !keeps.0.lock().unwrap().is_empty());
        let jobs = std::mem::take(&mut *keeps.0.lock().unwrap());
        drop(jobs);
        assert_eq!(results.next().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn jobs_that_run_after_the_run_has_ended_do_nothing() {
    within(LIMIT, || {
        let keeps = Keeps::default();
        let calls = Arc::new(AtomicUsize::new(0));
        let chain = PoolChain::new().add(
            {
                let calls = Arc::clone(&calls);
                move |n: u64| calls.fetch_add(n as usize, SeqCst)
            },
            keeps.clone(),
        );
        drop(chain.execute_lazy(1..100).unwrap());
        drop(chain);
        let jobs = std::mem::take(&mut *keeps.0.lock().unwrap());
        jobs.into_iter().for_each(|job| job());
        assert_eq!(calls.load(SeqCst), 0);
        assert_eq!(Arc::strong_count(&calls), 1);
    });
}

#[test]
fn a_pool_that_is_shut_down_midway_ends_the_run() {
    for how in [Shutdown::Wait, Shutdown::CancelPending, Shutdown::Abandon] {
        within(LIMIT, move || {
            let pool = pool(2);
            let chain = PoolChain::new().add_threadpool(|n: u64| n).add(|n| n, pool.clone());
            let mut results = chain.execute_lazy(0..).unwrap();
            assert_eq!(results.next().unwrap().unwrap(), 0);
            pool.shutdown(how);
            let error = results.find_map(Result::err).unwrap();
            assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
            assert!(results.next().is_none());
            assert_eq!(chain.execute_eager(0..10).unwrap_err().kind(), ErrorKind::Closed);
        });
    }
}

#[test]
fn a_pool_that_is_shut_down_does_not_leave_a_blocked_source_alone() {
    within(LIMIT, || {
        let (send, receive) = mpsc::channel();
        let pool = pool(2);
        let chain = PoolChain::new().add(|n: u64| n, pool.clone());
        let mut results = chain.execute_lazy(receive).unwrap();
        send.send(0).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        pool.shutdown(Shutdown::Abandon);
        for item in 1..2000 {
            send.send(item).unwrap();
            match results.next().unwrap() {
                Ok(result) => assert_eq!(result, item),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Closed);
                    return;
                }
            }
        }
    });
}

#[test]
fn the_pool_of_a_stage_outlives_neither_chain_nor_run() {
    within(LIMIT, || {
        let pool = Arc::new(Keeps::default());
        let chain = PoolChain::new().add(|n: u64| n, Arc::clone(&pool));
        let results = chain.execute_lazy(0..10).unwrap();
        drop(chain);
        drop(results);
        pool.0.lock().unwrap().clear();
        wait_until(LIMIT, || Arc::strong_count(&pool) == 1);
    });
}
