//! Parents and children.

use std::fs;
use std::process::{Command, Stdio};

use ori_background::{BackgroundFuture, ProcessPool};
use ori_errors::ErrorKind;
use ori_test_support::{wait_until, within};

use super::{Mark, is_alive, mark, pool};
use crate::LONG;

#[test]
fn short_tasks_start_no_more_processes_than_asked_for() {
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
fn pools_nest_three_deep() {
    assert_eq!(nest(3), Ok(3));
    let error = nest(4).unwrap_err();
    assert!(error.contains(&format!("{:?}", ErrorKind::NoInteractiveProcessPools)), "{error}");
    assert!(error.contains("3 deep"), "{error}");
}

/// In a process of its own, which will be killed: one idle and one busy worker.
fn doomed_parent(path: &str) -> ! {
    let pool = pool(2);
    let busy: BackgroundFuture<u32> = pool.submit(
        |path: String| {
            mark(&path);
            loop {
                std::hint::spin_loop();
            }
        },
        format!("{path}.busy"),
    );
    pool.submit(|n: u32| n, 1).result().unwrap();
    let pids: Vec<String> = pool.worker_pids().iter().map(u32::to_string).collect();
    fs::write(path, pids.join(" ")).unwrap();
    busy.result().unwrap();
    unreachable!("it is killed before");
}

#[test]
fn the_parents_kill_leaves_no_worker() {
    const NAME: &str = "process::life::the_parents_kill_leaves_no_worker";
    if let Ok(path) = std::env::var("ORI_DOOMED_PARENT") {
        doomed_parent(&path);
    }
    let marks = Mark::new();
    let busy = format!("{}.busy", marks.path());
    fs::write(&busy, []).unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env("ORI_DOOMED_PARENT", marks.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(LONG, || super::count(&busy) > 0 && marks.count() > 0);
    let pids = fs::read_to_string(marks.path()).unwrap();
    let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until(LONG, || !pids.iter().any(|pid| is_alive(*pid)));
    fs::remove_file(busy).unwrap();
}

#[test]
fn workers_are_in_a_group_of_their_own_and_read_nothing() {
    let pool = pool(1);
    let group = |()| -> (String, usize) {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let group = stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().to_owned();
        let read = std::io::Read::read(&mut std::io::stdin(), &mut [0; 8]).unwrap();
        (group, read)
    };
    let (worker_group, read) = pool.submit(group, ()).result().unwrap();
    assert_eq!(worker_group, pool.worker_pids()[0].to_string(), "Ctrl-C reaches the parent only");
    assert_eq!(read, 0);
}

#[test]
fn a_large_parent_starts_workers_too() {
    let memory = vec![1_u8; 1 << 30];
    let pool = pool(1);
    assert_eq!(within(LONG, move || pool.submit(|n: u8| n, 1).result()).unwrap(), 1);
    assert_eq!(memory[memory.len() / 2], 1);
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
fn a_stuck_task_does_not_hold_up_those_sent_to_the_same_worker() {
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
