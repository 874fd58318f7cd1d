//! Random tasks on thread pools and process pools: values, panics, deaths of the worker, tasks that
//! are cancelled while they queue or run, shutdowns at any moment.
//!
//! `ORI_STRESS_CHAINS` says how many pools, `ORI_STRESS_SEED` which: pool number `n` of seed `s` is
//! pool 0 of seed `s + n`, so that one that fails can be run alone.
//!
//! Checked are: each future ends, with the value or the error of its own task or because somebody
//! cancelled; no thread, process, zombie or descriptor is left.
#![expect(clippy::print_stdout, reason = "a program of its own, that reports")]

use std::process;
use std::time::{Duration, Instant};

use ori_background::{BackgroundFuture, ProcessPool, Shutdown, ThreadPool};
use ori_errors::{ErrorKind, Result};
use ori_test_support::{LeakCheck, Naps, Random, stress};

/// What the panics say that belong to the test; they are not printed.
const EXPECTED: &str = "a panic of the stress test";
/// A pool takes milliseconds; who needs longer hangs.
const DEADLINE: Duration = Duration::from_secs(60);
const NAP: Duration = Duration::from_micros(200);
const TASKS: u64 = 40;

fn main() {
    // In the worker processes too.
    stress::quiet_panics(EXPECTED);
    ori_worker::init();
    let pools = stress::rounds().unwrap_or(200);
    let seed = stress::seed().unwrap_or(1);
    // What all pools share starts once, and stays.
    round(seed);
    let check = LeakCheck::start().expect("there is /proc").limit(DEADLINE);
    let started = Instant::now();
    stress::run(pools, seed, DEADLINE, round);
    check.finish();
    println!("{pools} pools from seed {seed} in {:.1} s", started.elapsed().as_secs_f64());
}

/// What becomes of task `n`, in a thread or in a process.
fn task(fate: u64, n: u64) -> u64 {
    Naps::seeded(n, NAP).nap();
    match fate {
        PANICS => panic!("{EXPECTED}"),
        DIES => process::abort(),
        _ => n,
    }
}

const PANICS: u64 = 0;
const DIES: u64 = 1;

/// One pool, with a seed of its own.
fn round(seed: u64) {
    let mut random = Random::seeded(seed);
    let workers = 1 + random.below(4) as usize;
    if random.one_in(2) {
        let idle = Duration::from_micros(1 + random.below(300));
        let pool = ThreadPool::builder().max_workers(workers).idle_timeout(idle).build().unwrap();
        let submit = |fate, n| pool.submit(move || task(fate, n));
        with_tasks(&mut random, seed, false, submit, |how| pool.shutdown(how));
    } else {
        let pool = ProcessPool::builder().max_workers(workers);
        let pool = if random.one_in(3) { pool.max_tasks_per_worker(1 + random.below(9)) } else { pool };
        let pool = pool.build().unwrap();
        let submit = |fate, n| pool.submit(|(fate, n)| task(fate, n), (fate, n));
        with_tasks(&mut random, seed, true, submit, |how| pool.shutdown(how));
    }
}

fn with_tasks(
    random: &mut Random,
    seed: u64,
    in_processes: bool,
    submit: impl Fn(u64, u64) -> BackgroundFuture<u64>,
    shutdown: impl FnOnce(Shutdown),
) {
    let mut naps = Naps::seeded(seed, NAP);
    let mut tasks = Vec::new();
    for n in 0..1 + random.below(TASKS) {
        let fate = match random.below(20) {
            DIES if !in_processes => PANICS,
            fate => fate,
        };
        let future = submit(fate, n);
        if random.one_in(8) {
            naps.nap();
        }
        let cancelled = random.one_in(8) && future.cancel();
        tasks.push((n, fate, cancelled, future));
    }
    let closes = random.one_in(3);
    if closes {
        shutdown(if random.one_in(2) { Shutdown::Wait } else { Shutdown::CancelPending });
    }
    for (n, fate, cancelled, future) in tasks {
        check(n, fate, cancelled || closes, future.result());
    }
}

fn check(n: u64, fate: u64, may_be_cancelled: bool, result: Result<u64>) {
    match (fate, result) {
        (_, Err(error)) if may_be_cancelled && error.is_cancelled() => {}
        (PANICS, Err(error)) => assert_eq!(error.kind(), ErrorKind::Panicked, "task {n}: {error}"),
        (DIES, Err(error)) => assert_eq!(error.kind(), ErrorKind::WorkerLost, "task {n}: {error}"),
        (PANICS | DIES, Ok(value)) => panic!("task {n} gave {value} instead of an error"),
        (_, result) => assert_eq!(result.unwrap(), n),
    }
}
