//! How many processes there are, how deep, and what they get from their parent.

use std::fs;
use std::process::Stdio;

use ori_background::ProcessPool;
use ori_errors::ErrorKind;
use ori_test_support::{alone, wait_until, within};

use super::{Mark, kill, mark, pool};
use crate::LONG;

#[test]
fn promise_13_short_tasks_start_no_more_processes_than_asked_for() {
    let pool = pool(3);
    let futures: Vec<_> = (0..45 * 20).map(|n: u32| pool.submit(|_: u32| std::process::id(), n)).collect();
    let mut pids: Vec<u32> = futures.into_iter().map(|future| future.result().unwrap()).collect();
    pids.sort_unstable();
    pids.dedup();
    assert!(pids.len() <= 3, "{pids:?}");
    assert!(pool.worker_pids().len() <= 3);
    // One that is idle is used again.
    let one = ProcessPool::builder().max_workers(8).build().unwrap();
    let pids: Vec<u32> =
        (0..50).map(|n: u32| one.submit(|_: u32| std::process::id(), n).result().unwrap()).collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]));
}

/// Starts pools in pools; gives the depth, or the error of the first that could not be made.
fn nest(levels: u32) -> Result<u32, String> {
    if levels == 0 {
        return Ok(ori_worker::depth());
    }
    let pool = ProcessPool::builder()
        .max_workers(1)
        .build()
        .map_err(|error| format!("{:?}: {error}", error.kind()))?;
    pool.submit(nest, levels - 1).result().map_err(|error| error.to_string())?
}

#[test]
fn promise_13_pools_nest_three_deep() {
    assert_eq!(nest(3), Ok(3));
    let error = nest(4).unwrap_err();
    assert!(error.contains(&format!("{:?}", ErrorKind::NoInteractiveProcessPools)), "{error}");
    assert!(error.contains("3 deep"), "{error}");
}

/// How often this process has touched a page that the kernel had to do something about.
fn page_faults() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(7).unwrap().parse().unwrap()
}

#[test]
fn promise_16_a_large_parent_is_not_copied_when_a_worker_starts() {
    alone("process::life::promise_16_a_large_parent_is_not_copied_when_a_worker_starts", || {
        let mut memory = vec![1_u8; 1 << 30];
        let pool = pool(1);
        // The first start touches pages of the allocator and of libraries.
        pool.submit(|n: u8| n, 1).result().unwrap();
        for pid in pool.worker_pids() {
            kill(pid);
            wait_until(LONG, || !pool.worker_pids().contains(&pid));
        }
        assert_eq!(pool.submit(|n: u8| n, 1).result().unwrap(), 1);
        // A fork would have taken the right to write from every page; a huge page has 2 MiB.
        let before = page_faults();
        memory.iter_mut().step_by(4096).for_each(|byte| *byte = 2);
        let faults = page_faults() - before;
        assert!(faults < 256, "{faults} page faults");
        assert_eq!(std::hint::black_box(memory)[1], 1);
    });
}

#[test]
fn workers_have_the_environment_that_was_asked_for() {
    let pool = ProcessPool::builder().env("ORI_TEST_COLOUR", "blue").build().unwrap();
    assert_eq!(pool.submit(|()| std::env::var("ORI_TEST_COLOUR").unwrap(), ()).result().unwrap(), "blue");
    let silent = ProcessPool::builder().outputs(|| Ok((Stdio::null(), Stdio::null()))).build().unwrap();
    let out = |()| fs::read_link("/proc/self/fd/1").unwrap();
    assert_eq!(silent.submit(out, ()).result().unwrap().to_str(), Some("/dev/null"));
}

#[test]
fn promise_03_a_stuck_task_does_not_hold_up_those_sent_to_the_same_worker() {
    let marks = Mark::new();
    let pool = pool(2);
    let task = |(path, n): (String, u32)| {
        mark(&path);
        if n == 0 {
            super::stall();
        }
        n
    };
    let stuck = pool.submit(task, (marks.path(), 0));
    let others: Vec<_> = (1..100).map(|n| pool.submit(task, (marks.path(), n))).collect();
    for (n, other) in (1..).zip(others) {
        assert_eq!(within(LONG, || other.result()).unwrap(), n);
    }
    assert!(stuck.cancel());
    assert_eq!(marks.count(), 100, "each ran once");
}
