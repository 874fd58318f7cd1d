//! Workers that die.

use ori_background::ProcessPool;
use ori_errors::{ErrorKind, OriError};
use ori_test_support::{Random, within};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Mark, kill, mark, pool};
use crate::LONG;

/// What user code can do to its process.
fn die(how: &str) {
    match how {
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        "kill" => {
            kill(std::process::id());
            super::stall()
        }
        "stack" => drop(std::hint::black_box(endless(1))),
        "memory" => drop(std::hint::black_box(vec![1_u8; 1 << 60])),
        _ => {}
    }
}

#[expect(unconditional_recursion, reason = "it overflows the stack")]
fn endless(n: u64) -> u64 {
    std::hint::black_box([n; 64])[0] + endless(std::hint::black_box(n + 1))
}

fn check_lost(how: &str, error: &OriError) {
    assert_eq!(error.kind(), ErrorKind::WorkerLost, "{how}: {error}");
    assert!(error.pid().is_some_and(|pid| pid != std::process::id()), "{how}: {error}");
    match how {
        "exit" => assert_eq!((error.exit_code(), error.signal()), (Some(3), None)),
        "kill" => assert_eq!((error.exit_code(), error.signal()), (None, Some(9))),
        // The overflow handler of `main` aborts; before `main` it is the fault itself.
        "stack" => assert!(matches!(error.signal(), Some(6 | 11)), "{error}"),
        _ => assert_eq!(error.signal(), Some(6), "{how}: {error}"),
    }
}

#[test]
fn promise_03_a_death_costs_exactly_the_item_that_ran() {
    let pool = pool(2);
    let ways = ["exit", "abort", "kill", "stack", "memory"];
    let task = |(way, n): (String, usize)| {
        if n.is_multiple_of(7) {
            die(&way);
        }
        n
    };
    let items = (0..70).map(|n| (ways[n / 7 % 5].to_owned(), n));
    for (n, result) in (0..).zip(pool.map(task, items)) {
        if n % 7 == 0 {
            check_lost(ways[n / 7 % 5], &result.unwrap_err());
        } else {
            assert_eq!(result.unwrap(), n);
        }
    }
    assert_eq!(pool.submit(|n: u8| n, 1).result().unwrap(), 1, "the pool goes on");
}

/// Dies where user code runs in a value's own serialization, in a worker only.
struct Fatal {
    decoding: bool,
}

impl Serialize for Fatal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if ori_worker::is_worker() && !self.decoding {
            std::process::exit(3);
        }
        self.decoding.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fatal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decoding = bool::deserialize(deserializer)?;
        if ori_worker::is_worker() && decoding {
            std::process::exit(3);
        }
        Ok(Self { decoding })
    }
}

#[test]
fn promise_04_a_death_while_decoding_running_or_encoding_is_the_same_error() {
    let pool = pool(1);
    for decoding in [true, false] {
        let results: Vec<_> = (0..3).map(|_| pool.submit(|fatal: Fatal| fatal, Fatal { decoding })).collect();
        for future in results {
            let error = within(LONG, || future.result()).err().expect("its worker died");
            check_lost("exit", &error);
        }
    }
    check_lost("exit", &pool.submit(|()| die("exit"), ()).result().unwrap_err());
    assert_eq!(pool.submit(|n: u8| n, 1).result().unwrap(), 1);
}

#[test]
fn promise_08_a_finished_item_is_never_run_again() {
    let marks = Mark::new();
    let pool = ProcessPool::builder().max_workers(1).retries(2).build().unwrap();
    let task = |(path, n): (String, u32)| {
        mark(&path);
        if n % 10 == 9 {
            die("abort");
        }
        n
    };
    let path = marks.path();
    let results: Vec<_> = pool.map(task, (0..200).map(|n| (path.clone(), n))).collect();
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 20);
    // 180 that return, and 20 that are begun three times each.
    assert_eq!(marks.count(), 180 + 3 * 20);
}

#[test]
fn promise_08_an_item_whose_worker_died_is_tried_again() {
    let marks = Mark::new();
    let pool = ProcessPool::builder().max_workers(1).retries(3).build().unwrap();
    let dies_twice = |path: String| {
        let begun = mark(&path);
        if begun <= 2 {
            die("abort");
        }
        begun
    };
    assert_eq!(pool.submit(dies_twice, marks.path()).result().unwrap(), 3);
    let marks = Mark::new();
    let dies_always = |path: String| {
        mark(&path);
        die("exit");
    };
    check_lost("exit", &pool.submit(dies_always, marks.path()).result().unwrap_err());
    assert_eq!(marks.count(), 4, "once, and three times again");
    let marks = Mark::new();
    let panics = |path: String| assert!(mark(&path) == 0, "no");
    assert!(pool.submit(panics, marks.path()).result().unwrap_err().is_panic());
    assert_eq!(marks.count(), 1, "a function that returned or panicked is not tried again");
}

#[test]
fn promise_03_random_kills_lose_only_what_was_running_and_nothing_with_retries() {
    let items = 100_000_u64;
    for retries in [0, 3] {
        let pool = ProcessPool::builder().max_workers(2).retries(retries).build().unwrap();
        let mut random = Random::seeded(7);
        let mut kills = 0;
        let mut lost = 0;
        for (n, result) in (0..).zip(pool.map(|n: u64| n + 1, 0..items)) {
            match result {
                Ok(value) => assert_eq!(value, n + 1),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WorkerLost, "{error}");
                    lost += 1;
                }
            }
            if n % 5_000 == 0 {
                let pids = pool.worker_pids();
                if !pids.is_empty() {
                    kill(pids[random.below(pids.len() as u64) as usize]);
                    kills += 1;
                }
            }
        }
        assert!(kills > 10);
        assert!(lost <= if retries == 0 { kills } else { 0 }, "{lost} lost by {kills} kills");
    }
}
