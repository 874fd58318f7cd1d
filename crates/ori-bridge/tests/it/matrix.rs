//! `sync` gives the value in every context, whatever the future does.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ori_bridge::{sync, sync_on, sync_timeout};
use ori_test_support::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::LIMIT;
use crate::contexts::{self, Job, multi_thread};

/// Runs a job in every context, each with a deadline.
#[track_caller]
fn everywhere(job: impl Fn() + Send + Sync + 'static) {
    let job: Job = Arc::new(job);
    for (name, context) in contexts::ALL.into_iter().chain([contexts::MISLEADING]) {
        let job = Arc::clone(&job);
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| within(LIMIT, move || context(job))));
        assert!(outcome.is_ok(), "failed in the context: {name}, after {:?}", start.elapsed());
    }
}

async fn sleeps() -> u32 {
    let start = Instant::now();
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(start.elapsed() >= Duration::from_millis(2));
    7
}

async fn io() -> u32 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"hello").await.unwrap();
    };
    let client = async {
        let mut text = String::new();
        TcpStream::connect(address).await.unwrap().read_to_string(&mut text).await.unwrap();
        text
    };
    let (text, ()) = tokio::join!(client, server);
    assert_eq!(text, "hello");
    7
}

/// More turns than a task's budget has.
async fn yields() -> u32 {
    for _ in 0..300 {
        tokio::task::yield_now().await;
    }
    7
}

/// Works on resources that count against a task's budget, more often than it allows.
async fn channels() -> u32 {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let send = async {
        for n in 0..500 {
            sender.send(n).await.unwrap();
        }
        drop(sender);
    };
    let receive = async {
        let mut count = 0;
        while receiver.recv().await.is_some() {
            count += 1;
        }
        count
    };
    let ((), count) = tokio::join!(send, receive);
    assert_eq!(count, 500);
    7
}

#[test]
fn sync_gives_a_value_that_is_ready() {
    everywhere(|| assert_eq!(sync(async { 7 }), 7));
}

#[test]
fn sync_runs_futures_that_yield() {
    everywhere(|| assert_eq!(sync(yields()), 7));
}

#[test]
fn sync_runs_futures_that_sleep() {
    everywhere(|| assert_eq!(sync(sleeps()), 7));
}

#[test]
fn sync_runs_futures_that_do_io() {
    everywhere(|| assert_eq!(sync(io()), 7));
}

#[test]
fn sync_runs_futures_that_use_channels() {
    everywhere(|| assert_eq!(sync(channels()), 7));
}

#[test]
fn sync_runs_futures_that_spawn_tasks() {
    everywhere(|| {
        let value = sync(async {
            let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(sleeps())).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(value, 70);
    });
}

#[test]
fn sync_runs_futures_that_are_woken_by_a_plain_thread() {
    everywhere(|| {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || sender.send(7).unwrap());
        assert_eq!(sync(receiver).unwrap(), 7);
    });
}

#[test]
fn sync_runs_futures_that_borrow() {
    everywhere(|| {
        let text = String::from("borrowed");
        let mut length = 0;
        sync(async {
            yields().await;
            length = text.len();
        });
        assert_eq!(length, 8);
    });
}

#[test]
fn sync_nests() {
    everywhere(|| {
        let value = sync(async {
            yields().await;
            let inner = sync(async {
                sleeps().await;
                sync(io())
            });
            inner + sleeps().await
        });
        assert_eq!(value, 14);
    });
}

#[test]
fn sync_allows_blocking_inside() {
    everywhere(|| {
        let value = sync(async {
            yields().await;
            let (sender, receiver) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || sender.send(7).unwrap());
            // Panics on threads that may not block.
            receiver.blocking_recv().unwrap()
        });
        assert_eq!(value, 7);
    });
}

#[test]
fn dropping_a_runtime_inside_is_safe() {
    everywhere(|| {
        let ready = sync(async {
            let runtime = multi_thread();
            let value = runtime.spawn(sleeps());
            let value = runtime.block_on(value).unwrap();
            drop(runtime);
            value
        });
        assert_eq!(ready, 7);
        let later = sync(async {
            let runtime = multi_thread();
            sleeps().await;
            drop(runtime);
            7
        });
        assert_eq!(later, 7);
    });
}

#[test]
fn sync_on_uses_the_given_runtime_everywhere() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    everywhere(move || {
        let (id, value) = sync_on(&handle, async {
            let before = tokio::runtime::Handle::current().id();
            let value = tokio::spawn(io()).await.unwrap() + sleeps().await;
            assert_eq!(tokio::runtime::Handle::current().id(), before);
            (before, value)
        });
        assert_eq!((id, value), (handle.id(), 14));
    });
    drop(runtime);
}

#[test]
fn sync_timeout_gives_values_and_errors_everywhere() {
    everywhere(|| {
        assert_eq!(sync_timeout(LIMIT, io()).unwrap(), 7);
        let error = sync_timeout(Duration::from_millis(2), std::future::pending::<()>()).unwrap_err();
        assert!(error.is_timeout());
    });
}

#[test]
fn many_threads_may_call_at_once() {
    within(LIMIT, || {
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(sync(yields()), 7);
                        contexts::current_thread().block_on(async { assert_eq!(sync(yields()), 7) });
                    }
                });
            }
        });
    });
}

#[test]
fn all_workers_may_be_in_sync_at_once() {
    within(LIMIT, || {
        let runtime = contexts::one_worker();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                runtime.spawn(async {
                    // Needs another task of the same runtime, whose only worker is blocked here.
                    let other = tokio::spawn(sleeps());
                    sync(other).unwrap()
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(runtime.block_on(task).unwrap(), 7);
        }
    });
}

/// A future that is given a name, so that what `sync` accepts is seen to compile.
#[test]
fn any_send_future_is_accepted() {
    fn boxed<'a>(text: &'a str) -> std::pin::Pin<Box<dyn Future<Output = &'a str> + Send + 'a>> {
        Box::pin(async move { text })
    }
    assert_eq!(sync(boxed("x")), "x");
}
