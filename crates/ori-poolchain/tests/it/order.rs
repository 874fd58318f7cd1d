//! Order, completeness, exactly once: each item gives one result, at its position, whatever the
//! chain looks like.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ori_errors::ErrorKind;
use ori_poolchain::PoolChain;
use ori_test_support::within;

use crate::LIMIT;

const SIZES: [u64; 9] = [0, 1, 2, 3, 15, 16, 17, 1000, 30_000];

#[test]
fn results_come_in_the_order_of_the_input_and_exactly_once() {
    for workers in [1, 2, 3, 16] {
        within(LIMIT, move || {
            let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).max_workers(workers);
            for size in SIZES {
                assert!(chain.execute_lazy(0..size).unwrap().map(Result::unwrap).eq(1..=size));
                let filtered = (0..size).filter(|_| true);
                assert!(chain.execute_lazy(filtered).unwrap().map(Result::unwrap).eq(1..=size));
                assert!(chain.execute_eager(0..size).unwrap().into_iter().eq(1..=size));
                assert!(chain.execute_eager_scoped(0..size).unwrap().into_iter().eq(1..=size));
            }
        });
    }
}

#[test]
fn every_function_is_called_once_for_each_item() {
    within(LIMIT, || {
        let calls: Arc<Vec<AtomicU32>> = Arc::new((0..20_000).map(|_| AtomicU32::new(0)).collect());
        let count = |times: u32| {
            let calls = Arc::clone(&calls);
            move |n: usize| {
                calls[n].fetch_add(times, Relaxed);
                n
            }
        };
        let chain = PoolChain::new()
            .add_threadpool(count(1))
            .add_threadpool(count(100))
            .max_workers(3)
            .add_threadpool(count(10_000))
            .unordered();
        assert_eq!(chain.execute_lazy(0..20_000).unwrap().count(), 20_000);
        assert!(calls.iter().all(|calls| calls.load(Relaxed) == 10_101));
    });
}

#[test]
fn fused_and_unfused_stages_give_the_same() {
    let f = |n: u64| {
        assert!(n % 7 != 3, "a panic");
        n * 3
    };
    let g = |n: u64| if n % 11 == 5 { Err("no") } else { Ok(n + 1) };
    let outcome = |chain: &PoolChain<u64, u64>| -> Vec<_> {
        let results = chain.execute_lazy(0..3000).unwrap();
        results
            .map(|result| {
                result.map_err(|error| (error.kind(), error.item(), error.stage().map(str::to_owned)))
            })
            .collect()
    };
    within(LIMIT, move || {
        let fused = PoolChain::new().add_threadpool(f).add_threadpool(g).fallible().add_threadpool(f);
        let unfused = PoolChain::new()
            .add_threadpool(f)
            .max_workers(1)
            .add_threadpool(g)
            .fallible()
            .max_workers(2)
            .add_threadpool(f)
            .max_workers(5);
        let watched = PoolChain::new()
            .add_threadpool(f)
            .add_threadpool(g)
            .timeout(Duration::from_secs(600))
            .fallible()
            .add_threadpool(f)
            .timeout(Duration::from_secs(600));
        let expected = outcome(&fused);
        assert_eq!(expected.len(), 3000);
        assert_eq!(outcome(&unfused), expected);
        assert_eq!(outcome(&watched), expected);
        let single = fused.execute_lazy_single_threaded(0..3000).unwrap();
        assert!(single.map(Result::ok).eq(expected.into_iter().map(Result::ok)));
    });
}

#[test]
fn an_error_comes_at_its_position_and_iteration_goes_on_after_it() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| {
            assert!(n % 10 != 4);
            n
        });
        let results = chain.execute_lazy(0..1000).unwrap();
        for (position, result) in (0..).zip(results) {
            match result {
                Ok(value) => assert_eq!(value, position),
                Err(error) => assert_eq!((error.item(), position % 10), (Some(position), 4)),
            }
        }
    });
}

#[test]
fn an_error_carries_item_stage_and_place() {
    within(LIMIT, || {
        let place = format!("{}:{}", file!(), line!() + 3);
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| {
                assert!(n != 2, "two");
                n
            })
            .name("check")
            .add_threadpool(|n| if n == 3 { Err(format!("{n} is bad")) } else { Ok(n) })
            .fallible();
        let results: Vec<_> = chain.execute_lazy(0..5).unwrap().collect();
        let panic = results[2].as_ref().unwrap_err();
        assert_eq!(
            (panic.kind(), panic.item(), panic.stage()),
            (ErrorKind::Panicked, Some(2), Some("check"))
        );
        assert_eq!(panic.panic_message(), Some("two"));
        assert!(panic.panic_location().unwrap().starts_with(&place), "{panic}, not {place}");
        let task = results[3].as_ref().unwrap_err();
        assert_eq!((task.kind(), task.item(), task.stage()), (ErrorKind::Task, Some(3), Some("stage 2")));
        assert!(task.to_string().ends_with("3 is bad"), "{task}");
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    });
}

#[test]
fn every_item_may_fail() {
    within(LIMIT, || {
        for unordered in [false, true] {
            let chain = PoolChain::new().add_threadpool(|_: u64| -> u64 { panic!("always") });
            let chain = if unordered { chain.unordered() } else { chain };
            let results = chain.execute_lazy(0..2000).unwrap();
            let mut items: Vec<_> = results.map(|result| result.unwrap_err().item().unwrap()).collect();
            items.sort_unstable();
            assert!(items.into_iter().eq(0..2000));
        }
    });
}

#[test]
fn fallible_works_at_every_place() {
    within(LIMIT, || {
        let parse = |text: String| text.parse::<u64>();
        let source = || ["1", "x", "3"].map(str::to_owned);
        let check = |results: Vec<Option<u64>>| assert_eq!(results, [Some(1), None, Some(3)]);
        let last = PoolChain::new().add_threadpool(parse).fallible();
        check(last.execute_lazy(source()).unwrap().map(Result::ok).collect());
        let middle = last.add_threadpool(|n| n).max_workers(1);
        check(middle.execute_lazy(source()).unwrap().map(Result::ok).collect());
        let twice =
            PoolChain::new().add_threadpool(move |text| Ok::<_, String>(parse(text))).fallible().fallible();
        check(twice.execute_lazy(source()).unwrap().map(Result::ok).collect());
        // Before any stage: the source's own results.
        let first = PoolChain::new().fallible().add_threadpool(|n: u64| n);
        let results: Vec<_> = first.execute_lazy([Ok(1), Err("x"), Ok(3)]).unwrap().collect();
        let error = results[1].as_ref().unwrap_err();
        assert_eq!((error.kind(), error.stage(), error.item()), (ErrorKind::Task, Some("source"), Some(1)));
        check(results.into_iter().map(Result::ok).collect());
    });
}

#[test]
fn a_failed_item_skips_the_later_stages() {
    within(LIMIT, || {
        let later = Arc::new(AtomicU32::new(0));
        let chain = PoolChain::new()
            .add_threadpool(|n: u32| if n.is_multiple_of(2) { Ok(n) } else { Err("odd") })
            .fallible();
        let count = Arc::clone(&later);
        let chain = chain.add_threadpool(move |n| {
            assert!(n % 2 == 0);
            count.fetch_add(1, Relaxed);
        });
        assert_eq!(chain.execute_lazy(0..1000).unwrap().filter(Result::is_ok).count(), 500);
        assert_eq!(later.load(Relaxed), 500);
    });
}

#[test]
fn items_may_have_no_size() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|()| ()).add_threadpool(|()| ()).max_workers(2);
        assert_eq!(chain.execute_eager(std::iter::repeat_n((), 50_000)).unwrap().len(), 50_000);
        assert_eq!(chain.execute_lazy(std::iter::repeat_n((), 50_000)).unwrap().count(), 50_000);
        assert_eq!(chain.execute_lazy((0..9).map(drop).filter(|()| true)).unwrap().count(), 9);
    });
}

#[test]
fn items_may_be_huge() {
    within(LIMIT, || {
        // In the item itself, and behind a pointer.
        let chain = PoolChain::new().add_threadpool(|n: u8| [n; 32 << 10]).add_threadpool(|big| big);
        for (n, big) in (0..).zip(chain.execute_lazy(0..200).unwrap()) {
            assert!(big.unwrap().iter().all(|byte| *byte == n));
        }
        let chain = PoolChain::new().add_threadpool(|n: u8| vec![n; 8 << 20]).buffer(3);
        for (n, big) in (0..).zip(chain.execute_lazy(0..30).unwrap()) {
            assert!(big.unwrap() == vec![n; 8 << 20]);
        }
    });
}

#[test]
fn the_first_result_comes_while_the_source_is_still_going() {
    within(LIMIT, || {
        let (more, gate) = mpsc::channel::<()>();
        let source = (0..10).filter(|_| true).inspect(move |n| {
            if *n == 1 {
                gate.recv().unwrap();
            }
        });
        let chain = PoolChain::new().add_threadpool(|n: u64| n).add_threadpool(|n| n).max_workers(1);
        let mut results = chain.execute_lazy(source).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        more.send(()).unwrap();
        assert!(results.map(Result::unwrap).eq(1..10));
    });
}

#[test]
fn execute_lazy_begins_at_once() {
    within(LIMIT, || {
        for workers in [1, 2] {
            let (begun, begin) = mpsc::channel();
            let chain =
                PoolChain::new().add_threadpool(move |n: u64| begun.send(n).unwrap()).max_workers(workers);
            let results = chain.execute_lazy([7]).unwrap();
            // Nobody has asked for a result.
            assert_eq!(begin.recv().unwrap(), 7);
            assert_eq!(results.count(), 1);
        }
    });
}

#[test]
fn results_end_for_good() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n);
        let mut results = chain.execute_lazy(0..3).unwrap();
        assert_eq!(results.by_ref().count(), 3);
        assert!(results.next().is_none() && results.next().is_none());
        assert!(chain.execute_eager([]).unwrap().is_empty());
    });
}

#[test]
fn results_may_be_taken_on_another_thread() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n).max_workers(2);
        let mut results = chain.execute_lazy((0..10_000).filter(|_| true)).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        let mut next = 1;
        while next < 10_000 {
            (results, next) = std::thread::spawn(move || {
                for expected in next..(next + 1111).min(10_000) {
                    assert_eq!(results.next().unwrap().unwrap(), expected);
                }
                (results, next + 1111)
            })
            .join()
            .unwrap();
        }
        assert!(results.next().is_none());
    });
}
