//! The counters see what is started and opened, and its end.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ori_test_support::{
    BusyLoad, LeakCheck, alone, alone_with, children, threads, threads_named, wait_until, zombies,
};

const LONG: Duration = Duration::from_secs(10);

#[test]
fn threads_are_counted_by_name_and_in_all() {
    let (sender, receiver) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name("counted".into()).spawn(move || receiver.recv()).unwrap();
    wait_until(LONG, || threads_named("counted").unwrap() == 1);
    assert!(threads().unwrap() >= 2);
    drop(sender);
    thread.join().unwrap().unwrap_err();
    wait_until(LONG, || threads_named("counted").unwrap() == 0);
}

#[test]
fn children_and_zombies_are_counted() {
    alone("counters::children_and_zombies_are_counted", || {
        let mut child = Command::new("true").spawn().unwrap();
        wait_until(LONG, || zombies().unwrap() == 1);
        assert_eq!(children().unwrap(), 1);
        child.wait().unwrap();
        assert_eq!((children().unwrap(), zombies().unwrap()), (0, 0));
    });
}

#[test]
fn a_leaked_descriptor_is_found() {
    alone("counters::a_leaked_descriptor_is_found", || {
        let check = LeakCheck::start().unwrap().limit(Duration::from_millis(5));
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        let found = std::panic::catch_unwind(|| check.finish());
        assert!(found.is_err());
        drop(file);
    });
}

#[test]
fn a_load_ends_with_its_guard() {
    alone("counters::a_load_ends_with_its_guard", || {
        let check = LeakCheck::start().unwrap();
        drop(BusyLoad::start());
        check.finish();
    });
}

#[test]
fn a_shell_limit_is_in_force_alone() {
    alone_with("counters::a_shell_limit_is_in_force_alone", "ulimit -n 64", || {
        let files: Vec<_> = (0..64).map_while(|_| std::fs::File::open("/proc/self/stat").ok()).collect();
        // Standard input, output and error are open besides.
        assert!((1..=61).contains(&files.len()), "{} could be opened", files.len());
    });
}
