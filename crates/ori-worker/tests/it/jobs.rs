//! Jobs give their results, whatever the workers do.

use std::process;
use std::time::Duration;

use ori_errors::ErrorKind;
use ori_worker::{Payload, Task};

use crate::collect::{conductor, job, run};

fn double(n: u64) -> u64 {
    n * 2
}

#[test]
fn promise_01_ordered_map_equals_serial_for_any_chunk_size() {
    let conductor = conductor(2);
    for length in [0, 1, 7, 100_usize] {
        // Smaller than the input, equal to it and larger.
        for chunk in [1, 3, length.saturating_sub(1), length, length + 1, 10 * length] {
            let items: Vec<u64> = (0..length as u64).collect();
            let jobs: Vec<_> = items
                .chunks(chunk.max(1))
                .map(|chunk| {
                    let (job, sink) = job(Task::new(double), chunk.iter().copied());
                    let count = job.items();
                    conductor.submit(conductor.reserve(), job).unwrap();
                    (sink, count)
                })
                .collect();
            let results = jobs.iter().flat_map(|(sink, count)| sink.results::<u64>(*count));
            let values: Vec<u64> = results.map(Result::unwrap).collect();
            assert!(values.into_iter().eq(items.into_iter().map(double)), "{length} items by {chunk}");
        }
    }
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
fn promise_03_a_death_costs_the_item_that_ran_and_no_other() {
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
fn promise_06_a_late_item_is_timed_out_and_the_others_are_not() {
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
    conductor.submit(conductor.reserve(), job.with_limit(Some(Duration::from_secs(2)))).unwrap();
    for (n, result) in (0..).zip(sink.results::<u32>(5)) {
        match n {
            2 => assert!(result.unwrap_err().is_timeout()),
            n => assert_eq!(result.unwrap(), n),
        }
    }
}
