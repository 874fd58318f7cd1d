//! A batch is how items travel, and nothing that they or their results wait for.

use ori_errors::ErrorKind;
use ori_test_support::{wait_until, within};
use ori_worker::Payload;

use super::{Mark, count, mark, pool};
use crate::LONG;

/// So many cheap items make batches long.
const CHEAP: usize = 5000;
/// Then so many wait, each for the result before it to have arrived.
const PATIENT: usize = 40;
/// Many more come behind them, so that batches need not shrink near the end.
const ALL: usize = 2 * CHEAP;

/// Waits until all results of patient items before this one have arrived.
fn wait_for_results(n: usize, path: &str) {
    if (CHEAP..CHEAP + PATIENT).contains(&n) {
        wait_until(LONG, || count(path) >= n - CHEAP);
    }
}

fn arrived(n: usize, path: &str) {
    if n >= CHEAP {
        mark(path);
    }
}

#[test]
fn a_result_does_not_wait_for_the_items_behind_it() {
    let arrivals = Mark::new();
    let path = arrivals.path();
    let pool = pool(1);
    within(LONG, move || {
        let items = (0..ALL).map(|n| (n, path.clone()));
        let results = pool.map(
            |(n, path): (usize, String)| {
                wait_for_results(n, &path);
                n
            },
            items,
        );
        for (n, result) in results.enumerate() {
            assert_eq!(result.unwrap(), n);
            arrived(n, &path);
        }
    });
}

#[test]
fn results_with_payloads_and_without_stay_apart_when_they_come_one_by_one() {
    let arrivals = Mark::new();
    let path = arrivals.path();
    let pool = pool(1);
    within(LONG, move || {
        let items = (0..ALL).map(|n| (n, path.clone()));
        let results = pool.map(
            |(n, path): (usize, String)| {
                wait_for_results(n, &path);
                (n, (n % 5 == 4).then(|| Payload::from(n.to_le_bytes().to_vec())))
            },
            items,
        );
        for (n, result) in results.enumerate() {
            let (number, payload) = result.unwrap();
            assert_eq!((number, payload.is_some()), (n, n % 5 == 4));
            assert!(payload.is_none_or(|payload| payload[..] == n.to_le_bytes()));
            arrived(n, &path);
        }
    });
}

#[test]
fn results_that_came_early_do_not_come_again_when_their_worker_dies() {
    let arrivals = Mark::new();
    let path = arrivals.path();
    let pool = pool(1);
    within(LONG, move || {
        let items = (0..ALL).map(|n| (n, path.clone()));
        let results = pool.map(
            |(n, path): (usize, String)| {
                wait_for_results(n, &path);
                if (CHEAP..CHEAP + PATIENT).contains(&n) && n % 10 == 9 {
                    std::process::abort();
                }
                n
            },
            items,
        );
        for (n, result) in results.enumerate() {
            match result {
                Ok(number) => assert_eq!(number, n),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WorkerLost, "item {n}");
                    assert!((CHEAP..CHEAP + PATIENT).contains(&n) && n % 10 == 9, "item {n}");
                }
            }
            arrived(n, &path);
        }
    });
}
