//! Random calls between sync and async code: `sync` inside `unblock` inside `sync`, on both kinds of
//! runtime and on none, of futures that are ready, yield, sleep or panic, several at a time.
//!
//! `ORI_STRESS_CHAINS` says how many trees of calls, `ORI_STRESS_SEED` which: tree number `n` of seed
//! `s` is tree 0 of seed `s + n`, so that one that fails can be run alone.
//!
//! Checked are: each call gives its own value or its own panic, nothing hangs, no thread or
//! descriptor is left.
#![expect(clippy::print_stdout, reason = "a program of its own, that reports")]

use std::time::{Duration, Instant};
use std::{panic, thread};

use ori_bridge::{sync, unblock};
use ori_test_support::{LeakCheck, Random, stress};
use tokio::runtime::Builder;

/// What the panics say that belong to the test; they are not printed.
const EXPECTED: &str = "a panic of the stress test";
/// A tree takes milliseconds; one that needs longer hangs.
const DEADLINE: Duration = Duration::from_secs(60);
/// Calls inside of calls.
const DEPTH: u64 = 5;

fn main() {
    let trees = stress::rounds().unwrap_or(200);
    let seed = stress::seed().unwrap_or(1);
    stress::quiet_panics(EXPECTED);
    let started = Instant::now();
    stress::run(trees, seed, DEADLINE, tree);
    // The threads that serve all calls stay, as many as there are by now; no tree adds to them.
    let check = LeakCheck::start().expect("there is /proc").limit(DEADLINE);
    (0..20).for_each(|_| tree(seed));
    check.finish();
    println!("{trees} trees of calls from seed {seed} in {:.1} s", started.elapsed().as_secs_f64());
}

/// One to three threads, each on a runtime or on none.
fn tree(seed: u64) {
    let mut random = Random::seeded(seed);
    thread::scope(|scope| {
        for branch in 0..1 + random.below(3) {
            let (seed, place) = (seed ^ (branch << 32), random.below(3));
            scope.spawn(move || {
                let value = match place {
                    0 => in_sync(seed, DEPTH),
                    1 => Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap()
                        .block_on(in_async(seed, DEPTH)),
                    _ => Builder::new_multi_thread()
                        .worker_threads(2)
                        .enable_all()
                        .build()
                        .unwrap()
                        .block_on(in_async(seed, DEPTH)),
                };
                assert_eq!(value, expected(seed, DEPTH), "seed {seed}");
            });
        }
    });
}

/// What a call gives: its own seed and that of the call inside it, if that did not panic.
fn expected(seed: u64, depth: u64) -> u64 {
    if depth == 0 { seed } else { seed.wrapping_add(expected(seed.wrapping_mul(31), depth - 1)) }
}

/// Whether the call begins with one that panics, which whoever called it catches.
fn panics(seed: u64) -> bool {
    Random::seeded(seed).one_in(6)
}

fn in_sync(seed: u64, depth: u64) -> u64 {
    if depth == 0 {
        return seed;
    }
    if panics(seed) {
        let payload = panic::catch_unwind(|| sync(fails())).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some(EXPECTED));
    }
    seed.wrapping_add(sync(in_async(seed.wrapping_mul(31), depth - 1)))
}

async fn fails() {
    tokio::task::yield_now().await;
    panic!("{EXPECTED}");
}

async fn in_async(seed: u64, depth: u64) -> u64 {
    match seed % 4 {
        0 => tokio::task::yield_now().await,
        1 => tokio::time::sleep(Duration::from_micros(seed % 300)).await,
        _ => {}
    }
    if depth == 0 {
        return seed;
    }
    if panics(seed) {
        let error = unblock(|| panic!("{EXPECTED}")).await.map(|(): ()| ()).unwrap_err();
        assert!(error.is_panic(), "{error}");
    }
    let inner = seed.wrapping_mul(31);
    let value = match seed % 3 {
        0 => Box::pin(in_async(inner, depth - 1)).await,
        1 => in_sync(inner, depth - 1),
        _ => unblock(move || in_sync(inner, depth - 1)).await.unwrap(),
    };
    seed.wrapping_add(value)
}
