//! What goes wrong in an async stage belongs to its item.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ori_errors::ErrorKind;
use ori_poolchain::PoolChain;
use ori_test_support::within;

use crate::LIMIT;
use crate::async_stages::counted;

#[test]
fn panics_and_errors_belong_to_their_item() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_async(|n: u64| {
                assert!(n != 3, "before the future");
                async move {
                    assert!(n != 5, "at once");
                    tokio::task::yield_now().await;
                    assert!(n != 7, "later");
                    if n == 9 { Err("refused") } else { Ok(n) }
                }
            })
            .fallible()
            .name("fetch")
            .add_threadpool(|n| n * 10);
        let parallel: Vec<_> = chain.execute_lazy(0..12).unwrap().collect();
        let single: Vec<_> = chain.execute_lazy_single_threaded(0..12).unwrap().collect();
        assert_eq!(parallel.len(), 12);
        for (position, (one, other)) in parallel.iter().zip(&single).enumerate() {
            let position = position as u64;
            match (one, other) {
                (Ok(one), Ok(other)) => assert_eq!((*one, *other), (position * 10, position * 10)),
                (Err(one), Err(other)) => {
                    assert_eq!(
                        (one.item(), one.stage(), one.kind()),
                        (Some(position), Some("fetch"), other.kind())
                    );
                    assert_eq!(one.to_string(), other.to_string());
                    assert_eq!((other.item(), other.stage()), (Some(position), Some("fetch")));
                }
                _ => panic!("item {position}: {one:?} and {other:?}"),
            }
        }
        let panics: Vec<_> =
            parallel.iter().filter_map(|result| result.as_ref().err()?.panic_message()).collect();
        assert_eq!(panics, ["before the future", "at once", "later"]);
        assert_eq!(parallel[9].as_ref().unwrap_err().kind(), ErrorKind::Task);
        assert!(parallel[7].as_ref().unwrap_err().panic_location().unwrap().contains("async_failures.rs:"));
    });
}

#[test]
fn errors_of_earlier_stages_pass_an_async_stage() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_threadpool(|n: u64| assert!(!n.is_multiple_of(3), "a third"))
            .name("check")
            .add_async(async |()| tokio::task::yield_now().await);
        let results: Vec<_> = chain.execute_lazy(0..3000).unwrap().collect();
        for (position, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), position % 3 == 0);
            if let Err(error) = result {
                assert_eq!((error.stage(), error.item()), (Some("check"), Some(position as u64)));
            }
        }
        assert_eq!(results.len(), 3000);
    });
}

#[test]
fn a_time_limit_is_per_item_and_drops_the_future() {
    within(LIMIT, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let chain =
            counted(&alive, |n| n % 4 == 1).timeout(Duration::from_millis(30)).max_workers(8).name("fetch");
        let results: Vec<_> = chain.execute_lazy(0..40).unwrap().collect();
        for (position, result) in results.iter().enumerate() {
            match result {
                Ok(n) => assert_eq!((*n, position % 4 != 1), (position as u64, true)),
                Err(error) => {
                    assert!(error.is_timeout());
                    assert_eq!((error.item(), error.stage()), (Some(position as u64), Some("fetch")));
                }
            }
        }
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 10);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        let single: Vec<_> = chain.execute_lazy_single_threaded(0..6).unwrap().collect();
        assert!(single[1].as_ref().unwrap_err().is_timeout() && single[5].as_ref().unwrap_err().is_timeout());
        assert_eq!(single.iter().filter(|result| result.is_ok()).count(), 4);
    });
}

#[test]
fn retries_try_again_what_panicked_or_ran_out_of_time() {
    within(LIMIT, || {
        for single in [false, true] {
            let calls = Arc::new(AtomicUsize::new(0));
            let called = Arc::clone(&calls);
            let failures = std::sync::Mutex::new(std::collections::HashMap::new());
            let chain = PoolChain::new()
                .add_async_ref(move |n: Arc<u64>| {
                    called.fetch_add(1, Ordering::SeqCst);
                    let tries = {
                        let mut failures = failures.lock().unwrap();
                        let tries = failures.entry(*n).or_insert(0);
                        *tries += 1;
                        *tries
                    };
                    async move {
                        match *n {
                            1 if tries <= 2 => panic!("twice"),
                            2 if tries <= 2 => std::future::pending().await,
                            3 => panic!("always"),
                            _ => {}
                        }
                        *n
                    }
                })
                .timeout(Duration::from_millis(20))
                .retries(2);
            let results: Vec<_> = if single {
                chain.execute_lazy_single_threaded(0..5).unwrap().collect()
            } else {
                chain.execute_lazy(0..5).unwrap().collect()
            };
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 4);
            assert_eq!(results[3].as_ref().unwrap_err().panic_message(), Some("always"));
            // Items 0 and 4 once; 1, 2 and 3 three times.
            assert_eq!(calls.load(Ordering::SeqCst), 11);
        }
    });
}

#[test]
fn bad_options_are_refused_before_anything_starts() {
    let none = PoolChain::new().add_async(async |n: u64| n).max_workers(0).name("fetch");
    let error = none.execute_eager([1]).unwrap_err();
    assert!(error.is_validation());
    assert_eq!(error.stage(), Some("fetch"));
    let zero = PoolChain::new().add_async(async |n: u64| n).timeout(Duration::ZERO);
    assert!(zero.execute_eager([1]).unwrap_err().is_validation());
}

#[test]
fn a_panic_in_the_drop_of_a_future_takes_nothing_along() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("in drop");
            }
        }
    }
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_async(async |n: u64| {
                let _guard = (n == 3).then(|| PanicsOnDrop);
                if n == 3 {
                    std::future::pending::<()>().await;
                }
                n
            })
            .timeout(Duration::from_millis(10));
        let results: Vec<_> = chain.execute_lazy(0..10).unwrap().collect();
        assert!(results[3].as_ref().unwrap_err().is_timeout());
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 9);
    });
}
