//! The parent's end, and what reaches the parent only.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ori_background::{BackgroundFuture, ProcessPool};
use ori_test_support::{alone, wait_until, within};
use tokio::signal::unix::{SignalKind, signal};

use super::{Mark, is_alive, mark, pool};
use crate::LONG;

/// Where a parent that a test has started writes what it has done; its workers inherit it.
const PARENT: &str = "ORI_TEST_PARENT";

/// Starts this program once more for the test `name`, in a process group of its own.
fn start_parent(name: &str, marks: &Mark) -> Child {
    use std::os::unix::process::CommandExt;
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(PARENT, marks.path())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// The workers of a parent that a test has started, whoever their parent is by now.
fn workers_of(marks: &Mark) -> Vec<u32> {
    let inherited = format!("{PARENT}={}", marks.path());
    let is_one = |pid: u32| {
        let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let has = |text: Vec<u8>, word: &[u8]| text.split(|byte| *byte == 0).any(|part| part == word);
        has(read("environ"), inherited.as_bytes()) && has(read("cmdline"), b"--ori-worker") && is_alive(pid)
    };
    let processes = fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_one(*pid)).collect()
}

/// A pool with one idle worker and one that is busy for ever.
fn idle_and_busy(path: &str) -> (ProcessPool, BackgroundFuture<u32>) {
    let pool = pool(2);
    let busy = pool.submit(
        |path: String| {
            mark(&path);
            loop {
                std::hint::spin_loop();
            }
        },
        path.to_owned(),
    );
    assert_eq!(
        within(LONG, {
            let pool = pool.clone();
            move || pool.submit(|n: u32| n, 1).result()
        })
        .unwrap(),
        1
    );
    wait_until(LONG, || super::count(path) == 1);
    assert_eq!(pool.worker_pids().len(), 2);
    // The second mark: all is set up.
    mark(path);
    (pool, busy)
}

#[test]
fn promise_12_the_parents_kill_leaves_no_worker_idle_or_busy() {
    if let Ok(path) = std::env::var(PARENT) {
        let (_pool, busy) = idle_and_busy(&path);
        busy.result().unwrap();
        unreachable!("it is killed before");
    }
    let marks = Mark::new();
    let mut parent =
        start_parent("process::parent::promise_12_the_parents_kill_leaves_no_worker_idle_or_busy", &marks);
    marks.wait_for(2);
    assert_eq!(workers_of(&marks).len(), 2);
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until(LONG, || workers_of(&marks).is_empty());
}

#[test]
fn promise_12_a_parent_killed_at_any_moment_leaves_no_worker() {
    if let Ok(path) = std::env::var(PARENT) {
        mark(&path);
        loop {
            let pool = pool(2);
            let payloads =
                pool.map(|payload: ori_worker::Payload| payload, vec![vec![1; 200_000].into(); 20]);
            assert_eq!(payloads.map(Result::unwrap).count(), 20);
        }
    }
    for round in 0..8 {
        let marks = Mark::new();
        let mut parent = start_parent(
            "process::parent::promise_12_a_parent_killed_at_any_moment_leaves_no_worker",
            &marks,
        );
        marks.wait_for(1);
        // Another moment each time: a worker starts, reads, runs, writes or ends.
        std::thread::park_timeout(Duration::from_millis(3 * round));
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_until(LONG, || workers_of(&marks).is_empty());
    }
}

#[test]
fn promise_12_ctrl_c_reaches_the_parent_only_and_its_exit_ends_the_workers() {
    if let Ok(path) = std::env::var(PARENT) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let mut interrupts = signal(SignalKind::interrupt()).unwrap();
        let (pool, busy) = idle_and_busy(&path);
        let workers = pool.worker_pids();
        runtime.block_on(interrupts.recv()).unwrap();
        assert!(!busy.is_done());
        let idle = pool.submit(|()| std::process::id(), ()).result().unwrap();
        assert!(workers.contains(&idle) && workers.into_iter().all(is_alive));
        mark(&path);
        // Nothing is dropped: the kernel alone tells the workers.
        std::process::exit(0);
    }
    let marks = Mark::new();
    let mut parent = start_parent(
        "process::parent::promise_12_ctrl_c_reaches_the_parent_only_and_its_exit_ends_the_workers",
        &marks,
    );
    marks.wait_for(2);
    // What a terminal does: a signal to every process of the group in the foreground.
    let group = format!("-{}", parent.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    marks.wait_for(3);
    assert!(within(LONG, move || parent.wait()).unwrap().success());
    wait_until(LONG, || workers_of(&marks).is_empty());
}

#[test]
fn promise_17_the_output_of_workers_does_not_hold_a_test_runner_open() {
    // A runner reads the output of a test program to its end, as `alone` does.
    within(LONG, || {
        alone("process::parent::promise_17_the_output_of_workers_does_not_hold_a_test_runner_open", || {
            let marks = Mark::new();
            let (pool, busy) = idle_and_busy(&marks.path());
            // Not even told to end.
            std::mem::forget((pool, busy));
        });
    });
}
