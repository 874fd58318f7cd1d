//! Several futures: `wait` and `as_completed` have the semantics of Python's `concurrent.futures`.

use std::thread;
use std::time::Duration;

use ori_background::{BackgroundFuture, Promise, ReturnWhen, as_completed, wait};
use ori_errors::{ErrorKind, OriError};
use ori_test_support::{Naps, within};

use crate::{LONG, pool};

fn pairs<const N: usize>() -> ([Promise<usize>; N], [BackgroundFuture<usize>; N]) {
    let mut futures = Vec::new();
    let promises = std::array::from_fn(|_| {
        let (promise, future) = BackgroundFuture::pair();
        futures.push(future);
        promise
    });
    (promises, futures.try_into().unwrap())
}

fn failure() -> OriError {
    OriError::new(ErrorKind::Task, "no")
}

#[test]
fn wait_for_the_first_completed() {
    let ([a, b, c], mut futures) = pairs();
    let setter = thread::spawn(move || b.complete(Ok(1)));
    let outcome = within(LONG, move || {
        let parts = wait(&mut futures, ReturnWhen::FirstCompleted, None);
        // At once, as one is done already; its result is still there.
        assert_eq!(wait(&mut futures, ReturnWhen::FirstCompleted, None), parts);
        let [_, second, _] = futures;
        assert_eq!(second.result().unwrap(), 1);
        parts
    });
    assert_eq!(outcome, (vec![1], vec![0, 2]));
    setter.join().unwrap();
    drop((a, c));
}

#[test]
fn wait_for_the_first_error_which_a_cancelled_one_is_not() {
    let ([a, b, c, d], mut futures) = pairs();
    assert!(a.complete(Ok(0)));
    assert!(futures[1].cancel());
    let parts = wait(&mut futures, ReturnWhen::FirstError, Some(Duration::from_millis(1)));
    assert_eq!(parts, (vec![0, 1], vec![2, 3]));
    let setter = thread::spawn(move || c.complete(Err(failure())));
    let parts = within(LONG, move || wait(&mut futures, ReturnWhen::FirstError, None));
    assert_eq!(parts, (vec![0, 1, 2], vec![3]));
    setter.join().unwrap();
    drop((b, d));
}

#[test]
fn wait_for_the_first_error_ends_when_all_are_done_without_one() {
    let ([a, b], mut futures) = pairs();
    let setter = thread::spawn(move || (b.complete(Ok(1)), a.complete(Ok(0))));
    let parts = within(LONG, move || wait(&mut futures, ReturnWhen::FirstError, None));
    assert_eq!(parts, (vec![0, 1], vec![]));
    setter.join().unwrap();
}

#[test]
fn wait_for_all_or_until_the_limit() {
    let ([a, b], mut futures) = pairs();
    assert!(a.complete(Err(failure())));
    let parts = wait(&mut futures, ReturnWhen::AllCompleted, Some(Duration::from_millis(1)));
    assert_eq!(parts, (vec![0], vec![1]));
    assert_eq!(wait(&mut futures, ReturnWhen::AllCompleted, Some(Duration::ZERO)), parts);
    let setter = thread::spawn(move || drop(b));
    let parts = within(LONG, move || wait(&mut futures, ReturnWhen::AllCompleted, Some(Duration::MAX)));
    assert_eq!(parts, (vec![0, 1], vec![]), "a task that is dropped unrun is done too");
    setter.join().unwrap();
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        assert_eq!(wait::<u8>(&mut [], when, None), (vec![], vec![]));
    }
}

#[test]
fn a_future_that_was_waited_for_can_be_awaited_and_asked() {
    let ([a, b], mut futures) = pairs();
    let none = wait(&mut futures, ReturnWhen::FirstCompleted, Some(Duration::from_millis(1)));
    assert_eq!(none, (vec![], vec![0, 1]));
    let [first, second] = futures;
    let setter = thread::spawn(move || (a.complete(Ok(0)), b.complete(Ok(1))));
    assert_eq!(pollster::block_on(first).unwrap(), 0);
    assert_eq!(second.result().unwrap(), 1);
    setter.join().unwrap();
}

#[test]
fn as_completed_gives_what_is_done_first_first() {
    let ([a, b, c, d], futures) = pairs();
    assert!(c.complete(Ok(2)));
    let mut results = as_completed(futures);
    assert_eq!(results.len(), 4);
    assert_eq!(results.next().unwrap().0, 2);
    assert!(d.complete(Err(failure())));
    drop(a);
    let (position, error) = results.next().unwrap();
    assert_eq!((position, error.unwrap_err().kind()), (3, ErrorKind::Task));
    let (position, error) = results.next().unwrap();
    assert!(position == 0 && error.unwrap_err().is_cancelled());
    let setter = thread::spawn(move || b.complete(Ok(1)));
    let last = within(LONG, move || (results.next(), results.next().is_none()));
    assert!(matches!(last, (Some((1, Ok(1))), true)));
    setter.join().unwrap();
}

#[test]
fn as_completed_loses_and_doubles_nothing() {
    within(LONG, || {
        let pool = pool(4);
        for round in 0..50 {
            let tasks = (0..100u64).map(|n| {
                pool.submit(move || {
                    Naps::seeded(round * 100 + n, Duration::from_micros(20)).nap();
                    n
                })
            });
            let mut seen: Vec<_> = as_completed(tasks).map(|(_, n)| n.unwrap()).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..100));
        }
    });
}
