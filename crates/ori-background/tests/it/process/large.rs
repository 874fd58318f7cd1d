//! Messages larger than the buffer of a socket.

use std::time::Duration;

use ori_background::ProcessPool;
use ori_errors::ErrorKind;
use ori_test_support::within;
use ori_worker::Payload;

use super::{kill, pool};
use crate::LONG;

const BIG: usize = 100 << 20;

fn echo(payload: Payload) -> Payload {
    payload
}

#[test]
fn promise_14_large_arguments_and_results_travel_both_ways_at_once() {
    let pool = pool(2);
    let payload = Payload::from((0..BIG).map(|n| (n / 1_000) as u8).collect::<Vec<_>>());
    let futures: Vec<_> = (0..4).map(|_| pool.submit(echo, payload.clone())).collect();
    for future in futures {
        assert!(within(LONG, || future.result()).unwrap() == payload);
    }
}

#[test]
fn promise_14_cancelling_large_calls_midway_is_prompt() {
    let pool = pool(2);
    let payload = Payload::from(vec![1; BIG]);
    let futures: Vec<_> = (0..8).map(|_| pool.submit(echo, payload.clone())).collect();
    ori_test_support::wait_until(LONG, || futures.iter().any(|future| future.is_running()));
    for future in futures {
        // One may be done already.
        if future.cancel() {
            assert!(future.result().unwrap_err().is_cancelled());
        }
    }
    assert_eq!(within(LONG, move || pool.submit(|n: u8| n, 7).result()).unwrap(), 7);
}

#[test]
fn promise_05_a_death_with_a_large_message_in_flight_is_a_clean_error() {
    let pool = ProcessPool::builder().max_workers(2).build().unwrap();
    let payload = Payload::from(vec![1; 32 << 20]);
    for round in 0..10_u64 {
        let futures: Vec<_> = (0..4).map(|_| pool.submit(echo, payload.clone())).collect();
        ori_test_support::wait_until(LONG, || !pool.worker_pids().is_empty());
        // At another moment each time, so that it is hit sending, running and receiving.
        std::thread::park_timeout(Duration::from_millis(3 * round));
        pool.worker_pids().into_iter().for_each(kill);
        for future in futures {
            match within(LONG, || future.result()) {
                Ok(back) => assert!(back == payload),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WorkerLost, "{error}"),
            }
        }
    }
}

#[test]
fn promise_05_a_stuck_worker_blocks_nobody_else() {
    let pool = pool(2);
    // It never reads the second message that is on its way to it.
    let never = |_: Payload| -> u32 { super::stall() };
    let stuck = pool.submit(never, Payload::from(vec![1; 8 << 20]));
    let others: Vec<_> = (0..6).map(|_| pool.submit(echo, Payload::from(vec![2; 8 << 20]))).collect();
    for other in others {
        assert_eq!(within(LONG, || other.result()).unwrap().len(), 8 << 20);
    }
    assert!(stuck.cancel());
}
