//! What a run says about itself: counts that are exact, waiting times on the right side, and the
//! stage that limits it.
//!
//! Where time matters, a test waits until the figures say what they must say in the end.

use std::sync::mpsc;
use std::time::Duration;

use ori_poolchain::{Bottleneck, ChainStats, PoolChain, StageStats};
use ori_test_support::{wait_until, within};

use crate::LIMIT;
use crate::stopping::Gate;

/// The name of what limits the run.
fn limit(stats: &ChainStats) -> String {
    match stats.bottleneck() {
        Some(Bottleneck::Stage(stage)) => stage.name.clone(),
        Some(Bottleneck::Source) => "source".to_owned(),
        Some(Bottleneck::Consumer) => "consumer".to_owned(),
        _ => "none".to_owned(),
    }
}

fn waits_for_input(stage: &StageStats) -> bool {
    stage.waiting_for_input > stage.waiting_for_output
}

fn waits_for_output(stage: &StageStats) -> bool {
    stage.waiting_for_output > stage.waiting_for_input
}

#[test]
fn statistics_add_up() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| if n.is_multiple_of(10) { Err("no") } else { Ok(n) })
            .fallible()
            .name("check")
            .add_threadpool_ref(|n: &u64| assert!(n % 10 != 1, "one"))
            .retries(2)
            .name("try")
            .max_workers(3);
        let mut results = chain.execute_lazy(0..100).unwrap();
        assert_eq!(results.stats().expected(), Some(100));
        assert_eq!(results.by_ref().filter(Result::is_ok).count(), 80);
        let stats = results.stats();
        let numbers: Vec<_> = stats
            .stages()
            .iter()
            .map(|stage| (&*stage.name, stage.items, stage.errors, stage.retries, stage.lost))
            .collect();
        assert_eq!(numbers, [("check", 100, 10, 0, 0), ("try", 90, 10, 20, 0)]);
        assert_eq!((stats.read(), stats.results(), stats.errors()), (100, 100, 20));
        assert_eq!(stats.stages()[1].workers, 3);
        assert_eq!(stats.stages()[1].queued, 0);
        assert!(stats.is_over());
        assert_eq!(stats.elapsed(), results.stats().elapsed(), "the run is over");
    });
}

#[test]
fn busy_and_waiting_are_all_the_time_that_the_workers_had() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(3);
        let chain = chain.add_threadpool(|n: u64| n + 1).max_workers(3);
        let mut results = chain.execute_lazy(0..50_000).unwrap();
        results.by_ref().for_each(drop);
        let stats = results.stats();
        let [one, two] = stats.stages() else { panic!("two stages") };
        // They share their workers.
        assert_eq!(one.waiting_for_input, two.waiting_for_input);
        assert_eq!(one.waiting_for_output, two.waiting_for_output);
        let all = one.busy + two.busy + one.waiting_for_input + one.waiting_for_output;
        assert!(!one.busy.is_zero() && !two.busy.is_zero());
        assert!(all <= 3 * stats.elapsed(), "{stats}");
        assert_eq!(all.as_nanos() % 3, 0, "three workers had the same time");
    });
}

#[test]
fn what_runs_is_busy_before_it_ends() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let chain = PoolChain::new().add_threadpool(move |_: u64| closed.wait()).max_workers(4);
        let mut results = chain.execute_lazy((0..2).filter(|_| true)).unwrap();
        wait_until(LIMIT, || results.stats().stages()[0].running == 2);
        wait_until(LIMIT, || {
            let stats = results.stats();
            let stage = &stats.stages()[0];
            assert_eq!(stage.items, 0);
            stage.busy > Duration::from_millis(40) && stage.waiting_for_input > Duration::from_millis(40)
        });
        gate.open();
        results.by_ref().for_each(drop);
        assert_eq!(results.stats().stages()[0].items, 2);
        // A worker ends a moment after it has handed its results on.
        wait_until(LIMIT, || results.stats().stages()[0].running == 0);
    });
}

#[test]
fn a_slow_stage_in_the_middle_is_named() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n)
            .name("before")
            .max_workers(2)
            .add_threadpool(move |n| {
                closed.wait();
                n
            })
            .name("slow")
            .max_workers(1)
            .add_threadpool(|n| n)
            .name("behind")
            .max_workers(3)
            .buffer(20);
        let results = chain.execute_lazy(0..1000).unwrap();
        wait_until(LIMIT, || {
            let stats = results.stats();
            let [before, slow, behind] = stats.stages() else { panic!("three stages") };
            waits_for_output(before) && waits_for_input(behind) && limit(&stats) == slow.name
        });
        // One of them runs, and the rest of the window waits for it.
        wait_until(LIMIT, || results.stats().stages()[1].queued > 0);
        assert_eq!(results.stats().stages()[0].queued, 0);
        assert_eq!(results.stats().stages()[2].queued, 0);
        gate.open();
        assert_eq!(results.count(), 1000);
    });
}

#[test]
fn a_slow_source_is_named() {
    within(LIMIT, || {
        let (give, source) = mpsc::channel::<u64>();
        let chain = PoolChain::new().add_threadpool(|n: u64| n).add_threadpool(|n| n).max_workers(2);
        let mut results = chain.execute_lazy(source).unwrap();
        give.send(1).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 1);
        wait_until(LIMIT, || {
            let stats = results.stats();
            stats.stages().iter().all(waits_for_input) && limit(&stats) == "source"
        });
        assert_eq!(results.stats().expected(), None);
        drop(give);
        assert_eq!(results.count(), 0);
    });
}

#[test]
fn who_does_not_take_the_results_is_named() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n).add_threadpool(|n| n).max_workers(2);
        let results = chain.buffer(10).execute_lazy(0..1000).unwrap();
        wait_until(LIMIT, || {
            let stats = results.stats();
            stats.stages().iter().all(waits_for_output) && limit(&stats) == "consumer"
        });
        assert!((1..=10).contains(&results.stats().results()));
        assert_eq!(results.count(), 1000);
    });
}

#[test]
fn a_stage_that_has_done_all_its_work_waits_for_nothing() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n)
            .max_workers(2)
            .add_threadpool(move |_| closed.wait())
            .max_workers(1);
        let results = chain.execute_lazy((0..3).filter(|_| true)).unwrap();
        let waiting = |stats: &ChainStats| {
            let stage = &stats.stages()[0];
            stage.waiting_for_input + stage.waiting_for_output
        };
        // The source has ended when it has been asked a fourth time.
        wait_until(LIMIT, || {
            let (one, other) = (results.stats(), results.stats());
            one.stages()[0].items == 3 && one.elapsed() < other.elapsed() && waiting(&one) == waiting(&other)
        });
        gate.open();
        assert_eq!(results.count(), 3);
    });
}

#[test]
fn a_worker_lost_is_counted_once() {
    within(LIMIT, || {
        let gate = Gate::default();
        let chain = PoolChain::new()
            .add_threadpool(gate.stops(|n| n == 3))
            .max_workers(2)
            .timeout(Duration::from_secs(1));
        let mut results = chain.execute_lazy(0..10).unwrap();
        assert_eq!(results.by_ref().filter(|result| result.is_err()).count(), 1);
        let stats = results.stats();
        let stage = &stats.stages()[0];
        assert_eq!((stage.items, stage.errors, stage.lost), (10, 1, 1));
        gate.open();
    });
}

#[test]
fn batches_are_counted_with_their_items() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n).chunksize(7);
        let mut results = chain.execute_lazy(0..70).unwrap();
        results.by_ref().for_each(drop);
        let stats = results.stats();
        assert_eq!((stats.stages()[0].batches, stats.stages()[0].items), (10, 70));
        assert_eq!(stats.stages()[0].batch_size().to_bits(), 7.0_f64.to_bits());
    });
}

#[test]
fn a_watcher_sees_the_run_while_its_consumer_waits_and_after_its_end() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let chain = PoolChain::new().add_threadpool(move |_: u64| closed.wait()).max_workers(1);
        let results = chain.execute_lazy((0..5).filter(|_| true)).unwrap();
        let watcher = results.watcher();
        let consumer = std::thread::spawn(move || results.count());
        wait_until(LIMIT, || watcher.stats().stages()[0].running == 1);
        assert!(!watcher.stats().is_over());
        gate.open();
        assert_eq!(consumer.join().unwrap(), 5);
        let stats = watcher.clone().stats();
        assert_eq!((stats.results(), stats.stages()[0].items, stats.is_over()), (5, 5, true));

        let results = chain.execute_lazy(0..5).unwrap();
        let unused = results.watcher();
        drop(results);
        drop(chain);
        assert!(unused.stats().is_over());
    });
}

#[test]
fn the_table_is_aligned_and_marks_the_limit() {
    within(LIMIT, || {
        let gate = Gate::default();
        let closed = gate.clone();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n)
            .name("a long name, with an ü")
            .add_threadpool(move |_| closed.wait())
            .max_workers(1)
            .name("slow");
        let results = chain.execute_lazy(0..2000).unwrap();
        wait_until(LIMIT, || limit(&results.stats()) == "slow");
        let table = results.stats().to_string();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        let width = |line: &str| line.chars().count();
        assert!(lines[0].starts_with("stage") && lines[0].ends_with("batch"));
        assert_eq!(width(lines[0]), width(lines[1]), "{table}");
        let slow = lines[2].strip_suffix("  <- limit").unwrap();
        assert_eq!(width(slow), width(lines[1]), "{table}");
        assert!(lines[3].starts_with("limited by the stage `slow`"), "{table}");
        gate.open();
    });
}

#[cfg(feature = "async")]
#[test]
fn futures_in_flight_are_busy_workers() {
    within(LIMIT, || {
        let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let closed = std::sync::Arc::clone(&gate);
        let chain = PoolChain::new()
            .add_async(move |n: u64| {
                let closed = std::sync::Arc::clone(&closed);
                async move {
                    let _permit = closed.acquire_owned().await;
                    n
                }
            })
            .max_workers(3)
            .name("wait");
        let results = chain.execute_lazy(0..2000).unwrap();
        wait_until(LIMIT, || {
            let stats = results.stats();
            let stage = &stats.stages()[0];
            let waiting = stage.waiting_for_input + stage.waiting_for_output;
            stage.running == 3 && stage.busy > 10 * waiting && limit(&stats) == "wait"
        });
        gate.add_permits(1);
        assert_eq!(results.count(), 2000);
    });
}

#[test]
fn processes_that_die_are_counted_and_so_are_their_items() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_processpool(|n: u64| {
                if n == 5 {
                    std::process::abort();
                }
                n
            })
            .name("abort")
            .max_workers(2)
            .retries(2);
        let mut results = chain.execute_lazy(0..20).unwrap();
        assert_eq!(results.by_ref().filter(|result| result.is_err()).count(), 1);
        let stats = results.stats();
        let stage = &stats.stages()[0];
        // The first try and two more.
        assert_eq!((stage.items, stage.errors, stage.retries, stage.lost), (20, 1, 2, 3));
        assert_eq!((stage.workers, stage.queued), (2, 0));
        assert!(!stage.busy.is_zero());
        assert!(stage.alive <= 2, "{stats}");
    });
}

#[test]
fn a_source_that_ended_long_ago_limits_nothing() {
    within(LIMIT, || {
        let gate = Gate::default();
        let chain = PoolChain::new().add_threadpool(gate.stops(|n| n == 2)).max_workers(8).name("work");
        let results = chain.execute_lazy(0..3).unwrap();
        wait_until(LIMIT, || limit(&results.stats()) == "work");
        assert!(waits_for_input(&results.stats().stages()[0]), "most workers have nothing to do");
        gate.open();
        assert_eq!(results.filter(Result::is_ok).count(), 3);
    });
}
