//! Wrappers take exactly the arguments of their function.

use std::thread;

use ori_background::{Background, ThreadPool, run_in_background, run_in_background_thread};
use ori_errors::{ErrorKind, Result};

use crate::{LONG, pool};

#[test]
fn wrappers_take_zero_to_eight_arguments() -> Result<()> {
    let pool = pool(2);
    macro_rules! sum {
        ($($name:ident)*) => {{
            let f = run_in_background(|$($name: u64),*| 0 $(+ $name)*, pool.clone())?;
            $(let $name = 1;)*
            f($($name),*).result()?
        }};
    }
    let sums = [
        sum!(),
        sum!(a),
        sum!(a b),
        sum!(a b c),
        sum!(a b c d),
        sum!(a b c d e),
        sum!(a b c d e f),
        sum!(a b c d e f g),
        sum!(a b c d e f g h),
    ];
    assert_eq!(sums, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    Ok(())
}

#[test]
fn a_wrapper_runs_elsewhere_and_moves_its_arguments() -> Result<()> {
    let caller = thread::current().id();
    let shout = run_in_background_thread(move |text: String, times: usize| {
        assert_ne!(thread::current().id(), caller);
        text.repeat(times)
    })?;
    assert_eq!(shout("ab".to_owned(), 2).result()?, "abab");
    Ok(())
}

#[test]
fn functions_generic_calls_and_method_paths_are_inferred() -> Result<()> {
    fn parse(text: &'static str) -> Result<i32, std::num::ParseIntError> {
        text.parse()
    }
    let parse = run_in_background_thread(parse)?;
    assert_eq!(parse("42").result()?, Ok(42));
    assert!(parse("x").result()?.is_err());
    let length = run_in_background_thread(String::len as fn(&'static String) -> usize)?;
    let _: &Background<dyn Fn(&'static String) -> ori_background::BackgroundFuture<usize> + Send + Sync> =
        &length;
    let upper = run_in_background_thread(str::to_uppercase as fn(&'static str) -> String)?;
    assert_eq!(upper("a").result()?, "A");
    Ok(())
}

#[test]
fn clones_call_the_same_executor_from_many_threads() {
    let add = run_in_background_thread(|a: u64, b: u64| a + b).unwrap();
    let callers: Vec<_> = (0..4u64)
        .map(|n| {
            let add = add.clone();
            thread::spawn(move || (0..100).map(|i| add(n, i).result().unwrap()).sum::<u64>())
        })
        .collect();
    let sums: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    assert_eq!(sums, [4950, 5050, 5150, 5250]);
}

#[test]
fn shutdown_runs_what_was_called_and_later_calls_are_closed() {
    let double = run_in_background(|n: u64| n * 2, pool(1)).unwrap();
    let futures: Vec<_> = (0..100).map(&*double).collect();
    double.shutdown();
    assert!(futures.iter().all(ori_background::BackgroundFuture::is_done));
    for (n, future) in (0..).zip(futures) {
        assert_eq!(future.result().unwrap(), n * 2);
    }
    assert_eq!(double(1).result().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn dropping_the_wrapper_cancels_calls_that_have_not_begun() {
    let pool = ThreadPool::builder().max_workers(1).build().unwrap();
    let (gate, running) = crate::blocker(&pool);
    let call = run_in_background(|| 1, pool).unwrap();
    let queued = call();
    drop(call);
    let error = ori_test_support::within(LONG, || queued.result()).unwrap_err();
    assert!(error.is_cancelled());
    drop(gate);
    running.result().unwrap();
}
