//! Stages in worker processes that die, hang, or are killed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ori_errors::{ErrorKind, Result};
use ori_poolchain::PoolChain;
use ori_test_support::{Random, within};

use crate::LIMIT as LONG;

fn kill(pid: u32) {
    let mut command = std::process::Command::new("kill");
    // It may have ended by itself.
    let _ = command.args(["-9", &pid.to_string()]).stderr(std::process::Stdio::null()).status().unwrap();
}

#[test]
fn a_death_costs_exactly_the_item_that_ran() {
    let chain = PoolChain::new()
        .add_threadpool(|n: u64| n)
        .add_processpool(|n: u64| {
            match n % 50 {
                7 => std::process::exit(3),
                17 => std::process::abort(),
                _ => {}
            }
            n
        })
        .name("risky")
        .max_workers(2)
        .add_threadpool(|n| n);
    let mut results = chain.execute_lazy(0..1000).unwrap();
    let (results, stats) = within(LONG, move || {
        let all: Vec<Result<u64>> = results.by_ref().collect();
        (all, results.stats())
    });
    assert_eq!(results.len(), 1000);
    let stage = &stats.stages()[1];
    assert_eq!((stage.items, stage.errors, stage.retries, stage.lost), (1000, 40, 0, 40));
    for (n, result) in (0_u64..).zip(results) {
        match (n % 50, result) {
            (7 | 17, Err(error)) => {
                assert_eq!((error.kind(), error.item()), (ErrorKind::WorkerLost, Some(n)), "{error}");
                assert_eq!(error.stage(), Some("risky"));
                assert!(error.pid().is_some_and(|pid| pid != std::process::id()));
                let how = if n % 50 == 7 { (Some(3), None) } else { (None, Some(6)) };
                assert_eq!((error.exit_code(), error.signal()), how);
            }
            (_, result) => assert_eq!(result.unwrap(), n),
        }
    }
}

#[test]
fn a_time_limit_kills_the_worker_and_charges_nobody_else() {
    let chain = PoolChain::new()
        .add_processpool(|n: u64| {
            if n == 3 || n == 30 {
                loop {
                    std::thread::park();
                }
            }
            n
        })
        .name("slow")
        .timeout(Duration::from_millis(100))
        .max_workers(2)
        .chunksize(10);
    let results: Vec<_> = within(LONG, move || chain.execute_lazy(0..50).map(Iterator::collect)).unwrap();
    for (n, result) in (0_u64..).zip::<Vec<Result<u64>>>(results) {
        match result {
            Err(error) if n == 3 || n == 30 => {
                assert_eq!((error.kind(), error.item()), (ErrorKind::TimedOut, Some(n)), "{error}");
                assert_eq!(error.stage(), Some("slow"));
            }
            result => assert_eq!(result.unwrap(), n),
        }
    }
}

#[test]
fn an_item_whose_worker_died_or_was_late_is_tried_again() {
    let folder = std::env::temp_dir().join(format!("ori-tries-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Dies the first time, hangs the second, and returns the third.
    let chain = PoolChain::new()
        .add_processpool(|(folder, n): (String, u64)| {
            use std::io::Write;
            let path = std::path::Path::new(&folder).join(n.to_string());
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
            file.write_all(b"x").unwrap();
            let tries = file.metadata().unwrap().len();
            match (n % 20, tries) {
                (5, 1) => std::process::abort(),
                (5, 2) => loop {
                    std::thread::park();
                },
                _ => tries,
            }
        })
        .timeout(Duration::from_secs(1))
        .retries(2)
        .max_workers(2);
    let path = folder.to_str().unwrap().to_owned();
    let items: Vec<_> = (0..60).map(|n| (path.clone(), n)).collect();
    let mut results = chain.execute_lazy(items).unwrap();
    let (results, stats) = within(LONG, move || {
        let all: Vec<Result<u64>> = results.by_ref().collect();
        (all, results.stats())
    });
    let stage = &stats.stages()[0];
    assert_eq!((stage.items, stage.errors, stage.retries, stage.lost), (60, 0, 6, 6));
    for (n, result) in (0_u64..).zip(results) {
        match n % 20 {
            5 => assert_eq!(result.unwrap(), 3),
            _ => assert_eq!(result.unwrap(), 1, "an item that returned is not tried again"),
        }
        let tries = std::fs::metadata(folder.join(n.to_string())).unwrap().len();
        assert_eq!(tries, if n % 20 == 5 { 3 } else { 1 });
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_item_that_panicked_is_not_tried_again() {
    let path = std::env::temp_dir().join(format!("ori-once-{}", std::process::id()));
    let chain = PoolChain::new()
        .add_processpool(|path: String| {
            let made = std::fs::OpenOptions::new().create_new(true).write(true).open(path);
            assert!(made.is_err(), "once");
        })
        .retries(3);
    let items = [path.to_str().unwrap().to_owned()];
    let error = chain.execute_eager(items).unwrap_err();
    assert_eq!(error.panic_message(), Some("once"), "a second call would have returned");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn random_kills_lose_only_what_was_running_and_nothing_with_retries() {
    let items = 100_000_u64;
    for retries in [0, 3] {
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n)
            .add_processpool(|n: u64| (n + 1, std::process::id()))
            .max_workers(2)
            .retries(retries);
        let over = AtomicBool::new(false);
        let (sender, pids) = std::sync::mpsc::channel::<u32>();
        let (lost, kills) = std::thread::scope(|scope| {
            let over = &over;
            let killer = scope.spawn(move || {
                let mut random = Random::seeded(7);
                let (mut seen, mut kills) = (BTreeSet::new(), 0);
                while !over.load(Ordering::Relaxed) {
                    seen.extend(
                        pids.recv_timeout(Duration::from_millis(1)).into_iter().chain(pids.try_iter()),
                    );
                    if !seen.is_empty() && random.below(2) == 0 {
                        let index = random.below(seen.len() as u64) as usize;
                        let pid = *seen.iter().nth(index).unwrap();
                        seen.remove(&pid);
                        kill(pid);
                        kills += 1;
                    }
                }
                kills
            });
            let mut lost = 0;
            for (n, result) in (0..).zip(chain.execute_lazy(0..items).unwrap()) {
                match result {
                    Ok((value, pid)) => {
                        assert_eq!(value, n + 1);
                        if n % 500 == 0 {
                            sender.send(pid).unwrap();
                        }
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WorkerLost, "{error}");
                        assert_eq!(error.item(), Some(n));
                        lost += 1;
                    }
                }
            }
            over.store(true, Ordering::Relaxed);
            (lost, killer.join().unwrap())
        });
        assert!(kills > 0);
        assert!(lost <= if retries == 0 { kills } else { 0 }, "{lost} lost by {kills} kills");
    }
}
