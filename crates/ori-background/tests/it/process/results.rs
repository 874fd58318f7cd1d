//! Values, errors, order.

use ori_background::{ProcessPool, Shutdown, as_completed, run_in_background, run_in_background_process};
use ori_errors::ErrorKind;

use super::pool;
use crate::LONG;

fn triple(n: u64) -> u64 {
    n * 3
}

#[test]
fn promise_01_ordered_map_equals_serial_for_any_input_length() {
    let pool = pool(2);
    for length in [0, 1, 2, 3, 7, 64, 1_000, 40_000_u64] {
        let results: Vec<u64> = pool.map(triple, 0..length).collect::<Result<_, _>>().unwrap();
        assert!(results.into_iter().eq((0..length).map(triple)), "{length} items");
    }
}

#[test]
fn promise_02_an_items_error_comes_at_its_position_and_iteration_goes_on() {
    let pool = pool(2);
    // Few, for a worker prints each panic, and its backtrace.
    let few_fail = |n: u64| {
        assert!(n % 50 != 21, "not {n}");
        n
    };
    let mut count = 0;
    for (n, result) in (0..).zip(pool.map(few_fail, 0..500_u64)) {
        count += 1;
        match result {
            Ok(value) => assert!(value == n && n % 50 != 21),
            Err(error) => {
                assert_eq!(n % 50, 21);
                assert_eq!(error.panic_message(), Some(&*format!("not {n}")));
                assert!(error.panic_location().unwrap().contains("results.rs:"));
            }
        }
    }
    assert_eq!(count, 500);
}

#[test]
fn promise_13_results_may_be_taken_in_any_order() {
    let pool = pool(2);
    let mut futures: Vec<_> = (0..100_u64).map(|n| (n, pool.submit(triple, n))).collect();
    futures.reverse();
    for (n, future) in futures {
        assert_eq!(future.result().unwrap(), triple(n));
    }
    let futures = (0..100_u64).map(|n| pool.submit(triple, n));
    let mut results: Vec<_> = as_completed(futures).map(|(n, result)| (n as u64, result.unwrap())).collect();
    results.sort_unstable();
    assert!(results.into_iter().eq((0..100).map(|n| (n, triple(n)))));
}

#[test]
fn a_wrapper_takes_exactly_the_functions_arguments() {
    let join =
        run_in_background_process(|a: String, b: u32, c: Option<char>| format!("{a}{b}{c:?}")).unwrap();
    assert_eq!(join("x".into(), 3, Some('y')).result().unwrap(), "x3Some('y')");
    let seven = run_in_background_process(|| 7).unwrap();
    assert_eq!(seven().result().unwrap(), 7);
    seven.shutdown();
    assert_eq!(seven().result().unwrap_err().kind(), ErrorKind::Closed);
    let pid = run_in_background(std::process::id, pool(1)).unwrap();
    assert_ne!(pid().result().unwrap(), std::process::id());
    assert_eq!(pid.executor().max_workers(), 1);
}

#[test]
fn a_context_goes_to_each_worker_once() {
    let pool = pool(2);
    let words: Vec<String> = (0..1_000).map(|n| format!("word {n}")).collect();
    let found =
        pool.map_with(words.clone(), |words: &Vec<String>, n: usize| words[n].clone(), 0..1_000).unwrap();
    assert!(found.map(Result::unwrap).eq(words));
}

#[test]
fn awaiting_and_callbacks_work_without_a_waiting_thread() {
    ori_test_support::within(LONG, || {
        let pool = pool(1);
        // Each way right after a result was waited for, when the conductor may stand aside.
        for n in 0..50_u64 {
            assert_eq!(pool.submit(triple, n).result().unwrap(), n * 3);
            assert_eq!(pollster::block_on(pool.submit(triple, n)).unwrap(), n * 3);
            assert_eq!(pool.submit(triple, n).result().unwrap(), n * 3);
            let (sender, receiver) = std::sync::mpsc::channel();
            let future = pool.submit(triple, n);
            future.on_done(move || sender.send(std::thread::current().name().map(str::to_owned)).unwrap());
            let thread = receiver.recv().unwrap();
            assert!(thread.is_none_or(|name| name != "ori-conductor"));
            assert_eq!(future.result().unwrap(), n * 3);
        }
        let future = pool.submit(triple, 1);
        ori_test_support::wait_until(LONG, || future.is_done());
        future.detach();
    });
}

#[test]
fn a_named_function_runs_in_another_executable() {
    // Here the other executable is this one, which is asked by name all the same.
    let program = std::env::current_exe().unwrap();
    let pool = ProcessPool::builder().max_workers(1).executable(program).build().unwrap();
    assert_eq!(pool.submit(named, 20).result().unwrap(), 40);
    let error = pool.submit(triple, 1).result().unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("#[ori::task]"), "{error}");
    pool.shutdown(Shutdown::Wait);
}

#[ori_worker::task]
pub(super) fn named(n: u64) -> u64 {
    n * 2
}

#[test]
fn one_call_after_the_other_never_waits_for_a_conductor_that_sleeps() {
    // Many pools, so that threads are stopped at any point.
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                let pool = pool(1);
                for n in 0..500_u64 {
                    let future = pool.submit(triple, n);
                    // The reply comes before, while and after it is waited for.
                    (0..n % 64 * 50).for_each(|_| std::hint::spin_loop());
                    assert_eq!(future.result().unwrap(), n * 3);
                    if n % 16 == 0 {
                        // Long enough for the conductor to take its place again.
                        std::thread::park_timeout(std::time::Duration::from_millis(3));
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        ori_test_support::within(LONG, || thread.join()).unwrap();
    }
}
