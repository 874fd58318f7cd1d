//! The end of a pool: every future is resolved and no thread is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ori_background::{Executor, Shutdown, ThreadPool};
use ori_errors::ErrorKind;
use ori_test_support::{LeakCheck, alone, within};

use crate::{LONG, blocker, pool};

#[test]
fn a_pool_dropped_while_10_000_tasks_queue_resolves_them_all() {
    for workers in [1, 4] {
        let pool = pool(workers);
        let tasks: Vec<_> = (0..10_000u64).map(|n| pool.submit(move || n)).collect();
        drop(pool);
        let ran = within(LONG, move || {
            (0..)
                .zip(tasks)
                .map(|(n, task)| match task.result() {
                    Ok(value) => usize::from(value == n),
                    Err(error) => {
                        assert!(error.is_cancelled(), "{error:?}");
                        0
                    }
                })
                .sum::<usize>()
        });
        assert!(ran <= 10_000);
    }
}

#[test]
fn dropping_the_last_handle_cancels_what_waits_and_lets_run_what_runs() {
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    let queued = pool.submit(|| 1);
    let other = pool.clone();
    drop(pool);
    assert!(!queued.is_done(), "there is another handle");
    drop(other);
    assert!(queued.is_cancelled());
    let error = queued.result().unwrap_err();
    assert!(error.is_cancelled());
    assert!(error.to_string().contains("keep the executor"), "says what to do: {error}");
    assert!(running.is_running());
    drop(gate);
    within(LONG, || running.result()).unwrap();
}

#[test]
fn shutdown_wait_runs_everything_first() {
    let pool = pool(2);
    let runs = Arc::new(AtomicUsize::new(0));
    for _ in 0..1_000 {
        let runs = Arc::clone(&runs);
        pool.submit(move || runs.fetch_add(1, Ordering::SeqCst)).detach();
    }
    let waiting = pool.clone();
    within(LONG, move || waiting.shutdown(Shutdown::Wait));
    assert_eq!(runs.load(Ordering::SeqCst), 1_000);
    assert_eq!(pool.submit(|| 1).result().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(pool.execute(Box::new(|| ())).unwrap_err().kind(), ErrorKind::Closed);
    assert!(pool.map(|n: u8| n, [1]).all(|result| result.unwrap_err().kind() == ErrorKind::Closed));
    within(LONG, move || pool.shutdown(Shutdown::Wait)); // once more, at once
}

#[test]
fn shutdown_cancel_pending_waits_for_what_runs() {
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    let queued = pool.submit(|| 1);
    let cancelled = pool.submit(|| ());
    cancelled.on_done(move || drop(gate)); // so what runs ends only after the cancel
    within(LONG, move || pool.shutdown(Shutdown::CancelPending));
    assert!(running.is_done() && !running.is_cancelled());
    assert!(queued.is_cancelled() && cancelled.is_cancelled());
    running.detach();
}

#[test]
fn shutdown_abandon_returns_at_once() {
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    let queued = pool.submit(|| 1);
    pool.shutdown(Shutdown::Abandon);
    assert!(running.is_running() && queued.is_cancelled());
    drop(gate);
    within(LONG, || running.result()).unwrap();
}

#[test]
fn a_task_may_shut_down_and_drop_its_own_pool() {
    let shared = pool(1);
    let inside = shared.clone();
    let task = shared.submit(move || inside.shutdown(Shutdown::Wait));
    drop(shared);
    within(LONG, || task.result()).unwrap();
}

#[test]
fn ten_thousand_starts_and_drops_leave_nothing_behind() {
    alone("shutdown::ten_thousand_starts_and_drops_leave_nothing_behind", || {
        let check = LeakCheck::start().unwrap();
        for n in 0..10_000u64 {
            let pool = ThreadPool::builder().max_workers(2).build().unwrap();
            match n % 4 {
                0 => assert_eq!(pool.submit(move || n).result().unwrap(), n),
                1 => pool.submit(move || n).detach(),
                2 => assert_eq!(pool.map(|i: u64| i, 0..3).count(), 3),
                _ => {}
            }
        }
        check.finish();
    });
}
