//! However long a run, and however many, a recorder does not grow.

use ori_poolchain::{PoolChain, Recorder};
use ori_test_support::within;

use super::{Trace, svg_of};
use crate::LIMIT;

/// The most spans of a stage.
const MOST_SPANS: usize = 16_384;
/// The most marks of a kind.
const MOST_MARKS: usize = 1024;

#[test]
fn spans_and_marks_of_many_batches_become_one_and_none_is_forgotten() {
    const ITEMS: u64 = 150_000;
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| if n.is_multiple_of(3) { Err("three") } else { Ok(n) })
            .fallible()
            .chunksize(1)
            .record(&recorder);
        let mut results = chain.execute_lazy((0..ITEMS).filter(|_| true)).unwrap();
        assert_eq!(results.by_ref().count() as u64, ITEMS);
        let trace = Trace::of(&recorder);
        let stage = trace.stages()[0];
        assert_eq!(stage.items(), ITEMS);
        assert_eq!(stage.spans.iter().map(|span| span.batches).sum::<u64>(), ITEMS);
        assert!(stage.spans.len() <= MOST_SPANS, "{}", stage.spans.len());
        assert!(stage.marks.len() <= MOST_MARKS, "{}", stage.marks.len());
        assert_eq!(stage.marks("failed"), ITEMS / 3);
        let svg = svg_of(&recorder);
        assert!(svg.len() < 500_000, "{}", svg.len());
        assert!(svg.contains("are drawn as one"));
    });
}

#[test]
fn a_recorder_shows_the_last_runs_side_by_side() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).name("add").record(&recorder);
        chain.execute_eager(0..10).unwrap();
        chain.execute_eager(0..20).unwrap();
        let trace = Trace::of(&recorder);
        assert_eq!(trace.stages().iter().map(|stage| stage.items()).collect::<Vec<_>>(), [10, 20]);
        let [first, second] = trace.stages()[..] else { panic!("two runs") };
        let end = first.spans.iter().map(|span| span.end).fold(0.0, f64::max);
        assert!(second.spans.iter().all(|span| span.begin >= end), "one axis of time");
        let svg = svg_of(&recorder.clone());
        assert!(svg.contains("2 chains with 2 stages") && svg.contains(">chain 2, from "));

        for items in 21..=36 {
            chain.execute_eager(0..items).unwrap();
        }
        let items: Vec<u64> = Trace::of(&recorder).stages().iter().map(|stage| stage.items()).collect();
        assert_eq!(items, (21..=36).collect::<Vec<u64>>());
    });
}

#[test]
fn two_runs_at_the_same_time_do_not_mix() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        // The results of one are the source of the other.
        let first = PoolChain::new().add_threadpool(|n: u64| n).name("first").record(&recorder);
        let second = PoolChain::new().add_threadpool(|n: u64| n).name("second").record(&recorder);
        let numbers = first.execute_lazy(0..2000).unwrap().map(Result::unwrap);
        assert_eq!(second.execute_lazy(numbers).unwrap().count(), 2000);
        let trace = Trace::of(&recorder);
        for (stage, name) in trace.stages().iter().zip(["first", "second"]) {
            assert!(stage.name.starts_with(name));
            stage.assert_covers(2000);
        }
        assert!(trace.flows.is_empty(), "a flow does not leave its chain");
    });
}
