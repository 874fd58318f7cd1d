//! Time limits, cancelling, replacing workers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ori_background::{BackgroundFuture, ProcessPool};
use ori_errors::ErrorKind;
use ori_test_support::{alone_with, wait_until, within};

use super::results::named;
use super::{Mark, is_alive, mark, pool};
use crate::LONG;

/// No short item takes so long, even while it waits for one of few processors.
const LATE: Duration = Duration::from_secs(2);

#[test]
fn promise_06_a_time_limit_kills_the_worker_and_the_next_task_runs() {
    let pool = ProcessPool::builder().max_workers(1).task_timeout(LATE).build().unwrap();
    let busy = |n: u32| {
        if n == 1 {
            loop {
                std::hint::spin_loop();
            }
        }
        n
    };
    let futures: Vec<_> = (0..4).map(|n| pool.submit(busy, n)).collect();
    for (n, future) in (0..).zip(futures) {
        match within(LONG, || future.result()) {
            Ok(value) => assert_eq!(value, n),
            Err(error) => assert!(n == 1 && error.is_timeout(), "{n}: {error}"),
        }
    }
}

#[test]
fn promise_06_a_time_limit_kills_a_worker_that_ignores_sigterm() {
    let name = "process::limits::promise_06_a_time_limit_kills_a_worker_that_ignores_sigterm";
    // A signal that the shell ignores stays ignored in what it starts.
    alone_with(name, "trap '' TERM", || {
        let pool = ProcessPool::builder().max_workers(1).task_timeout(LATE).build().unwrap();
        let ignored = |()| {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
            u64::from_str_radix(mask, 16).unwrap() >> 14 & 1
        };
        assert_eq!(pool.submit(ignored, ()).result().unwrap(), 1, "the worker ignores it");
        let stuck = pool.submit(|()| -> u32 { super::stall() }, ());
        assert!(within(LONG, || stuck.result()).unwrap_err().is_timeout());
        assert_eq!(pool.submit(|n: u8| n, 1).result().unwrap(), 1);
    });
}

#[test]
fn promise_08_an_item_that_was_late_is_tried_again() {
    let marks = Mark::new();
    let pool = ProcessPool::builder().max_workers(1).task_timeout(LATE).retries(1).build().unwrap();
    let late = |(path, times): (String, usize)| {
        let begun = mark(&path);
        if begun <= times {
            super::stall();
        }
        begun
    };
    let path = marks.path();
    let once = pool.submit(late, (path.clone(), 1));
    assert_eq!(within(LONG, || once.result()).unwrap(), 2);
    let always = pool.submit(late, (path, usize::MAX));
    assert!(within(LONG, || always.result()).unwrap_err().is_timeout());
    assert_eq!(marks.count(), 2 + 2, "once, and once again");
}

#[test]
fn promise_06_batch_mates_of_a_late_item_are_not_charged() {
    let marks = Mark::new();
    let pool = ProcessPool::builder().max_workers(2).task_timeout(LATE).build().unwrap();
    let task = |(path, n): (String, u32)| {
        mark(&path);
        if n == 2_500 {
            super::stall();
        }
        n
    };
    let path = marks.path();
    let results: Vec<_> = pool.map(task, (0..5_000).map(|n| (path.clone(), n))).collect();
    for (n, result) in (0..).zip(results) {
        match result {
            Ok(value) => assert_eq!(value, n),
            Err(error) => assert!(n == 2_500 && error.is_timeout(), "{n}: {error}"),
        }
    }
    assert_eq!(marks.count(), 5_000, "each ran once");
}

#[test]
fn promise_07_cancel_prevents_a_queued_task_and_stops_a_running_one() {
    let marks = Mark::new();
    let pool = pool(1);
    let stuck = |path: String| -> u32 {
        mark(&path);
        super::stall()
    };
    let running = pool.submit(stuck, marks.path());
    marks.wait_for(1);
    let pid = pool.worker_pids()[0];
    let queued: Vec<_> = (0..5).map(|_| pool.submit(stuck, marks.path())).collect();
    for future in &queued {
        assert!(future.cancel());
        assert!(future.is_cancelled());
    }
    let last = pool.submit(|n: u32| n, 5);
    assert!(running.cancel());
    assert!(running.result().unwrap_err().is_cancelled());
    assert_eq!(within(LONG, || last.result()).unwrap(), 5);
    // The next one does not wait for its end.
    wait_until(LONG, || !is_alive(pid));
    assert_eq!(marks.count(), 1, "the queued ones never ran");
    queued.into_iter().for_each(BackgroundFuture::detach);
}

/// How many results in a row came from the same process; no process comes back.
fn runs(pids: Vec<u32>) -> Vec<usize> {
    let runs: Vec<&[u32]> = pids.chunk_by(|a, b| a == b).collect();
    let distinct: BTreeSet<u32> = pids.iter().copied().collect();
    assert_eq!(distinct.len(), runs.len(), "{pids:?}");
    runs.iter().map(|run| run.len()).collect()
}

#[test]
fn promise_09_max_tasks_per_worker_is_exactly_so_many_then_a_new_process() {
    for each in [1, 3, 7] {
        let pool = || ProcessPool::builder().max_workers(1).max_tasks_per_worker(each).build().unwrap();
        let tasks = usize::try_from(each).unwrap() * 6;
        let exact = vec![tasks / 6; 6];
        let pid = |_: usize| std::process::id();
        let (one_by_one, queued, mapped) = (pool(), pool(), pool());
        let pids = (0..tasks).map(|n| one_by_one.submit(pid, n).result().unwrap());
        assert_eq!(runs(pids.collect()), exact, "one by one");
        let futures: Vec<_> = (0..tasks).map(|n| queued.submit(pid, n)).collect();
        let pids = futures.into_iter().map(|future| within(LONG, || future.result()).unwrap());
        assert_eq!(runs(pids.collect()), exact, "queued");
        let pids = within(LONG, move || mapped.map(pid, 0..tasks).map(Result::unwrap).collect());
        assert_eq!(runs(pids), exact, "in batches");
    }
}

#[test]
fn promise_09_with_max_tasks_per_worker_the_backlog_is_drained() {
    for each in [1, 3] {
        let pool = ProcessPool::builder().max_workers(2).max_tasks_per_worker(each).build().unwrap();
        let mut pids = BTreeMap::new();
        let results: Vec<u32> = within(LONG, move || {
            pool.map(|_: u32| std::process::id(), 0..60).collect::<Result<_, _>>().unwrap()
        });
        results.into_iter().for_each(|pid| *pids.entry(pid).or_insert(0) += 1);
        assert!(pids.values().all(|tasks| *tasks <= each), "{pids:?}");
        // Two workers may be left with a part of theirs.
        assert!(pids.values().filter(|tasks| **tasks < each).count() <= 2, "{pids:?}");
    }
}

#[test]
fn promise_09_cancelled_tasks_do_not_count_for_max_tasks_per_worker() {
    let marks = Mark::new();
    let pool = ProcessPool::builder().max_workers(1).max_tasks_per_worker(5).build().unwrap();
    let waits = |path: String| {
        mark(&path);
        while super::count(&path) < 2 {
            std::thread::yield_now();
        }
    };
    let running = pool.submit(waits, marks.path());
    marks.wait_for(1);
    // As many as the worker may be given. It has them already, and is told to skip them.
    let waiting: Vec<_> = (0..4).map(|_| pool.submit(waits, marks.path())).collect();
    wait_until(LONG, || waiting.iter().all(BackgroundFuture::is_running));
    assert!(waiting.iter().all(BackgroundFuture::cancel));
    mark(&marks.path());
    running.result().unwrap();
    for n in 0..20 {
        let call = pool.submit(|n: u32| n, n);
        assert_eq!(within(LONG, || call.result()).unwrap(), n);
    }
}

#[test]
fn promise_09_a_worker_that_has_grown_is_replaced_after_its_task() {
    let pool = ProcessPool::builder().max_workers(1).max_memory_per_worker(200 << 20).build().unwrap();
    let grow = |bytes: usize| {
        std::mem::forget(std::hint::black_box(vec![1_u8; bytes]));
        std::process::id()
    };
    let small = pool.submit(grow, 1_000).result().unwrap();
    assert_eq!(pool.submit(grow, 1_000).result().unwrap(), small);
    assert_eq!(pool.submit(grow, 300 << 20).result().unwrap(), small, "its result counts");
    assert_ne!(pool.submit(grow, 1_000).result().unwrap(), small);
}

fn no_model() {
    panic!("no model");
}

#[test]
fn promise_10_a_failing_initializer_fails_the_tasks_with_its_message() {
    let panics = ProcessPool::builder().max_workers(1).initializer(no_model).build().unwrap();
    let fails =
        ProcessPool::builder().max_workers(1).initializer(|| "x".parse::<u8>().map(drop)).build().unwrap();
    for (pool, message) in [(panics, "no model"), (fails, "invalid digit")] {
        for _ in 0..3 {
            let error = within(LONG, {
                let pool = pool.clone();
                move || pool.submit(|n: u8| n, 1).result()
            })
            .unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
    let runs = ProcessPool::builder().initializer(|| std::env::set_current_dir("/")).build().unwrap();
    let place = runs.submit(|()| std::env::current_dir().unwrap(), ()).result().unwrap();
    assert_eq!(place.to_str(), Some("/"));
}

#[test]
fn promise_10_deaths_before_the_greeting_open_a_breaker_instead_of_a_storm() {
    let pool = ProcessPool::builder().max_workers(2).executable("/bin/false").build().unwrap();
    let futures: Vec<_> = (0..100).map(|n| pool.submit(named, n)).collect();
    for future in futures {
        let error = within(LONG, || future.result()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Spawn, "{error}");
    }
    let pool = ProcessPool::builder().executable("/no/such/program").build().unwrap();
    let error = pool.submit(named, 1).result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Spawn, "{error}");
}

#[test]
fn bad_options_are_named_and_nothing_is_started() {
    let zero = Duration::ZERO;
    for (builder, name) in [
        (ProcessPool::builder().max_workers(0), "max_workers"),
        (ProcessPool::builder().task_timeout(zero), "task_timeout"),
        (ProcessPool::builder().max_tasks_per_worker(0), "max_tasks_per_worker"),
        (ProcessPool::builder().max_memory_per_worker(0), "max_memory_per_worker"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.is_validation() && error.to_string().contains(name), "{error}");
    }
}
