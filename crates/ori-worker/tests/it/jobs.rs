//! Jobs give their results, whatever the workers do.

use std::process;
use std::time::Duration;

use ori_errors::ErrorKind;
use ori_worker::{Payload, Task};

use crate::collect::{conductor, job, run};

fn double(n: u64) -> u64 {
    n * 2
}

fn fates(n: u32) -> u32 {
    match n {
        3 => panic!("three"),
        5 => process::abort(),
        7 => process::exit(9),
        n => n + 1,
    }
}

#[test]
fn a_job_gives_one_result_for_each_item() {
    let conductor = conductor(2);
    for count in [1, 2, 100, 30_000_u64] {
        let results = run::<_, u64>(&conductor, Task::new(double), 0..count);
        let values: Vec<u64> = results.into_iter().map(Result::unwrap).collect();
        assert!(values.iter().copied().eq((0..count).map(|n| n * 2)));
    }
    assert_eq!(conductor.worker_pids().len(), 1);
}

#[test]
fn a_death_costs_the_item_that_ran_and_no_other() {
    let conductor = conductor(2);
    let results = run::<_, u32>(&conductor, Task::new(fates), 0..10_u32);
    for (n, result) in (0..).zip(results) {
        match n {
            3 => {
                let error = result.unwrap_err();
                assert_eq!(error.panic_message(), Some("three"));
                assert!(error.panic_location().unwrap().contains("jobs.rs"));
            }
            5 => assert_eq!(result.unwrap_err().signal(), Some(6)),
            7 => {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WorkerLost);
                assert_eq!(error.exit_code(), Some(9));
                assert!(error.pid().is_some());
            }
            n => assert_eq!(result.unwrap(), n + 1),
        }
    }
}

#[test]
fn payloads_of_64_mib_go_there_and_back() {
    let conductor = conductor(1);
    let turn = |bytes: Payload| {
        let mut bytes = bytes.into_vec();
        bytes.reverse();
        Payload::from(bytes)
    };
    let mut bytes = vec![1; 64 << 20];
    bytes[0] = 2;
    let results = run::<_, Payload>(&conductor, Task::new(turn), [Payload::from(bytes.clone())]);
    bytes.reverse();
    assert!(results.into_iter().next().unwrap().unwrap()[..] == bytes[..]);
}

#[test]
fn a_late_item_is_timed_out_and_the_others_are_not() {
    let conductor = conductor(1);
    let task = Task::new(|n: u32| {
        if n == 2 {
            loop {
                std::thread::park();
            }
        }
        n
    });
    let (job, sink) = job(task, 0..5_u32);
    conductor.submit(conductor.reserve(), job.with_limit(Some(Duration::from_millis(50)))).unwrap();
    for (n, result) in (0..).zip(sink.results::<u32>(5)) {
        match n {
            2 => assert!(result.unwrap_err().is_timeout()),
            n => assert_eq!(result.unwrap(), n),
        }
    }
}
