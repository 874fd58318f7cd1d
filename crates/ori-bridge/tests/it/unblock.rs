//! Sync code from async code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use ori_bridge::{ErrorKind, sync, unblock};
use ori_test_support::{wait_until, within};

use crate::LIMIT;
use crate::contexts::{current_thread, multi_thread};

#[test]
fn unblock_never_runs_on_a_thread_of_the_runtime() {
    within(LIMIT, || {
        let current = current_thread();
        let (inside, outside) = current
            .block_on(async { (thread::current().id(), unblock(|| thread::current().id()).await.unwrap()) });
        assert_ne!(inside, outside);

        let name = |thread: thread::Thread| thread.name().unwrap_or("").to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_start(|| ())
            .build()
            .unwrap();
        runtime.block_on(async {
            let task = tokio::spawn(async { thread::current().id() }).await.unwrap();
            for _ in 0..100 {
                assert_ne!(unblock(|| thread::current().id()).await.unwrap(), task);
            }
        });
        // Without a tokio runtime it has the bridge's own, and not the thread that awaits.
        let elsewhere = futures_lite::future::block_on(unblock(thread::current)).unwrap();
        assert_ne!(elsewhere.id(), thread::current().id());
        assert!(name(elsewhere).starts_with("ori-bridge"));
    });
}

#[test]
fn the_runtime_goes_on_while_the_function_blocks() {
    within(LIMIT, || {
        current_thread().block_on(async {
            let (unblocked, wait) = mpsc::channel();
            let blocked = unblock(move || wait.recv().unwrap());
            let other = async {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                unblocked.send(7).unwrap();
            };
            let (value, ()) = tokio::join!(blocked, other);
            assert_eq!(value.unwrap(), 7);
        });
    });
}

#[test]
fn a_panic_is_an_error_with_message_and_place() {
    let error = current_thread().block_on(unblock(|| panic!("no {}", 7))).unwrap_err();
    assert_eq!(error.panic_message(), Some("no 7"));
    assert!(error.panic_location().unwrap().contains("unblock.rs:"));
}

#[test]
fn dropping_it_does_not_block_and_the_function_ends_by_itself() {
    within(LIMIT, || {
        let runtime = multi_thread();
        let (go, wait) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        runtime.block_on(async {
            let blocked = unblock(move || {
                started.send(()).unwrap();
                wait.recv().unwrap();
                end.store(true, Ordering::Release);
            });
            tokio::select! {
                _ = blocked => panic!("it is blocked"),
                _ = has_started => {}
            }
        });
        // Dropped by `select!`, while the function was running.
        assert!(!ended.load(Ordering::Acquire));
        go.send(()).unwrap();
        wait_until(LIMIT, || ended.load(Ordering::Acquire));
    });
}

#[test]
fn nothing_runs_before_the_first_poll() {
    let ran = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&ran);
    drop(unblock(move || mark.store(true, Ordering::Release)));
    assert!(!ran.load(Ordering::Acquire));
    assert_eq!(Arc::strong_count(&ran), 1);
}

#[test]
fn sync_inside_unblock_may_wait_for_the_runtime_that_awaits_it() {
    within(LIMIT, || {
        // Even for a task of a current-thread runtime, which `sync` alone could never wait for.
        let value = current_thread().block_on(async {
            let task = tokio::spawn(async {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                7
            });
            unblock(move || sync(task).unwrap()).await.unwrap()
        });
        assert_eq!(value, 7);
    });
}

#[test]
fn a_runtime_that_is_shut_down_first_cancels_it() {
    within(LIMIT, || {
        let runtime = current_thread();
        let handle = runtime.handle().clone();
        drop(runtime);
        let error = {
            let _context = handle.enter();
            futures_lite::future::block_on(unblock(|| 7)).unwrap_err()
        };
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    });
}
