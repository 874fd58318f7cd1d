//! Workers that do not keep to the protocol: what is lost is what they were running.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use ori_errors::ErrorKind;
use ori_test_support::{Random, alone};
use ori_worker::{Conductor, Task, WorkerOptions};

use crate::collect::{conductor, job, run};
use crate::sys_socket::to_the_parent;

/// Tells the parent these bytes in place of a result, if there are any.
fn lie(lie: Vec<u8>) -> u32 {
    if lie.is_empty() {
        return 1;
    }
    to_the_parent().write_all(&lie).unwrap();
    loop {
        std::thread::park();
    }
}

/// The head of a frame of this kind, and its body.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 0, 0, 0];
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(0_u64.to_le_bytes());
    frame.extend(body);
    frame
}

/// A reply: the number of the job, how many results, whether it was skipped, nanoseconds.
fn reply(job: u8, items: u8, skipped: u8) -> Vec<u8> {
    frame(7, &[job, items, skipped, 1])
}

/// Each of these, as the second of three jobs, costs its own item only.
fn check(lies: impl IntoIterator<Item = (&'static str, Vec<u8>)>) {
    let conductor = conductor(2);
    for (name, bytes) in lies {
        let results = run::<_, u32>(&conductor, Task::new(lie), [vec![], bytes, vec![], vec![]]);
        for (n, result) in (0..).zip(results) {
            match result {
                Ok(one) => assert!(one == 1 && n != 1, "{name}"),
                Err(error) => assert!(n == 1 && error.kind() == ErrorKind::WorkerLost, "{name}: {error}"),
            }
        }
    }
}

#[test]
fn promise_18_what_a_worker_says_wrong_costs_its_item_only() {
    let too_long = [&[6, 0, 0, 0][..], &u32::MAX.to_le_bytes(), &[0; 8]].concat();
    let endless = [&[6, 0, 0, 0, 0, 0, 0, 0][..], &u64::MAX.to_le_bytes()].concat();
    check([
        ("an unknown kind", vec![77; 16]),
        ("a body beyond the limit", too_long),
        ("a tail beyond the limit", endless),
        ("a second greeting", frame(1, &[1, 0, 1])),
        ("ready twice", frame(3, &[0])),
        ("a greeting that is none", frame(1, &[255; 3])),
        ("a message of the parent", frame(9, &[])),
        ("a reply to nothing", reply(99, 1, 0)),
        ("a reply with no result", reply(1, 0, 0)),
        ("a reply with too many results", reply(1, 100, 0)),
        ("a reply that is none", frame(7, &[255; 40])),
        ("a job skipped of its own accord", reply(1, 0, 1)),
        ("a limit that there is not", frame(8, &[])),
    ]);
}

#[test]
fn promise_18_any_bytes_from_a_worker_cost_its_item_only() {
    let mut random = Random::seeded(18);
    check((0..12).map(|_| {
        // The kind is wrong, or one of the three bytes behind it, which are zero.
        let mut bytes: Vec<u8> = (0..16 + random.below(5_000)).map(|_| random.next_u64() as u8).collect();
        bytes[1] |= 1;
        ("random", bytes)
    }));
}

#[test]
fn promise_18_a_result_that_is_not_there_is_an_error() {
    let conductor = conductor(1);
    // It says one result, and brings none.
    let results = run::<_, u32>(&conductor, Task::new(lie), [reply(1, 1, 0)]);
    assert_eq!(results.into_iter().next().unwrap().unwrap_err().kind(), ErrorKind::Codec);
}

/// Answers nothing, ever.
#[ori_worker::task]
fn never(_: u32) -> u32 {
    unreachable!("it is for another executable")
}

/// A program that is started as a worker and runs this instead, its socket being standard input.
fn impostor(script: &str) -> (tempfile::TempDir, Conductor) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("impostor");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let mut options = WorkerOptions::default();
    options.max_workers = 1;
    options.executable = Some(path);
    (folder, Conductor::start(options).unwrap())
}

#[test]
fn promise_18_a_greeting_that_is_none_is_an_error() {
    alone("liar::promise_18_a_greeting_that_is_none_is_an_error", || {
        for script in [
            "printf 'GET / HTTP/1.1' >&0; exec cat <&0 >/dev/null",
            "printf 'short' >&0",
            r"printf '\001\000\000\000\377\377\377\000\000\000\000\000\000\000\000\000' >&0; exec cat /dev/zero >&0",
            "exec cat /dev/zero >&0",
        ] {
            let (_folder, conductor) = impostor(script);
            let (never, sink) = job(Task::new(never), [1_u32]);
            conductor.submit(conductor.reserve(), never).unwrap();
            let error = sink.results::<u32>(1).pop().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Spawn, "{script}: {error}");
        }
    });
}
