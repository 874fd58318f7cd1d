//! Stages of threads, of futures and of worker processes chain in any order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ori_errors::{ErrorKind, OriError, Result};
use ori_poolchain::PoolChain;
use ori_test_support::{LeakCheck, alone, children, wait_until, within};

use crate::LIMIT as LONG;

/// Its position, and the stages that it has been through.
type Item = (u64, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Threads,
    Futures,
    Processes,
}

use Stage::{Futures, Processes, Threads};

const ORDERS: [&[Stage]; 9] = [
    &[Threads, Futures, Processes],
    &[Threads, Processes, Futures],
    &[Futures, Threads, Processes],
    &[Futures, Processes, Threads],
    &[Processes, Threads, Futures],
    &[Processes, Futures, Threads],
    &[Processes, Processes, Futures],
    &[Futures, Processes, Futures],
    &[Processes, Threads, Processes],
];

const ITEMS: u64 = 600;
/// One item of so many fails in each stage, and one ends its worker process.
const ROUND: u64 = 100;
const DEADLY: u64 = 50;

fn step((n, trail): Item, name: &str, fails_at: u64) -> Result<Item, String> {
    if n % ROUND == fails_at { Err(format!("{name} refuses {n}")) } else { Ok((n, trail + name)) }
}

fn add(chain: PoolChain<Item, Item>, stage: Stage) -> PoolChain<Item, Item> {
    match stage {
        Threads => chain.add_threadpool(|item| step(item, "t", 10)).fallible().name("t"),
        Futures => {
            let function = async |item: Item| {
                tokio::task::yield_now().await;
                step(item, "f", 20)
            };
            chain.add_async(function).fallible().name("f")
        }
        Processes => {
            let function = |item: Item| {
                if item.0 % ROUND == DEADLY {
                    std::process::abort();
                }
                step(item, "p", 30)
            };
            chain.add_processpool(function).fallible().name("p").max_workers(1)
        }
    }
}

fn chain(order: &[Stage]) -> PoolChain<Item, Item> {
    order.iter().fold(PoolChain::new(), |chain, stage| add(chain, *stage))
}

fn items() -> impl Iterator<Item = Item> + Send + 'static {
    (0..ITEMS).map(|n| (n, String::new()))
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Threads => "t",
        Futures => "f",
        Processes => "p",
    }
}

/// Whether that is what must become of item `n`.
fn check(order: &[Stage], n: u64, result: Result<Item>) {
    let trail: String = order.iter().map(|stage| name(*stage)).collect();
    let at = n % ROUND;
    let failing = order.iter().find(|stage| match stage {
        Threads => at == 10,
        Futures => at == 20,
        Processes => at == 30 || at == DEADLY,
    });
    match (failing, result) {
        (None, result) => assert_eq!(result.unwrap(), (n, trail), "{order:?}"),
        (Some(stage), result) => {
            let error = result.unwrap_err();
            let kind = if at == DEADLY { ErrorKind::WorkerLost } else { ErrorKind::Task };
            assert_eq!((error.kind(), error.item()), (kind, Some(n)), "{order:?}: {error}");
            assert_eq!(error.stage(), Some(name(*stage)), "{order:?}: {error}");
        }
    }
}

#[test]
fn values_and_errors_keep_their_places_in_any_order_of_stages() {
    for order in ORDERS {
        let chain = chain(order);
        let results: Vec<_> =
            within(LONG, move || chain.execute_lazy(items()).map(Iterator::collect)).unwrap();
        assert_eq!(results.len() as u64, ITEMS, "{order:?}");
        (0..).zip(results).for_each(|(n, result)| check(order, n, result));
    }
}

#[test]
fn an_unordered_run_gives_the_same_results_in_any_order_of_stages() {
    for order in ORDERS {
        let chain = chain(order).unordered();
        let results: Vec<Result<Item>> =
            within(LONG, move || chain.execute_lazy(items()).map(Iterator::collect)).unwrap();
        let place = |result: &Result<Item>| match result {
            Ok((n, _)) => *n,
            Err(error) => error.item().unwrap(),
        };
        let mut results: Vec<_> = results.into_iter().map(|result| (place(&result), result)).collect();
        results.sort_by_key(|(place, _)| *place);
        assert!(results.iter().map(|(place, _)| *place).eq(0..ITEMS), "{order:?}");
        results.into_iter().for_each(|(n, result)| check(order, n, result));
    }
}

#[test]
fn an_eager_run_ends_at_the_first_error_in_any_order_of_stages() {
    for order in ORDERS {
        let chain = chain(order);
        let error: OriError = within(LONG, move || chain.execute_eager(items())).unwrap_err();
        let first = if order.contains(&Threads) { 10 } else { 20 };
        check(order, first, Err(error));
    }
}

#[test]
fn dropping_the_results_ends_the_run_in_any_order_of_stages() {
    alone("mixed::dropping_the_results_ends_the_run_in_any_order_of_stages", || {
        let run = |order: &'static [Stage]| {
            let read = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&read);
            let chain = chain(order).buffer(100);
            let source = (0..).map(|n| (n, String::new())).inspect(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
            });
            let mut results = chain.execute_lazy(source).unwrap();
            for n in 0..50 {
                check(order, n, results.next().unwrap());
            }
            within(LONG, move || drop(results));
            // The source goes with the run.
            wait_until(LONG, || Arc::strong_count(&read) == 1);
            assert!(read.load(Ordering::SeqCst) <= 50 + 200, "{order:?}");
        };
        // What the first runs of a program set up stays.
        ORDERS.into_iter().for_each(run);
        let leaks = LeakCheck::start().unwrap();
        ORDERS.into_iter().for_each(run);
        wait_until(LONG, || children().unwrap() == 0);
        leaks.finish();
    });
}
