//! Random chains against the single-threaded run: the same values, the same errors, at the same
//! positions.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use ori_errors::{ErrorKind, Result};
use ori_poolchain::PoolChain;
use ori_test_support::within;
use proptest::prelude::*;

use crate::LIMIT;

#[derive(Clone, Debug)]
struct Stage {
    fallible: bool,
    by_reference: bool,
    workers: Option<usize>,
    chunksize: Option<usize>,
    limited: bool,
    retries: u32,
    /// One item in so many panics, fails or naps; 0 is none.
    panics: u64,
    fails: u64,
    naps: u64,
}

#[derive(Clone, Debug)]
struct Chain {
    stages: Vec<Stage>,
    buffer: Option<usize>,
    unordered: bool,
    items: u64,
    knows_length: bool,
}

fn stage() -> impl Strategy<Value = Stage> {
    let rate = prop_oneof![2 => Just(0), 1 => 1..50_u64];
    (
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(1..5_usize),
        proptest::option::of(1..100_usize),
        proptest::bool::weighted(0.1),
        0..3_u32,
        (rate.clone(), rate.clone(), rate),
    )
        .prop_map(
            |(fallible, by_reference, workers, chunksize, limited, retries, (panics, fails, naps))| Stage {
                fallible,
                by_reference,
                workers,
                chunksize,
                limited,
                retries,
                panics,
                fails,
                naps,
            },
        )
}

fn description() -> impl Strategy<Value = Chain> {
    (
        prop::collection::vec(stage(), 1..=4),
        proptest::option::of(1..200_usize),
        any::<bool>(),
        0..2000_u64,
        any::<bool>(),
    )
        .prop_map(|(stages, buffer, unordered, items, knows_length)| Chain {
            stages,
            buffer,
            unordered,
            items,
            knows_length,
        })
}

/// True for one value in `times`.
fn hits(value: u64, salt: u64, times: u64) -> bool {
    times > 0 && ((value ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20).is_multiple_of(times)
}

fn build(description: &Chain) -> PoolChain<u64, u64> {
    let mut chain = PoolChain::new();
    for (salt, stage) in (0..).zip(description.stages.clone()) {
        let Stage { panics, fails, naps, .. } = stage;
        let function = move |value: u64| {
            if hits(value, salt, naps) {
                // tidy: allow(sleep): naps are what shakes the order
                thread::sleep(Duration::from_micros(value % 200));
            }
            assert!(!hits(value, salt + 100, panics), "{value} panics");
            value.wrapping_mul(31).wrapping_add(salt)
        };
        let fails = move |value: u64| {
            if hits(value, salt + 200, fails) { Err(format!("{value} fails")) } else { Ok(function(value)) }
        };
        chain = match (stage.fallible, stage.by_reference) {
            (false, false) => chain.add_threadpool(function),
            (false, true) => chain.add_threadpool_ref(move |value: &u64| function(*value)),
            (true, false) => chain.add_threadpool(fails).fallible(),
            (true, true) => chain.add_threadpool_ref(move |value: &u64| fails(*value)).fallible(),
        };
        chain = chain.retries(stage.retries);
        chain = stage.workers.into_iter().fold(chain, PoolChain::max_workers);
        chain = stage.chunksize.into_iter().fold(chain, PoolChain::chunksize);
        if stage.limited {
            chain = chain.timeout(Duration::from_secs(600));
        }
    }
    chain = description.buffer.into_iter().fold(chain, PoolChain::buffer);
    if description.unordered { chain.unordered() } else { chain }
}

/// A result as it can be compared; the item of an error too.
type Outcome = std::result::Result<u64, (ErrorKind, Option<u64>, Option<String>, String)>;

fn outcome(result: Result<u64>) -> Outcome {
    result.map_err(|error| (error.kind(), error.item(), error.stage().map(str::to_owned), error.to_string()))
}

fn count(results: Vec<Outcome>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for result in results {
        *counts.entry(format!("{result:?}")).or_insert(0) += 1;
    }
    counts
}

fn check(description: &Chain) {
    let chain = build(description);
    let items = || 0..description.items;
    let expected: Vec<_> = chain.execute_lazy_single_threaded(items()).unwrap().map(outcome).collect();
    let results = if description.knows_length {
        chain.execute_lazy(items())
    } else {
        chain.execute_lazy(items().filter(|_| true))
    };
    let results: Vec<_> = results.unwrap().map(outcome).collect();
    let first_error = expected.iter().find_map(|result| result.clone().err());
    if description.unordered {
        assert_eq!(count(results), count(expected));
    } else {
        assert_eq!(results, expected);
        let runs = [
            chain.execute_eager(items()),
            chain.execute_eager_scoped(items().filter(|_| true)),
            chain.execute_eager_single_threaded(items()),
        ];
        for run in runs {
            match (run, &first_error) {
                (Ok(values), None) => assert!(values.into_iter().map(Ok).eq(expected.iter().cloned())),
                (Err(error), Some(first)) => assert_eq!(&outcome(Err(error)).unwrap_err(), first),
                (run, first) => panic!("{run:?} instead of {first:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_gives_what_the_single_threaded_run_gives(description in description()) {
        within(LIMIT, move || check(&description));
    }
}
