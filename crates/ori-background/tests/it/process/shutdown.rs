//! How pools end.

use ori_background::{BackgroundFuture, ProcessPool, Shutdown};
use ori_errors::ErrorKind;
use ori_test_support::{LeakCheck, alone, alone_with, within};

use super::{Mark, is_alive, mark, pool};
use crate::LONG;

fn stuck(path: String) -> u32 {
    mark(&path);
    super::stall()
}

#[test]
fn promise_11_shutdown_waiting_runs_everything() {
    let pool = pool(2);
    let futures: Vec<_> = (0..500_u32).map(|n| pool.submit(|n: u32| n + 1, n)).collect();
    pool.shutdown(Shutdown::Wait);
    for (n, future) in (0..).zip(futures) {
        assert!(future.is_done());
        assert_eq!(future.result().unwrap(), n + 1);
    }
    assert_eq!(pool.submit(|n: u32| n, 1).result().unwrap_err().kind(), ErrorKind::Closed);
    assert!(pool.worker_pids().is_empty());
}

#[test]
fn promise_11_abandoning_and_dropping_resolve_every_future() {
    for drops in [true, false] {
        let marks = Mark::new();
        let pool = pool(2);
        let futures: Vec<_> = (0..1_000).map(|_| pool.submit(stuck, marks.path())).collect();
        marks.wait_for(2);
        let pids = pool.worker_pids();
        if drops {
            drop(pool);
        } else {
            pool.shutdown(Shutdown::Abandon);
            assert_eq!(pool.submit(stuck, marks.path()).result().unwrap_err().kind(), ErrorKind::Closed);
        }
        for future in futures {
            let error = within(LONG, || future.result()).unwrap_err();
            assert!(error.is_cancelled());
            assert!(error.to_string().contains("keep the pool"), "says what to do: {error}");
        }
        assert!(!pids.into_iter().any(is_alive));
    }
}

#[test]
fn promise_11_cancelling_what_is_pending_finishes_what_runs() {
    let marks = Mark::new();
    let pool = pool(1);
    let task = |(path, n): (String, u32)| {
        mark(&path);
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        n
    };
    let running = pool.submit(task, (marks.path(), 1));
    marks.wait_for(1);
    pool.shutdown(Shutdown::CancelPending);
    assert_eq!(running.result().unwrap(), 1);
}

#[test]
fn promise_11_dropping_a_pool_from_its_own_callback_does_not_hang() {
    within(LONG, || {
        let pool = pool(1);
        let future = pool.submit(|n: u8| n, 1);
        let (sender, receiver) = std::sync::mpsc::channel();
        future.on_done(move || {
            drop(pool);
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
        future.detach();
    });
}

#[test]
fn a_thousand_pools_leave_nothing() {
    // A folder for temporary files that can be removed at the end only if it is empty.
    let own_folder = "TMPDIR=$(mktemp -d) && export TMPDIR";
    alone_with("process::shutdown::a_thousand_pools_leave_nothing", own_folder, || {
        pool(1).submit(|n: u32| n, 1).result().unwrap();
        let check = LeakCheck::start().unwrap();
        for n in 0..1_000_u32 {
            let pool = pool(1);
            match n % 10 {
                0 => assert_eq!(pool.submit(|n: u32| n, n).result().unwrap(), n),
                1 => pool.submit(|n: u32| n, n).detach(),
                2 => drop(pool.map(|n: u32| n, 0..)),
                _ => {}
            }
        }
        check.finish();
        std::fs::remove_dir(std::env::temp_dir()).unwrap();
    });
}

#[test]
fn many_queued_tasks_need_few_descriptors() {
    let name = "process::shutdown::many_queued_tasks_need_few_descriptors";
    alone_with(name, "ulimit -n 256", || {
        let pool = pool(2);
        let futures: Vec<_> = (0..5_000_u32).map(|n| pool.submit(|n: u32| n, n)).collect();
        for (n, future) in (0..).zip(futures) {
            assert_eq!(future.result().unwrap(), n);
        }
    });
}

#[test]
fn ten_thousand_calls_dropped_leave_nothing() {
    alone("process::shutdown::ten_thousand_calls_dropped_leave_nothing", || {
        let check = LeakCheck::start().unwrap();
        let pool = ProcessPool::builder().max_workers(2).build().unwrap();
        (0..10_000_u32).map(|n| pool.submit(|n: u32| n, n)).for_each(BackgroundFuture::detach);
        drop(pool);
        check.finish();
    });
}
