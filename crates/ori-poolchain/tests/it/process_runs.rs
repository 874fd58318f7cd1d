//! Stages in worker processes: values, order, options, and what stays between runs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result};
use ori_poolchain::PoolChain;
use ori_test_support::{LeakCheck, alone, children, wait_until, within};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::LIMIT as LONG;

fn pid_of(_: u64) -> u32 {
    std::process::id()
}

#[test]
fn the_example_of_the_manual() {
    let results: Vec<String> = PoolChain::new()
        .add_threadpool(|n: u64| n * 10)
        .add_processpool(|n| n.to_string())
        .chunksize(2)
        .max_workers(3)
        .add_threadpool(|s| s + " is a number")
        .timeout(Duration::from_secs(5))
        .execute_eager([1, 2, 3, 4, 5])
        .unwrap();
    assert_eq!(results[0], "10 is a number");
    assert_eq!(results[4], "50 is a number");
}

#[test]
fn results_equal_a_serial_run_whatever_the_chunk() {
    for items in [0_u64, 1, 7, 100] {
        let expected: Vec<u64> = (0..items).map(|n| n * n).collect();
        for chunk in [None, Some(1), Some(7), Some(100), Some(1000)] {
            let mut chain = PoolChain::new().add_processpool(|n: u64| n * n).max_workers(2);
            if let Some(chunk) = chunk {
                chain = chain.chunksize(chunk);
            }
            assert_eq!(chain.execute_eager(0..items).unwrap(), expected, "{items} by {chunk:?}");
            let lazy: Result<Vec<u64>> = chain.execute_lazy(0..items).unwrap().collect();
            assert_eq!(lazy.unwrap(), expected);
        }
    }
}

#[test]
fn many_cheap_items_keep_their_order_between_thread_stages() {
    let chain = PoolChain::new()
        .add_threadpool(|n: u64| n + 1)
        .add_processpool(|n: u64| n * 2)
        .add_threadpool(|n: u64| n + 1)
        .add_processpool(|n: u64| n.to_string())
        .max_workers(2);
    let results = within(LONG, move || chain.execute_eager(0..20_000_u64)).unwrap();
    for (n, text) in (0_u64..).zip(&results) {
        assert_eq!(*text, ((n + 1) * 2 + 1).to_string());
    }
    assert_eq!(results.len(), 20_000);
}

#[test]
fn a_source_without_end_is_read_no_further_than_the_buffer() {
    let read = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&read);
    let source = (0_u64..).inspect(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let chain = PoolChain::new().add_processpool(|n: u64| n).max_workers(2).buffer(50);
    let mut results = chain.execute_lazy(source).unwrap();
    for n in 0..500 {
        assert_eq!(results.next().unwrap().unwrap(), n);
        // The item in hand, those of its batch, and the buffer.
        assert!(read.load(Ordering::SeqCst) <= n + 1 + 100);
    }
}

/// A value whose own code refuses it, or panics.
#[derive(Debug, PartialEq)]
struct Picky(u64);

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 % 10 {
            3 => Err(serde::ser::Error::custom("three")),
            4 => panic!("four"),
            _ => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        match value % 10 {
            5 => Err(serde::de::Error::custom("five")),
            6 => panic!("six"),
            _ => Ok(Self(value)),
        }
    }
}

#[test]
fn an_items_error_comes_at_its_position_and_the_others_are_intact() {
    let make = || {
        PoolChain::new()
            .add_threadpool(|n: u64| if n % 10 == 1 { Err("one") } else { Ok(n) })
            .fallible()
            .name("first")
            .add_processpool(|n: u64| {
                assert!(n % 10 != 2, "two");
                n
            })
            .name("second")
            .max_workers(2)
    };
    let check = |results: Vec<Result<u64>>| {
        assert_eq!(results.len(), 5000);
        for (n, result) in (0_u64..).zip(results) {
            match (n % 10, result) {
                (1, Err(error)) => {
                    assert_eq!((error.kind(), error.stage()), (ErrorKind::Task, Some("first")));
                    assert_eq!(error.item(), Some(n));
                }
                (2, Err(error)) => {
                    assert_eq!((error.is_panic(), error.stage()), (true, Some("second")));
                    assert_eq!((error.item(), error.panic_message()), (Some(n), Some("two")));
                    assert!(error.panic_location().unwrap().contains("process_runs.rs"));
                }
                (_, result) => assert_eq!(result.unwrap(), n),
            }
        }
    };
    check(make().execute_lazy(0..5000).unwrap().collect());
    check(make().execute_lazy_single_threaded(0..5000).unwrap().collect());
    let error = make().execute_eager(0..5000).unwrap_err();
    assert_eq!(error.item(), Some(1));
}

#[test]
fn a_value_that_cannot_be_encoded_or_decoded_is_an_error_of_its_item_only() {
    // Its items go there (3 and 4 fail in here, 5 and 6 in the worker) ..
    let there = PoolChain::new().add_threadpool(Picky).add_processpool(|picky: Picky| picky.0).max_workers(2);
    // .. and come back (3 and 4 fail in the worker, 5 and 6 in here).
    let back = PoolChain::new().add_processpool(Picky).name("back").max_workers(2);
    let kind = |error: &OriError| (error.kind(), error.item());
    let there: Vec<_> = there.execute_lazy(0..1000).unwrap().collect();
    let back: Vec<_> = back.execute_lazy(0..1000).unwrap().collect();
    assert_eq!((there.len(), back.len()), (1000, 1000));
    for (n, (there, back)) in (0_u64..).zip(there.into_iter().zip(back)) {
        let expected = match n % 10 {
            3 | 5 => ErrorKind::Codec,
            4 | 6 => ErrorKind::Panicked,
            _ => {
                assert_eq!((there.unwrap(), back.unwrap()), (n, Picky(n)));
                continue;
            }
        };
        assert_eq!(kind(&there.unwrap_err()), (expected, Some(n)));
        let back = back.unwrap_err();
        assert_eq!((kind(&back), back.stage()), ((expected, Some(n)), Some("back")));
    }
}

/// A value whose first one takes its time to be encoded.
struct Slow(u64);

/// Another value than the first was encoded.
static LATER: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

impl Serialize for Slow {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if self.0 == 0 {
            let later = LATER.0.lock().unwrap();
            drop(LATER.1.wait_timeout_while(later, Duration::from_millis(500), |later| !*later).unwrap());
        } else {
            *LATER.0.lock().unwrap() = true;
            LATER.1.notify_all();
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

#[test]
fn items_begin_in_input_order_however_long_it_takes_to_encode_them() {
    let chain = PoolChain::new().add_processpool(|Slow(n): Slow| {
        if n > 0 {
            loop {
                std::thread::park();
            }
        }
    });
    let chain = chain.max_workers(1).chunksize(1);
    let mut results = chain.execute_lazy((0..).map(Slow)).unwrap();
    within(LONG, move || results.next().unwrap().unwrap());
}

#[test]
fn a_result_does_not_wait_for_the_items_of_its_batch_behind_it() {
    const ITEMS: u64 = 60;
    let arrivals = std::env::temp_dir().join(format!("ori-arrivals-{}", std::process::id()));
    for unordered in [false, true] {
        std::fs::write(&arrivals, "").unwrap();
        let chain = PoolChain::new()
            .add_processpool(|(n, arrivals): (u64, PathBuf)| {
                // Not before the results of all items before it have arrived.
                wait_until(LONG, || std::fs::metadata(&arrivals).unwrap().len() >= n);
                n
            })
            .max_workers(1)
            .chunksize(20);
        let chain = if unordered { chain.unordered() } else { chain };
        let path = arrivals.clone();
        let results = chain.execute_lazy((0..ITEMS).map(move |n| (n, path.clone()))).unwrap();
        let path = arrivals.clone();
        within(LONG, move || {
            let mut arrivals = std::fs::OpenOptions::new().append(true).open(path).unwrap();
            for (n, result) in (0..).zip(results) {
                assert_eq!(result.unwrap(), n);
                arrivals.write_all(b"x").unwrap();
            }
        });
    }
    std::fs::remove_file(arrivals).unwrap();
}

#[test]
fn large_items_round_trip_in_both_directions() {
    let chain = PoolChain::new()
        .add_threadpool(|n: u8| ori_worker::Payload::from(vec![n; 3 << 20]))
        .add_processpool(|payload: ori_worker::Payload| payload)
        .max_workers(2);
    let results: Vec<_> = chain.execute_eager(0..20).unwrap();
    for (n, payload) in (0..).zip(results) {
        assert_eq!(payload.len(), 3 << 20);
        assert!(payload.iter().all(|byte| *byte == n));
    }
    let text = PoolChain::new().add_processpool(|text: String| text + "!").max_workers(2);
    let results = text.execute_eager((0..50).map(|n| n.to_string().repeat(200_000)).collect::<Vec<_>>());
    for (n, text) in (0..50).zip(results.unwrap()) {
        assert_eq!(text, n.to_string().repeat(200_000) + "!");
    }
}

#[test]
fn workers_are_used_again_in_the_next_run() {
    let chain = PoolChain::new().add_processpool(pid_of).max_workers(1);
    let first = chain.execute_eager(0..100).unwrap();
    assert!(first.iter().all(|pid| *pid == first[0] && *pid != std::process::id()));
    for _ in 0..20 {
        assert_eq!(chain.execute_eager(0..10).unwrap(), [first[0]; 10]);
    }
    let here = chain.execute_eager_single_threaded([1]).unwrap();
    assert_eq!(here, [std::process::id()]);
}

#[test]
fn runs_at_the_same_time_share_the_workers() {
    let chain = PoolChain::new().add_processpool(|n: u64| (n, std::process::id())).max_workers(2);
    let mut pids = BTreeMap::new();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| chain.execute_eager(0..5000).unwrap())).collect();
        for run in runs {
            for (n, (result, pid)) in (0..).zip(run.join().unwrap()) {
                assert_eq!(result, n);
                *pids.entry(pid).or_insert(0) += 1;
            }
        }
    });
    assert!(pids.len() <= 2, "{pids:?}");
}

#[test]
fn a_worker_runs_exactly_max_tasks_per_worker_items() {
    for chunk in [1, 4, 100] {
        let chain =
            PoolChain::new().add_processpool(pid_of).max_workers(2).max_tasks_per_worker(5).chunksize(chunk);
        let mut counts = BTreeMap::new();
        for pid in within(LONG, move || chain.execute_eager(0..60)).unwrap() {
            *counts.entry(pid).or_insert(0) += 1;
        }
        assert!(counts.len() >= 12, "{counts:?}");
        assert!(counts.values().all(|count| *count <= 5), "{counts:?}");
    }
    let chain = PoolChain::new().add_processpool(pid_of).max_workers(1).max_tasks_per_worker(5);
    let mut counts = BTreeMap::new();
    for pid in chain.execute_eager(0..60).unwrap() {
        *counts.entry(pid).or_insert(0) += 1;
    }
    assert!(counts.len() == 12 && counts.values().all(|count| *count == 5), "{counts:?}");
}

#[test]
fn a_context_is_sent_to_each_worker_once() {
    #[derive(Serialize)]
    struct Context(Vec<u64>);
    impl<'de> Deserialize<'de> for Context {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
            static DECODED: AtomicU64 = AtomicU64::new(0);
            let mut values = Vec::<u64>::deserialize(deserializer)?;
            values.push(DECODED.fetch_add(1, Ordering::Relaxed));
            Ok(Self(values))
        }
    }
    let chain = PoolChain::new()
        .add_processpool_init(
            Context(vec![10, 20]),
            |context: Context| (context, 0_u64),
            |(context, calls): &mut (Context, u64), n: usize| {
                *calls += 1;
                (context.0[n % 2], context.0[2], *calls)
            },
        )
        .max_workers(1);
    let mut calls = Vec::new();
    for _ in 0..3 {
        for (n, (value, decoded, call)) in (0..).zip(chain.execute_eager(0..1000_usize).unwrap()) {
            assert_eq!((value, decoded), ([10, 20][n % 2], 0));
            calls.push(call);
        }
    }
    calls.sort_unstable();
    assert!(calls.into_iter().eq(1..=3000), "one state counted all calls");
    let here: Vec<_> = chain.execute_eager_single_threaded(0..2_usize).unwrap();
    assert_eq!(here, [(10, 0, 1), (20, 0, 2)]);
}

#[test]
fn a_context_that_fails_is_the_error_of_the_items() {
    let chain = PoolChain::new().add_processpool_init(
        7_u64,
        |n: u64| assert!(n != 7, "no seven"),
        |(): &mut (), n: u64| n,
    );
    let results: Vec<_> =
        within(LONG, move || chain.execute_lazy(0..5).map(|results| results.collect())).unwrap();
    assert_eq!(results.len(), 5);
    for (n, result) in (0..).zip::<Vec<Result<u64>>>(results) {
        let error = result.unwrap_err();
        assert!(error.to_string().contains("no seven"), "{error}");
        assert_eq!(error.item(), Some(n));
    }
    let chain = PoolChain::new().add_processpool_init(Picky(3), |_: Picky| (), |(): &mut (), n: u64| n);
    let error = chain.execute_lazy(0..5).unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::Codec, Some("stage 1")));
}

#[test]
fn zero_and_misplaced_options_are_refused_before_anything_is_started() {
    let chain = || PoolChain::new().add_processpool(|n: u64| n).name("send");
    let refused = [
        chain().max_workers(0).execute_eager([1]),
        chain().chunksize(0).execute_eager([1]),
        chain().timeout(Duration::ZERO).execute_eager([1]),
        chain().max_tasks_per_worker(0).execute_eager([1]),
        PoolChain::new().add_threadpool(|n: u64| n).name("send").max_tasks_per_worker(1).execute_eager([1]),
    ];
    for error in refused.map(Result::unwrap_err) {
        assert!(error.is_validation(), "{error}");
        assert_eq!(error.stage(), Some("send"));
    }
}

#[test]
fn a_scoped_run_sends_to_processes_and_borrows_beside_them() {
    let names = ["ann".to_owned(), "bob".to_owned()];
    let chain = PoolChain::new()
        .add_processpool(|n: usize| 1 - n)
        .add_threadpool(|n| names[n].as_str())
        .add_threadpool(str::len);
    assert_eq!(chain.execute_eager_scoped([0, 1, 0]).unwrap(), [3, 3, 3]);
}

#[test]
fn unordered_results_are_complete() {
    let chain = PoolChain::new().add_processpool(|n: u64| n).max_workers(2).unordered();
    let mut results = chain.execute_eager(0..20_000).unwrap();
    results.sort_unstable();
    assert!(results.into_iter().eq(0..20_000));
}

#[test]
fn the_statistics_count_what_ran_in_processes() {
    let chain = PoolChain::new().add_processpool(|n: u64| assert!(n != 5)).name("work").max_workers(2);
    let mut results = chain.execute_lazy(0..1000).unwrap();
    assert_eq!(results.by_ref().filter(Result::is_err).count(), 1);
    let stats = results.stats();
    let stage = &stats.stages()[0];
    assert_eq!((stage.items, stage.errors, stage.workers, stage.running), (1000, 1, 2, 0));
}

#[test]
fn dropping_the_results_stops_what_runs_in_processes() {
    let begun = std::env::temp_dir().join(format!("ori-begun-{}", std::process::id()));
    let chain = PoolChain::new().add_processpool(|(n, begun): (u64, String)| {
        if n > 0 {
            std::fs::write(begun, "").unwrap();
            loop {
                std::thread::park();
            }
        }
        std::process::id()
    });
    let chain = chain.max_workers(1).chunksize(1);
    let path = begun.to_str().unwrap().to_owned();
    let source = path.clone();
    let mut results = chain.execute_lazy((0..).map(move |n| (n, source.clone()))).unwrap();
    let pid = results.next().unwrap().unwrap();
    wait_until(LONG, || begun.exists());
    within(LONG, move || drop(results));
    wait_until(LONG, || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_err());
    assert_ne!(chain.execute_eager([(0, path)]).unwrap(), [pid], "the chain goes on with another worker");
    std::fs::remove_file(begun).unwrap();
}

#[test]
fn dropping_a_chain_leaves_no_process() {
    alone("process_runs::dropping_a_chain_leaves_no_process", || {
        // What the first run of a program sets up stays.
        drop(PoolChain::new().add_processpool(|n: u64| n).execute_eager(0..10));
        let leaks = LeakCheck::start().unwrap();
        for round in 0..30 {
            let chain = PoolChain::new().add_processpool(|n: u64| n).max_workers(2);
            match round % 3 {
                0 => drop(chain.execute_eager(0..1000).unwrap()),
                1 => drop(chain.execute_lazy(0..)),
                _ => {
                    let mut results = chain.execute_lazy(0..).unwrap();
                    drop(chain);
                    assert_eq!(results.next().unwrap().unwrap(), 0, "a run keeps what it needs");
                }
            }
        }
        wait_until(LONG, || children().unwrap() == 0);
        leaks.finish();
    });
}
