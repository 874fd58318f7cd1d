//! `AprocManager`: limits, failures, cancellation.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mt_aio::{AprocManager, ErrorKind, HandleException, OriError};
use tokio::sync::Notify;

use crate::running::runtime;

const LIMIT: Duration = Duration::from_secs(60);

/// Runs the body on a runtime; a hang is a failure.
#[track_caller]
fn run(body: impl Future<Output = ()> + Send + 'static) {
    ori_test_support::within(LIMIT, || runtime().block_on(body));
}

#[test]
fn at_most_max_concurrency_run() {
    run(async {
        for limit in [1, 3] {
            let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let manager = AprocManager::new(limit, HandleException::Raise);
            for _ in 0..200 {
                let (running, most) = (running.clone(), most.clone());
                let aproc = async move {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                manager.send(aproc).await.unwrap();
            }
            manager.cleanup().await.unwrap();
            assert_eq!(running.load(Ordering::SeqCst), 0, "cleanup waits for all");
            assert!(most.load(Ordering::SeqCst) <= limit);
        }
    });
}

#[test]
fn send_waits_while_all_places_are_taken() {
    run(async {
        let manager = AprocManager::new(2, HandleException::Raise);
        let (go, waiter) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        for wait_for in [go.clone(), waiter.clone()] {
            manager.send(async move { wait_for.notified().await }).await.unwrap();
        }
        let mut third = Box::pin(manager.send(async {}));
        assert!(tokio::time::timeout(Duration::from_millis(5), &mut third).await.is_err());
        go.notify_one();
        third.await.unwrap();
        waiter.notify_one();
        manager.cleanup().await.unwrap();
    });
}

#[test]
fn each_failure_is_reported_once_and_never_poisons_later_sends() {
    run(async {
        let manager = AprocManager::new(4, HandleException::Raise);
        let done = Arc::new(AtomicUsize::new(0));
        let mut failures = Vec::new();
        for n in 0..100 {
            let done = done.clone();
            let aproc = async move {
                done.fetch_add(1, Ordering::SeqCst);
                if n % 10 == 0 { Err(format!("number {n}")) } else { Ok(()) }
            };
            failures.extend(manager.send(aproc).await.err());
        }
        while let Err(error) = manager.cleanup().await {
            failures.push(error);
        }
        assert_eq!(done.load(Ordering::SeqCst), 100, "an error of send is about an earlier aproc");
        assert!(failures.iter().all(|error| error.kind() == ErrorKind::Task));
        let mut texts: Vec<_> =
            failures.iter().map(|error| std::error::Error::source(error).unwrap().to_string()).collect();
        texts.sort();
        let mut expected: Vec<_> = (0..10).map(|n| format!("number {}", n * 10)).collect();
        expected.sort();
        assert_eq!(texts, expected);
        manager.send(async {}).await.unwrap();
        manager.cleanup().await.unwrap();
    });
}

#[test]
fn failures_keep_their_kind() {
    run(async {
        let manager = AprocManager::new(4, HandleException::Raise);
        let own = OriError::new(ErrorKind::TimedOut, "too late");
        manager.send(async { Err(own) as Result<(), _> }).await.unwrap();
        assert!(manager.cleanup().await.unwrap_err().is_timeout());
        manager.send(async { Err(std::io::Error::other("disk")) as Result<u8, _> }).await.unwrap();
        assert_eq!(manager.cleanup().await.unwrap_err().kind(), ErrorKind::Task);

        let panics = async {
            tokio::task::yield_now().await;
            panic!("boom")
        };
        manager.send(panics).await.unwrap();
        let error = manager.cleanup().await.unwrap_err();
        assert_eq!(error.panic_message(), Some("boom"));
        assert!(error.panic_location().unwrap().contains("aproc.rs"));
    });
}

#[test]
fn a_cancelled_task_is_told_apart_from_the_callers_own_cancellation() {
    run(async {
        let manager = AprocManager::new(4, HandleException::Raise);
        let task = tokio::spawn(pending::<()>());
        task.abort();
        manager.send(task).await.unwrap();
        assert!(manager.cleanup().await.unwrap_err().is_cancelled());

        let task = tokio::spawn(async { panic!("boom") as () });
        manager.send(task).await.unwrap();
        assert_eq!(manager.cleanup().await.unwrap_err().panic_message(), Some("boom"));

        // The caller gives up: no error anywhere, and nothing else is disturbed.
        let go = Arc::new(Notify::new());
        let waiting = go.clone();
        manager.send(async move { waiting.notified().await }).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(5), manager.cleanup()).await.is_err());
        go.notify_one();
        manager.cleanup().await.unwrap();
    });
}

#[test]
fn a_send_that_is_given_up_drops_its_aproc_unrun() {
    run(async {
        let manager = AprocManager::new(1, HandleException::Raise);
        let go = Arc::new(Notify::new());
        let waiting = go.clone();
        manager.send(async move { waiting.notified().await }).await.unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let inside = ran.clone();
        let send = manager.send(async move { _ = inside.fetch_add(1, Ordering::SeqCst) });
        assert!(tokio::time::timeout(Duration::from_millis(5), send).await.is_err());
        assert_eq!(Arc::strong_count(&ran), 1);
        go.notify_one();
        manager.cleanup().await.unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn silent_says_nothing_and_warn_tells_the_function_at_once() {
    run(async {
        let fails = || async { Err("no") as Result<(), _> };
        let manager = AprocManager::new(4, HandleException::Silent);
        manager.send(fails()).await.unwrap();
        manager.cleanup().await.unwrap();

        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let manager = AprocManager::new(4, HandleException::Warn)
            .warn_function(move |error| ear.lock().unwrap().push(error.kind()));
        manager.send(fails()).await.unwrap();
        manager.send(async { panic!("boom") as () }).await.unwrap();
        manager.cleanup().await.unwrap();
        let mut kinds = heard.lock().unwrap().clone();
        kinds.sort_by_key(|kind| format!("{kind:?}"));
        assert_eq!(kinds, [ErrorKind::Panicked, ErrorKind::Task]);

        let manager = AprocManager::new(4, HandleException::Warn).warn_function(|_| panic!("worse"));
        manager.send(fails()).await.unwrap();
        manager.cleanup().await.unwrap();
        manager.send(async {}).await.unwrap();
    });
}

#[test]
fn dropping_the_manager_cancels_what_runs_and_reports_what_nobody_was_given() {
    run(async {
        let held = Arc::new(());
        let inside = held.clone();
        let heard = Arc::new(AtomicUsize::new(0));
        let ear = heard.clone();
        let manager = AprocManager::new(4, HandleException::Raise)
            .warn_function(move |_| _ = ear.fetch_add(1, Ordering::SeqCst));
        manager
            .send(async move {
                let _inside = inside;
                pending::<()>().await;
            })
            .await
            .unwrap();
        let done = Arc::new(Notify::new());
        let tell = done.clone();
        manager
            .send(async move {
                tell.notify_one();
                Err("no") as Result<(), _>
            })
            .await
            .unwrap();
        done.notified().await;
        drop(manager);
        let ended = move || Arc::strong_count(&held) == 1 && heard.load(Ordering::SeqCst) == 1;
        tokio::task::spawn_blocking(move || ori_test_support::wait_until(LIMIT, ended)).await.unwrap();
    });
}

#[test]
fn several_tasks_share_a_manager() {
    run(async {
        let manager = Arc::new(AprocManager::new(8, HandleException::Raise));
        let count = Arc::new(AtomicUsize::new(0));
        let senders = (0..4).map(|_| {
            let (manager, count) = (manager.clone(), count.clone());
            tokio::spawn(async move {
                for _ in 0..500 {
                    let count = count.clone();
                    manager.send(async move { _ = count.fetch_add(1, Ordering::SeqCst) }).await.unwrap();
                }
                manager.cleanup().await.unwrap();
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        assert_eq!(count.load(Ordering::SeqCst), 2_000);
    });
}

#[test]
fn bad_limits_and_a_missing_runtime_are_errors() {
    let send = |limit| {
        let manager = AprocManager::new(limit, HandleException::Raise);
        futures_lite::future::block_on(manager.send(async {})).unwrap_err()
    };
    assert!(send(0).is_validation());
    assert_eq!(send(usize::MAX).kind(), ErrorKind::Unsupported);
    assert_eq!(send(1).kind(), ErrorKind::Unsupported);
}
