//! The pool: its options, how many threads it has, its queue, and `map`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use ori_background::{BackgroundFuture, Executor, ThreadPool, ThreadPoolBuilder};
use ori_errors::ErrorKind;
use ori_test_support::{LeakCheck, alone, alone_with, threads, threads_named, wait_until, within};

use crate::{LONG, blocker, pool};

#[test]
fn zero_options_are_validation_errors_and_nothing_is_started() {
    alone("pool::zero_options_are_validation_errors_and_nothing_is_started", || {
        let before = threads().unwrap();
        let cases: [(ThreadPoolBuilder, &str); 5] = [
            (ThreadPool::builder().max_workers(0), "max_workers"),
            (ThreadPool::builder().idle_timeout(Duration::ZERO), "idle_timeout"),
            (ThreadPool::builder().queue_limit(0), "queue_limit"),
            (ThreadPool::builder().task_timeout(Duration::ZERO), "task_timeout"),
            (ThreadPool::builder().thread_name("a\0b"), "thread_name"),
        ];
        for (builder, option) in cases {
            let error = builder.task_timeout_unless(option).build().unwrap_err();
            assert!(error.is_validation() && error.to_string().contains(option), "{error:?}");
        }
        assert_eq!(threads().unwrap(), before);
    });
}

/// With a time limit the pool would start the thread that watches it.
trait TaskTimeoutUnless {
    fn task_timeout_unless(self, option: &str) -> Self;
}

impl TaskTimeoutUnless for ThreadPoolBuilder {
    fn task_timeout_unless(self, option: &str) -> Self {
        if option == "task_timeout" { self } else { self.task_timeout(LONG) }
    }
}

#[test]
fn threads_are_started_only_when_none_is_idle() {
    let pool = ThreadPool::builder().max_workers(8).thread_name("lazy").build().unwrap();
    assert_eq!(threads_named("lazy").unwrap(), 0, "none before there is work");
    for _ in 0..20 {
        let gates: Vec<_> = (0..3).map(|_| blocker(&pool)).collect();
        for (gate, running) in gates {
            drop(gate);
            running.result().unwrap();
        }
        wait_until(LONG, || format!("{pool:?}").contains("idle: 3"));
        assert_eq!(threads_named("lazy").unwrap(), 3);
    }
}

#[test]
fn idle_threads_exit_after_the_idle_timeout() {
    let idle = Duration::from_millis(20);
    let pool = ThreadPool::builder().max_workers(3).thread_name("idle").idle_timeout(idle).build().unwrap();
    for _ in 0..3 {
        let gates: Vec<_> = (0..3).map(|_| blocker(&pool)).collect();
        assert_eq!(threads_named("idle").unwrap(), 3);
        drop(gates);
        wait_until(LONG, || threads_named("idle").unwrap() == 0);
    }
}

#[test]
fn no_more_than_max_workers_run_and_no_fewer() {
    let pool = pool(3);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let together = Arc::new(Barrier::new(3));
    let tasks: Vec<_> = (0..300)
        .map(|_| {
            let (running, most, together) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&together));
            pool.submit(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                together.wait(); // passes only if three run at the same time
                running.fetch_sub(1, Ordering::SeqCst);
            })
        })
        .collect();
    within(LONG, move || tasks.into_iter().for_each(|task| task.result().unwrap()));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn without_a_bound_every_task_has_a_thread() {
    let pool = pool(usize::MAX);
    let together = Arc::new(Barrier::new(200));
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let together = Arc::clone(&together);
            pool.submit(move || together.wait().is_leader())
        })
        .collect();
    let leaders = within(LONG, || {
        tasks.into_iter().filter_map(|task| task.result().ok()).filter(|leader| *leader).count()
    });
    assert_eq!(leaders, 1);
}

#[test]
fn a_panicking_job_does_not_end_its_worker() {
    let pool = ThreadPool::builder().max_workers(1).thread_name("bare").build().unwrap();
    for _ in 0..100 {
        pool.execute(Box::new(|| panic!("bare job"))).unwrap();
    }
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    assert_eq!(threads_named("bare").unwrap(), 1);
}

#[test]
fn a_full_queue_refuses_and_takes_again() {
    let pool = ThreadPool::builder().max_workers(2).queue_limit(3).build().unwrap();
    let first = blocker(&pool);
    // Not full while a worker is free, however many wait to be picked up.
    let second = blocker(&pool);
    let waiting: Vec<_> = (0..3).map(|n| pool.submit(move || n)).collect();
    assert_eq!(pool.submit(|| 9).result().unwrap_err().kind(), ErrorKind::QueueFull);
    assert_eq!(pool.execute(Box::new(|| ())).unwrap_err().kind(), ErrorKind::QueueFull);
    drop(first);
    drop(second);
    for (n, task) in (0..).zip(waiting) {
        assert_eq!(task.result().unwrap(), n);
    }
    assert_eq!(pool.submit(|| 9).result().unwrap(), 9);
}

#[test]
fn map_gives_values_and_errors_in_input_order() {
    let results = pool(4).map(
        |n: u64| {
            assert!(n % 10 != 3, "item {n}");
            n * 2
        },
        0..1_000,
    );
    let mut count = 0;
    for (n, result) in (0..).zip(results) {
        match result {
            Ok(value) => assert_eq!(value, n * 2),
            Err(error) => assert_eq!(error.panic_message(), Some(format!("item {n}").as_str())),
        }
        assert_eq!(n % 10 == 3, count % 10 == 3);
        count += 1;
    }
    assert_eq!(count, 1_000);
    assert_eq!(pool(1).map(|n: u8| n, []).count(), 0);
}

#[test]
fn map_reads_a_bounded_way_ahead_and_begins_at_once() {
    let pool = pool(2);
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let endless = (0u64..).inspect(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let mut results = pool.map(|n| n + 1, endless);
    assert_eq!(read.load(Ordering::SeqCst), 64, "before the first next");
    for n in 0..500 {
        assert_eq!(results.next().unwrap().unwrap(), n + 1);
        assert!(read.load(Ordering::SeqCst) <= usize::try_from(n).unwrap() + 65);
    }
}

#[test]
fn map_waits_for_room_in_a_bounded_queue() {
    let pool = ThreadPool::builder().max_workers(1).queue_limit(2).build().unwrap();
    let results: Vec<_> = pool.map(|n: u64| n, 0..200).map(Result::unwrap).collect();
    assert!(results.into_iter().eq(0..200));
}

#[test]
fn dropping_a_map_cancels_what_has_not_begun() {
    let pool = pool(1);
    let (gate, running) = blocker(&pool);
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    drop(pool.map(move |_| counter.fetch_add(1, Ordering::SeqCst), 0..));
    drop(gate);
    running.result().unwrap();
    pool.submit(|| ()).result().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[test]
fn works_with_256_descriptors_and_5_000_queued_tasks() {
    alone_with("pool::works_with_256_descriptors_and_5_000_queued_tasks", "ulimit -n 256", || {
        let check = LeakCheck::start().unwrap();
        let pool = ThreadPool::builder().max_workers(500).build().unwrap();
        let tasks: Vec<_> = (0..5_000u64).map(|n| pool.submit(move || n)).collect();
        assert!(tasks.into_iter().map(|task| task.result().unwrap()).eq(0..5_000));
        drop(pool);
        check.finish();
    });
}

/// Stacks of 256 MiB in 3 GiB of addresses: a few threads can be started.
const FEW_THREADS: &str = "export RUST_MIN_STACK=268435456 && ulimit -v 3145728";
/// Stacks of 64 TiB: none can.
const NO_THREAD: &str = "export RUST_MIN_STACK=70368744177664";

#[test]
fn goes_on_with_the_threads_it_has_when_no_more_can_be_started() {
    alone_with("pool::goes_on_with_the_threads_it_has_when_no_more_can_be_started", FEW_THREADS, || {
        let pool = ThreadPool::builder().max_workers(usize::MAX).thread_name("few").build().unwrap();
        let first = blocker(&pool);
        let (sender, receiver) = channel::<()>();
        let receiver = Arc::new(std::sync::Mutex::new(receiver));
        let tasks: Vec<_> = (0..100u64)
            .map(|n| {
                let receiver = Arc::clone(&receiver);
                pool.submit(move || {
                    let _ = receiver.lock().unwrap().recv();
                    n
                })
            })
            .collect();
        let threads = threads_named("few").unwrap();
        assert!((1..50).contains(&threads), "{threads} threads");
        drop(sender);
        assert!(tasks.into_iter().map(|task| task.result().unwrap()).eq(0..100));
        drop(first);
    });
}

#[test]
fn without_any_thread_the_future_gives_spawn() {
    alone_with("pool::without_any_thread_the_future_gives_spawn", NO_THREAD, || {
        let pool = pool(4);
        for _ in 0..3 {
            let error = pool.submit(|| 1).result().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Spawn, "{error:?}");
            let (promise, future) = BackgroundFuture::<()>::pair();
            let error = pool.execute(Box::new(move || drop(promise))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Spawn);
            assert!(future.is_done(), "its job was not kept");
        }
        let error = ThreadPool::builder().task_timeout(LONG).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Spawn);
        pool.shutdown(ori_background::Shutdown::Wait);
    });
}
