//! One future: results, limits, cancelling, callbacks, awaiting.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use ori_background::BackgroundFuture;
use ori_errors::ErrorKind;
use ori_test_support::{wait_until, within};

use crate::{LONG, blocker, pool};

#[test]
fn result_timeout_gives_timed_out_and_the_future_can_be_asked_again() {
    let (promise, mut future) = BackgroundFuture::pair();
    for _ in 0..3 {
        let error = future.result_timeout(Duration::from_millis(1)).unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(!future.is_done());
    }
    assert!(future.result_timeout(Duration::ZERO).unwrap_err().is_timeout());
    let setter = thread::spawn(move || promise.complete(Ok(5)));
    assert_eq!(future.result_timeout(Duration::MAX).unwrap(), 5);
    assert!(setter.join().unwrap());
}

#[test]
fn a_result_that_was_taken_is_closed() {
    let mut future = BackgroundFuture::ready(Ok(1));
    assert_eq!(future.result_timeout(LONG).unwrap(), 1);
    assert!(future.is_done());
    assert_eq!(future.result_timeout(LONG).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(pollster::block_on(&mut future).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_panic_becomes_an_error_with_message_and_place() {
    let error = pool(1).submit(|| panic!("boom {}", 1)).result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert_eq!(error.panic_message(), Some("boom 1"));
    assert!(error.panic_location().unwrap().contains("future.rs:"), "{error:?}");
}

#[test]
fn cancel_on_a_queued_task_prevents_it() {
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let queued = pool.submit(move || counter.fetch_add(1, Ordering::SeqCst));
    assert!(queued.cancel());
    assert!(queued.cancel(), "it stays cancelled");
    assert!(queued.is_cancelled() && queued.is_done() && !queued.is_running());
    drop(gate);
    running.result().unwrap();
    assert!(queued.result().unwrap_err().is_cancelled());
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1, "what came behind it ran");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    assert_eq!(Arc::strong_count(&runs), 1, "its closure was dropped");
}

#[test]
fn cancel_on_a_running_task_returns_false() {
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    assert!(!running.cancel());
    assert!(running.is_running() && !running.is_cancelled());
    drop(gate);
    wait_until(LONG, || running.is_done());
    assert!(!running.cancel(), "too late");
    running.result().unwrap();
}

#[test]
fn cancel_reaches_whoever_runs_the_task_when_it_can_be_stopped() {
    let (sender, receiver) = channel();
    let (promise, future) = BackgroundFuture::<u8>::pair();
    let late = sender.clone();
    promise.on_cancel(move || sender.send("stopped").unwrap());
    assert!(promise.start());
    assert!(future.is_running());
    assert!(future.cancel());
    assert_eq!(receiver.recv().unwrap(), "stopped");
    assert!(promise.is_settled());
    promise.on_cancel(move || late.send("at once").unwrap());
    assert_eq!(receiver.recv().unwrap(), "at once");
    assert!(receiver.recv().is_err(), "each hook was called once and dropped");
    assert!(!promise.complete(Ok(1)), "a late result is thrown away");
    assert!(future.result().unwrap_err().is_cancelled());
}

#[test]
fn a_promise_that_is_dropped_cancels() {
    let (promise, future) = BackgroundFuture::<u8>::pair();
    assert!(promise.start());
    thread::spawn(move || drop(promise));
    assert!(within(LONG, || future.result()).unwrap_err().is_cancelled());
}

#[test]
fn on_done_runs_once_and_at_once_if_already_done() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = |by: usize| {
        let calls = Arc::clone(&calls);
        move || {
            calls.fetch_add(by, Ordering::SeqCst);
        }
    };
    let (promise, future) = BackgroundFuture::pair();
    future.on_done(count(1));
    future.on_done(count(10));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert!(promise.complete(Ok(1)));
    assert_eq!(calls.load(Ordering::SeqCst), 11);
    future.on_done(count(100));
    assert_eq!(calls.load(Ordering::SeqCst), 111);
    assert!(!future.cancel());
    future.result().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 111);

    let (_promise, cancelled) = BackgroundFuture::<()>::pair();
    cancelled.on_done(count(1_000));
    cancelled.cancel();
    assert_eq!(calls.load(Ordering::SeqCst), 1_111);
}

#[test]
fn a_panic_in_on_done_is_contained() {
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    let (sender, receiver) = channel();
    let task = pool.submit(|| 7);
    task.on_done(|| panic!("callback"));
    task.on_done(move || sender.send(()).unwrap());
    drop(gate);
    assert_eq!(task.result().unwrap(), 7);
    receiver.recv_timeout(LONG).unwrap();
    running.result().unwrap();
    let done = BackgroundFuture::ready(Ok(1));
    done.on_done(|| panic!("callback"));
    assert_eq!(done.result().unwrap(), 1);
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
}

#[test]
fn user_code_never_runs_under_a_lock() {
    /// Asks its future when it is dropped: a lock that is held here would never come free.
    struct Asks(Arc<BackgroundFuture<()>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            assert!(self.0.is_done());
        }
    }
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {}
    }
    within(LONG, || {
        let pool = pool(1);
        let (gate, running) = blocker(&pool);
        let (promise, future) = BackgroundFuture::<()>::pair();
        let future = Arc::new(future);
        let (asker, other) = (Arc::clone(&future), pool.clone());
        future.on_done(move || {
            assert!(asker.is_done());
            other.submit(|| ()).detach();
        });
        let asks = Asks(Arc::clone(&future));
        promise.on_cancel(move || drop(asks));
        assert!(future.cancel());

        // The drop of a task that never ran uses its own pool.
        let other = pool.clone();
        let (cancelled, queued) = (pool.submit(|| ()), pool.submit(|| ()));
        cancelled.on_done(move || other.submit(|| ()).detach());
        pool.shutdown(ori_background::Shutdown::Abandon);
        assert!(cancelled.is_cancelled() && queued.is_cancelled());
        drop(gate);
        running.result().unwrap();

        // A waker that is replaced is dropped after the lock.
        let (promise, future) = BackgroundFuture::<()>::pair();
        let (_keep, shown) = BackgroundFuture::<()>::pair();
        let shown = Arc::new(shown);
        shown.cancel();
        let mut future = pin!(future);
        for _ in 0..2 {
            let waker = Waker::from(Arc::new(Asks(Arc::clone(&shown))));
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert!(promise.complete(Ok(())));
    });
}

#[test]
fn drops_that_panic_are_contained() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !thread::panicking() {
                panic!("drop");
            }
        }
    }
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    let bomb = Bomb;
    let cancelled = pool.submit(move || drop(bomb));
    assert!(cancelled.cancel());
    pool.submit(|| Bomb).detach();
    drop(gate);
    running.result().unwrap();
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1, "the worker lives");
}

#[test]
fn awaiting_from_tokio_from_another_runtime_and_from_plain_threads_works() {
    let pool = pool(2);
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for n in 0..200u64 {
        let task = || pool.submit(move || n + 1);
        let spawned = task();
        assert_eq!(tokio.block_on(tokio.spawn(spawned)).unwrap().unwrap(), n + 1);
        assert_eq!(current.block_on(task()).unwrap(), n + 1);
        assert_eq!(pollster::block_on(task()).unwrap(), n + 1);
        let plain = task();
        assert_eq!(thread::spawn(move || plain.result()).join().unwrap().unwrap(), n + 1);
    }
}

#[test]
fn a_future_that_moves_between_tasks_wakes_the_last_one_that_polled() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (promise, future) = BackgroundFuture::pair();
    let mut future = pin!(future);
    let (first, last) = (Arc::new(Count::default()), Arc::new(Count::default()));
    for counter in [&first, &last, &last] {
        let waker = Waker::from(Arc::clone(counter));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(promise.complete(Ok(3)));
    assert_eq!((first.0.load(Ordering::SeqCst), last.0.load(Ordering::SeqCst)), (0, 1));
    let ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(ready, Poll::Ready(Ok(3))));
}

#[test]
fn dropping_the_awaiting_side_does_not_cancel() {
    let pool = pool(1);
    let (sender, receiver) = channel();
    let (gate, running) = blocker(&pool);
    let mut task = pool.submit(move || sender.send(1).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_millis(1), &mut task).await.unwrap_err();
    });
    drop(task);
    drop(gate);
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), 1);
    running.result().unwrap();
}

#[test]
fn detach_lets_it_run() {
    let pool = pool(1);
    let (sender, receiver) = channel();
    let (gate, running) = blocker(&pool);
    pool.submit(move || sender.send(1).unwrap()).detach();
    drop(gate);
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), 1);
    running.detach();
}
