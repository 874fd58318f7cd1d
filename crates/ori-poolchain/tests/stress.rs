//! Thousands of random chains: random naps in source, stages and consumer, panics, early drops, 1
//! to 16 workers, sized and unsized sources, scoped runs, time limits, executors good and bad,
//! stages of futures, and of worker processes that die.
//!
//! `ORI_STRESS_CHAINS` says how many chains, `ORI_STRESS_SEED` which: chain number `n` of seed `s`
//! is chain 0 of seed `s + n`, so that one that fails can be run alone.
//!
//! Checked are: no lost, doubled or misplaced item, the right errors, the bounds of workers and
//! buffer, each item and each worker's state dropped, and at the end as many threads as before.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a program of its own, that reports")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{panic, process, thread};

use ori_test_support::{children, stress, threads_named, wait_until};

#[path = "stress/case.rs"]
mod case;
#[path = "stress/pools.rs"]
mod pools;
#[path = "stress/run.rs"]
mod run;

use case::Case;

/// What the panics say that belong to the test; they are not printed.
const EXPECTED: &str = "a panic of the stress test";
/// A chain takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(60);

fn main() {
    ori_worker::init();
    let chains = stress::rounds().unwrap_or(200);
    let seed = stress::seed().unwrap_or(1);
    stress::quiet_panics(EXPECTED);
    let current: Arc<Mutex<Option<(Instant, Case)>>> = Arc::default();
    watch(Arc::clone(&current));

    let started = Instant::now();
    for chain in 0..chains {
        let case = Case::random(seed.wrapping_add(chain));
        *current.lock().unwrap() = Some((Instant::now(), case.clone()));
        match panic::catch_unwind(panic::AssertUnwindSafe(|| run::run(&case))) {
            Ok(Ok(())) => {}
            Ok(Err(wrong)) => fail(&case, &wrong),
            Err(_) => fail(&case, "panicked"),
        }
    }
    *current.lock().unwrap() = None;
    // The pools that all chains share stay; the threads of the chains must not.
    let ended = panic::catch_unwind(|| {
        let left = || ["ori-chain", "ori-conductor"].map(|name| threads_named(name).unwrap_or(1));
        wait_until(DEADLINE, || left() == [0, 0] && children().is_ok_and(|children| children == 0));
    });
    if ended.is_err() {
        eprintln!("threads or processes are left; ORI_STRESS_CHAINS={chains} ORI_STRESS_SEED={seed}");
        process::exit(1);
    }
    println!("{chains} chains from seed {seed} in {:.1} s", started.elapsed().as_secs_f64());
}

fn fail(case: &Case, wrong: &str) -> ! {
    eprintln!("{case:#?}\n{wrong}\nto repeat it: ORI_STRESS_CHAINS=1 ORI_STRESS_SEED={}", case.seed);
    process::exit(1);
}

/// A chain that hangs ends the program.
fn watch(current: Arc<Mutex<Option<(Instant, Case)>>>) {
    thread::spawn(move || {
        loop {
            // tidy: allow(sleep): a look at the clock now and then
            thread::sleep(Duration::from_millis(500));
            let current = current.lock().unwrap();
            if let Some((_, case)) = current.as_ref().filter(|(since, _)| since.elapsed() > DEADLINE) {
                fail(case, "hangs");
            }
        }
    });
}
