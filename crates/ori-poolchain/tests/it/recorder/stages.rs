//! What each kind of stage tells.

use std::collections::BTreeSet;
use std::time::Duration;

use ori_poolchain::{PoolChain, Recorder};
use ori_test_support::{wait_until, within};

use super::{Trace, svg_of};
use crate::LIMIT;
use crate::stopping::Gate;

#[test]
fn each_item_is_in_one_batch_of_each_thread_stage_and_flows_lead_on() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n + 1)
            .name("add")
            .max_workers(2)
            .add_threadpool(|n: u64| n * 2)
            .name("double")
            .max_workers(3)
            .record(&recorder);
        assert_eq!(chain.execute_lazy((0..5000).filter(|_| true)).unwrap().count(), 5000);

        let trace = Trace::of(&recorder);
        assert!(trace.over);
        let stages = trace.stages();
        assert_eq!(stages.len(), 2);
        for (stage, (name, workers)) in stages.iter().zip([("add (2 threads)", 2), ("double (3 threads)", 3)])
        {
            assert!(stage.name.starts_with(name), "{}", stage.name);
            stage.assert_covers(5000);
            let threads = stage.lanes.values().filter(|name| name.starts_with("thread")).count();
            assert!((1..=workers).contains(&threads), "{:?}", stage.lanes);
            assert!(stage.spans.iter().all(|span| !span.unfinished && span.batches == 1 && span.errors == 0));
        }
        // Whatever a batch of the second stage holds came from batches of the first.
        for [from, to] in &trace.flows {
            let (from, to) = (&trace.stages[&from.0].spans[from.1], &trace.stages[&to.0].spans[to.1]);
            assert!(from.positions.0 < to.positions.1 && to.positions.0 < from.positions.1);
        }
        let reached: BTreeSet<_> = trace.flows.iter().map(|[_, to]| *to).collect();
        assert_eq!(reached.len(), stages[1].spans.len());
        let left: BTreeSet<_> = trace.flows.iter().map(|[from, _]| *from).collect();
        assert_eq!(left.len(), stages[0].spans.len());
    });
}

#[test]
fn stages_that_share_their_workers_have_lanes_of_their_own_and_errors_are_marks() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| if n.is_multiple_of(10) { Err("no") } else { Ok(n) })
            .fallible()
            .name("check")
            .add_threadpool(|n: u64| assert!(n % 10 != 1, "one"))
            .name("assert")
            .record(&recorder);
        let mut results = chain.execute_lazy(0..1000).unwrap();
        assert_eq!(results.by_ref().filter(Result::is_err).count(), 200);
        let trace = Trace::of(&recorder);
        let [check, assert] = trace.stages()[..] else { panic!("two stages") };
        check.assert_covers(1000);
        assert_eq!(assert.items(), 900);
        assert_eq!((check.marks("failed"), assert.marks("failed")), (100, 100));
        assert_eq!(assert.spans.iter().map(|span| span.errors).sum::<u64>(), 100);
    });
}

#[test]
fn a_lost_thread_is_a_mark_that_says_why_and_leaves_its_lane_to_the_next() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let gate = Gate::default();
        let chain = PoolChain::new()
            .add_threadpool(gate.stops(|n| n == 3))
            .name("stuck <&>")
            .timeout(Duration::from_millis(50))
            .max_workers(1)
            .record(&recorder);
        assert_eq!(chain.execute_lazy(0..10).unwrap().filter(Result::is_err).count(), 1);
        let trace = Trace::of(&recorder);
        let stage = trace.stages()[0];
        stage.assert_covers(10);
        assert_eq!(stage.lanes.len(), 1, "the thread that came later has the place of the lost one");
        let lost: Vec<_> = stage.marks.iter().filter(|mark| mark.name == "worker lost").collect();
        assert_eq!((lost.len(), lost[0].item), (1, Some(3)));
        assert_eq!(lost[0].reason, "took longer than 50ms");

        let svg = svg_of(&recorder);
        assert!(svg.contains("stuck &lt;&amp;&gt;") && !svg.contains("stuck <"));
        assert!(svg.contains("item 3: took longer than 50ms</title>"));
        gate.open();
    });
}

#[test]
fn another_try_is_a_mark() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new()
            .add_threadpool_ref(|n: &u64| assert!(n % 10 != 1, "one"))
            .retries(2)
            .record(&recorder);
        assert_eq!(chain.execute_lazy(0..100).unwrap().filter(Result::is_err).count(), 10);
        let trace = Trace::of(&recorder);
        let stage = trace.stages()[0];
        stage.assert_covers(100);
        assert_eq!((stage.marks("tried again"), stage.marks("failed")), (20, 10));
        assert!(
            stage.marks.iter().any(|mark| mark.reason.contains("panicked") || mark.reason.contains("one"))
        );
    });
}

#[test]
fn a_process_has_a_lane_and_its_death_is_a_mark() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n)
            .name("read")
            .add_processpool(|n: u64| {
                if n % 50 == 7 {
                    std::process::exit(3);
                }
                n
            })
            .name("risky")
            .max_workers(2)
            .record(&recorder);
        let mut results = chain.execute_lazy(0..300).unwrap();
        assert_eq!(results.by_ref().filter(Result::is_err).count(), 6);
        let trace = Trace::of(&recorder);
        let [read, risky] = trace.stages()[..] else { panic!("two stages") };
        read.assert_covers(300);
        risky.assert_covers(300);
        assert_eq!(risky.marks("worker lost"), 6);
        assert_eq!(results.stats().stages()[1].lost, 6);
        let lost = risky.marks.iter().find(|mark| mark.item == Some(7)).unwrap();
        assert!(lost.reason.contains("exit code 3"), "{}", lost.reason);
        assert!(risky.lanes.len() <= 2, "{:?}", risky.lanes);
        assert!(risky.lanes.values().all(|lane| lane.starts_with("process")));
        let processes: BTreeSet<_> = risky.spans.iter().map(|span| span.process).collect();
        assert!(processes.len() >= 6 && !processes.contains(&0), "those that died were others");
        assert!(!trace.flows.is_empty());
    });
}

#[test]
fn a_process_that_is_given_an_item_again_is_told_of_twice() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new()
            .add_processpool(|n: u64| {
                if n == 5 {
                    std::process::abort();
                }
                n
            })
            .retries(2)
            .max_workers(1)
            .record(&recorder);
        assert_eq!(chain.execute_lazy(0..10).unwrap().filter(Result::is_err).count(), 1);
        let trace = Trace::of(&recorder);
        let stage = trace.stages()[0];
        assert_eq!((stage.marks("worker lost"), stage.marks("tried again")), (3, 2));
        assert_eq!(stage.marks("failed"), 1);
        assert_eq!(stage.items(), 10, "each counts once");
    });
}

#[test]
fn what_runs_is_drawn_until_now_and_the_run_goes_on() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let gate = Gate::default();
        let closed = gate.clone();
        let chain =
            PoolChain::new().add_threadpool(move |_: u64| closed.wait()).max_workers(2).record(&recorder);
        let results = chain.execute_lazy((0..4).filter(|_| true)).unwrap();
        wait_until(LIMIT, || {
            let trace = Trace::of(&recorder);
            assert!(!trace.over);
            trace.stages()[0].spans.iter().filter(|span| span.unfinished).count() == 2
        });
        assert!(svg_of(&recorder).contains(" so far"));
        gate.open();
        assert_eq!(results.count(), 4);
        let trace = Trace::of(&recorder);
        assert!(trace.over && trace.end() > 0.0);
        trace.stages()[0].assert_covers(4);
    });
}

#[test]
fn the_stage_that_limits_the_run_stands_out() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| n)
            .name("fast")
            .max_workers(2)
            .add_threadpool(|n: u64| {
                // It takes most of the time, whatever the machine does besides.
                let until = std::time::Instant::now() + Duration::from_millis(5);
                while std::time::Instant::now() < until {
                    std::hint::spin_loop();
                }
                n
            })
            .name("slow")
            .max_workers(1)
            .record(&recorder);
        let mut results = chain.execute_lazy(0..40).unwrap();
        results.by_ref().for_each(drop);
        let limit = results.stats().bottleneck().map(|limit| limit.to_string()).unwrap();
        assert_eq!(limit, "the stage `slow`");
        let trace = Trace::of(&recorder);
        assert_eq!(trace.limited_by, limit);
        assert!(trace.stages()[1].name.contains("limits the run"));
        assert!(!trace.stages()[0].name.contains("limits the run"));
        assert!(trace.stages()[1].counts.iter().any(|(name, _)| name == "items waiting"));
        let svg = svg_of(&recorder);
        assert!(svg.contains(r#"Limited by <tspan class="a">the stage `slow`</tspan>"#));
        assert_eq!(svg.matches(r#"class="glow""#).count(), 1);
    });
}

#[test]
fn a_run_over_borrowed_values_is_recorded() {
    let recorder = Recorder::new();
    let names = ["ann".to_owned(), "bob".to_owned()];
    let chain = PoolChain::new().add_threadpool(|index: usize| names[index].len()).record(&recorder);
    assert_eq!(chain.execute_eager_scoped([1, 0, 1]).unwrap(), [3, 3, 3]);
    let trace = Trace::of(&recorder);
    trace.stages()[0].assert_covers(3);
    assert!(trace.over);
}
