//! From any thread into a running runtime.

use std::sync::mpsc;

use ori_bridge::{ErrorKind, Portal, sync, unblock};
use ori_test_support::within;

use crate::LIMIT;
use crate::contexts::{current_thread, multi_thread};

#[test]
fn threads_call_into_a_current_thread_runtime() {
    within(LIMIT, || {
        current_thread().block_on(async {
            let portal = Portal::current().unwrap();
            let me = std::thread::current().id();
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    let portal = portal.clone();
                    std::thread::spawn(move || {
                        portal.call(async move || {
                            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                            (std::thread::current().id(), n)
                        })
                    })
                })
                .collect();
            for (n, thread) in threads.into_iter().enumerate() {
                let called = unblock(|| thread.join().unwrap()).await.unwrap();
                assert_eq!(called.unwrap(), (me, n));
            }
        });
    });
}

#[test]
fn there_is_no_portal_without_a_runtime() {
    assert_eq!(Portal::current().unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_call_that_would_deadlock_is_an_error() {
    within(LIMIT, || {
        current_thread().block_on(async {
            let portal = Portal::current().unwrap();
            assert_eq!(portal.call(async || 7).unwrap_err().kind(), ErrorKind::WouldDeadlock);
            // Off the runtime's thread it works, in the same runtime.
            assert_eq!(unblock(move || portal.call(async || 7)).await.unwrap().unwrap(), 7);
        });
    });
}

#[test]
fn a_call_from_inside_a_multi_thread_runtime_works() {
    within(LIMIT, || {
        let runtime = multi_thread();
        let task = runtime.spawn(async { Portal::current().unwrap().call(async || 7) });
        assert_eq!(runtime.block_on(task).unwrap().unwrap(), 7);
        let portal = Portal::from(runtime.handle().clone());
        // And from one runtime into another.
        let value = current_thread().block_on(async { portal.call(async || 8) });
        assert_eq!(value.unwrap(), 8);
    });
}

#[test]
fn spawn_goes_on_and_gives_the_result_later() {
    within(LIMIT, || {
        let runtime = multi_thread();
        let portal = Portal::from(runtime.handle().clone());
        let (go, wait) = tokio::sync::oneshot::channel::<u32>();
        let task = portal.spawn(async move || wait.await.unwrap());
        go.send(7).unwrap();
        assert_eq!(task.result().unwrap(), 7);
        // It is a future too, for any runtime.
        assert_eq!(futures_lite::future::block_on(portal.spawn(async || 8)).unwrap(), 8);
        assert_eq!(sync(portal.spawn(async || 9)).unwrap(), 9);
    });
}

#[test]
fn a_panic_is_an_error_also_before_the_first_await() {
    within(LIMIT, || {
        let runtime = multi_thread();
        let portal = Portal::from(runtime.handle().clone());
        let in_the_future = portal.call(async || panic!("inside")).unwrap_err();
        assert_eq!(in_the_future.panic_message(), Some("inside"));
        assert!(in_the_future.panic_location().unwrap().contains("portal.rs:"));
        let in_the_closure = portal.call(|| -> std::future::Ready<()> { panic!("outside") }).unwrap_err();
        assert_eq!(in_the_closure.panic_message(), Some("outside"));
    });
}

#[test]
fn cancelling_and_shutting_down_are_errors_and_dropping_lets_it_run_on() {
    within(LIMIT, || {
        let runtime = multi_thread();
        let portal = Portal::from(runtime.handle().clone());
        let task = portal.spawn(std::future::pending::<()>);
        task.cancel();
        assert!(task.result().unwrap_err().is_cancelled());

        let (sender, receiver) = mpsc::channel();
        drop(portal.spawn(async move || sender.send(7).unwrap()));
        assert_eq!(receiver.recv().unwrap(), 7);

        let task = portal.spawn(std::future::pending::<()>);
        drop(runtime);
        assert!(task.result().unwrap_err().is_cancelled());
        assert!(portal.call(async || 7).unwrap_err().is_cancelled());
    });
}
