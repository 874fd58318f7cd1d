//! What is particular to one of the functions.

use std::rc::Rc;
use std::time::Duration;

use ori_bridge::{ErrorKind, sync, sync_local, sync_timeout};
use ori_test_support::{LeakCheck, alone, within};

use crate::LIMIT;
use crate::contexts::{current_thread, multi_thread, one_worker};

/// A future that is not `Send` and is pending for a while.
async fn local() -> u32 {
    let shared = Rc::new(7);
    for _ in 0..300 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    *shared
}

#[test]
fn sync_local_works_where_the_thread_may_block() {
    within(LIMIT, || {
        assert_eq!(sync_local(local()).unwrap(), 7);
        assert_eq!(multi_thread().block_on(async { sync_local(local()) }).unwrap(), 7);
        let runtime = one_worker();
        assert_eq!(runtime.block_on(runtime.spawn(async { sync_local(local()) })).unwrap().unwrap(), 7);
        let blocking = runtime.spawn_blocking(|| sync_local(local()));
        assert_eq!(runtime.block_on(blocking).unwrap().unwrap(), 7);
        assert_eq!(sync(async { sync_local(local()) }).unwrap(), 7);
    });
}

#[test]
fn sync_local_is_an_error_where_it_cannot_work() {
    within(LIMIT, || {
        current_thread().block_on(async {
            assert_eq!(sync_local(local()).unwrap_err().kind(), ErrorKind::WouldDeadlock);
            // What is ready at once works even there.
            let shared = Rc::new(7);
            assert_eq!(sync_local(async { *shared }).unwrap(), 7);
        });
        tokio::task::LocalSet::new().block_on(&current_thread(), async {
            assert_eq!(sync_local(local()).unwrap_err().kind(), ErrorKind::WouldDeadlock);
        });
    });
}

#[test]
fn sync_timeout_makes_an_error_of_what_cannot_work() {
    within(LIMIT, || {
        // The future needs the very thread that is blocked.
        current_thread().block_on(async {
            let task = tokio::spawn(async { 7 });
            let error = sync_timeout(Duration::from_millis(20), task).map(drop).unwrap_err();
            assert!(error.is_timeout(), "{error}");
        });
    });
}

#[test]
fn sync_timeout_drops_the_future() {
    struct Dropped<'a>(&'a mut bool);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            *self.0 = true;
        }
    }
    let mut dropped = false;
    let guard = Dropped(&mut dropped);
    let forever = async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    };
    assert!(sync_timeout(Duration::from_millis(1), forever).unwrap_err().is_timeout());
    assert!(dropped);
}

#[test]
fn a_limit_of_zero_is_a_validation_error() {
    assert!(sync_timeout(Duration::ZERO, async {}).unwrap_err().is_validation());
}

#[test]
fn calls_leave_no_thread_and_no_descriptor() {
    alone("sync::calls_leave_no_thread_and_no_descriptor", || {
        let runtime = current_thread();
        let calls = || {
            for _ in 0..50 {
                sync(tokio::task::yield_now());
                runtime.block_on(async { sync(tokio::task::yield_now()) });
            }
        };
        // The runtime and a helper stay.
        calls();
        let check = LeakCheck::start().unwrap();
        for _ in 0..100 {
            calls();
        }
        check.finish();
    });
}

#[test]
fn many_helpers_at_once_do_not_all_stay() {
    alone("sync::many_helpers_at_once_do_not_all_stay", || {
        const CALLERS: usize = 30;
        let all_inside = std::sync::Barrier::new(CALLERS);
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                // Each blocks its helper until all have one: none may wait for another's.
                scope.spawn(|| current_thread().block_on(async { sync(async { all_inside.wait() }) }));
            }
        });
        ori_test_support::wait_until(LIMIT, || {
            ori_test_support::threads_named("ori-bridge-sync").unwrap() <= 4
        });
    });
}

#[test]
fn sync_works_while_the_thread_ends() {
    struct AtExit;
    impl Drop for AtExit {
        fn drop(&mut self) {
            assert_eq!(sync(async { 7 }), 7);
        }
    }
    thread_local! {
        static AT_EXIT: AtExit = const { AtExit };
    }
    within(LIMIT, || {
        let used_before = std::thread::spawn(|| {
            AT_EXIT.with(|_| ());
            sync(tokio::task::yield_now());
        });
        used_before.join().unwrap();
        let used_after = std::thread::spawn(|| {
            sync(tokio::task::yield_now());
            AT_EXIT.with(|_| ());
        });
        used_after.join().unwrap();
    });
}
