//! Many threads at once, with seeded naps and both processors busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ori_background::{BackgroundFuture, ReturnWhen, Shutdown, ThreadPool, wait};
use ori_test_support::{BusyLoad, Naps, Random, within};

use crate::LONG;

const NAP: Duration = Duration::from_micros(60);

#[test]
fn every_task_is_run_once_or_resolved_whatever_happens_to_the_pool() {
    let _load = BusyLoad::start();
    for seed in 0..150 {
        within(LONG, move || chaos(seed));
    }
}

/// Several threads submit, cancel, wait and await; one may shut the pool down meanwhile.
fn chaos(seed: u64) {
    let mut random = Random::seeded(seed);
    let workers = 1 + usize::try_from(random.below(8)).unwrap();
    let idle = Duration::from_micros(1 + random.below(300));
    let pool = ThreadPool::builder().max_workers(workers).idle_timeout(idle);
    let pool = if random.one_in(3) { pool.task_timeout(LONG) } else { pool };
    let pool = pool.build().unwrap();
    let closes = random.one_in(3);
    let runs = Arc::new(AtomicUsize::new(0));
    let submitters: Vec<_> = (0..3)
        .map(|n| {
            let (pool, runs) = (pool.clone(), Arc::clone(&runs));
            thread::spawn(move || submitter(seed * 10 + n, &pool, &runs))
        })
        .collect();
    if closes {
        Naps::seeded(seed, NAP * 4).nap();
        pool.shutdown(if random.one_in(2) { Shutdown::Wait } else { Shutdown::CancelPending });
    }
    let values: usize = submitters.into_iter().map(|submitter| submitter.join().unwrap()).sum();
    assert_eq!(values, runs.load(Ordering::SeqCst), "each run gave one value, seed {seed}");
    if !closes {
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    }
}

/// How many of its tasks gave a value.
fn submitter(seed: u64, pool: &ThreadPool, runs: &Arc<AtomicUsize>) -> usize {
    let mut naps = Naps::seeded(seed, NAP);
    let mut random = Random::seeded(seed);
    let mut values = 0;
    for _ in 0..8 {
        let mut futures: Vec<BackgroundFuture<u64>> = (0..random.below(12))
            .map(|n| {
                let runs = Arc::clone(runs);
                let mut naps = Naps::seeded(seed ^ n, NAP);
                pool.submit(move || {
                    naps.nap();
                    runs.fetch_add(1, Ordering::SeqCst);
                    n
                })
            })
            .collect();
        naps.nap();
        match random.below(4) {
            0 => futures.iter().for_each(|future| {
                future.cancel();
            }),
            1 => drop(wait(&mut futures, ReturnWhen::AllCompleted, None)),
            2 => drop(wait(&mut futures, ReturnWhen::FirstCompleted, Some(NAP))),
            _ => {}
        }
        for (n, future) in (0..).zip(futures) {
            let outcome = if random.one_in(2) { pollster::block_on(future) } else { future.result() };
            match outcome {
                Ok(value) => {
                    assert_eq!(value, n);
                    values += 1;
                }
                Err(error) => assert!(
                    error.is_cancelled() || error.kind() == ori_errors::ErrorKind::Closed,
                    "{error:?}"
                ),
            }
        }
    }
    values
}

#[test]
fn one_task_at_a_time_is_never_lost_while_workers_come_and_go() {
    let _load = BusyLoad::start();
    // On a busy machine each task may wait for a turn of others.
    within(LONG * 4, || {
        let pool =
            ThreadPool::builder().max_workers(2).idle_timeout(Duration::from_micros(20)).build().unwrap();
        let mut naps = Naps::seeded(1, Duration::from_micros(40));
        for n in 0..5_000u64 {
            assert_eq!(pool.submit(move || n).result().unwrap(), n);
            naps.nap();
        }
    });
}
