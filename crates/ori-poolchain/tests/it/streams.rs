//! Runs from and to async code.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_lite::{StreamExt as _, stream};
use ori_poolchain::PoolChain;
use ori_test_support::{LeakCheck, alone, wait_until, within};
use tokio::runtime::Builder;

use crate::LIMIT;

/// A stream that counts what it has given.
fn counting(items: u64, given: &Arc<AtomicUsize>) -> impl futures_core::Stream<Item = u64> + Send + use<> {
    let given = Arc::clone(given);
    stream::iter(0..items).map(move |n| {
        given.fetch_add(1, Ordering::SeqCst);
        n
    })
}

#[test]
fn a_stream_gives_the_values_and_errors_of_a_lazy_run() {
    within(LIMIT, || {
        let chain = PoolChain::new()
            .add_async(async |n: u64| {
                tokio::task::yield_now().await;
                assert!(n % 97 != 5, "no {n}");
                n + 1
            })
            .add_threadpool(|n| n * 2);
        let show = |result: ori_errors::Result<u64>| result.map_err(|error| error.to_string());
        let lazy: Vec<_> = chain.execute_lazy(0..3000).unwrap().map(show).collect();
        let collect = async || {
            let results = chain.execute_stream(stream::iter(0..3000)).unwrap();
            results.map(show).collect::<Vec<_>>().await
        };
        assert!(futures_lite::future::block_on(collect()) == lazy);
        assert!(Builder::new_current_thread().build().unwrap().block_on(collect()) == lazy);
        assert!(Builder::new_multi_thread().build().unwrap().block_on(collect()) == lazy);
    });
}

#[test]
fn work_goes_on_while_nobody_polls_and_only_as_far_as_the_buffer() {
    within(LIMIT, || {
        let given = Arc::new(AtomicUsize::new(0));
        let chain = PoolChain::new().add_async(async |n: u64| n).max_workers(4).buffer(20);
        let mut results = chain.execute_stream(counting(1_000_000, &given)).unwrap();
        // A reader does not read on for less than a quarter of the buffer.
        wait_until(LIMIT, || given.load(Ordering::SeqCst) >= 15);
        assert!(given.load(Ordering::SeqCst) <= 20);
        futures_lite::future::block_on(async {
            for n in 0..1000 {
                assert_eq!(results.next().await.unwrap().unwrap(), n);
                let given = given.load(Ordering::SeqCst) as u64;
                assert!(given <= n + 1 + 2 * 20, "{given} items were read at item {n}");
            }
        });
    });
}

#[test]
fn the_streams_own_timers_work_in_a_current_thread_runtime() {
    within(LIMIT, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let source = stream::unfold(0, |n| async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                (n < 20).then_some((n, n + 1))
            });
            let chain = PoolChain::new().add_threadpool(|n: u64| n);
            let results: Vec<u64> = chain.execute_stream(source).unwrap().map(Result::unwrap).collect().await;
            assert!(results.into_iter().eq(0..20));
        });
    });
}

#[test]
fn next_is_cancel_safe() {
    within(LIMIT, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let chain = PoolChain::new().add_async(async |n: u64| {
                tokio::time::sleep(Duration::from_micros(500)).await;
                n
            });
            let mut results = chain.execute_stream(stream::iter(0..200)).unwrap();
            let mut seen = Vec::new();
            let mut cancelled = 0;
            loop {
                tokio::select! {
                    biased;
                    next = results.next() => match next {
                        Some(value) => seen.push(value.unwrap()),
                        None => break,
                    },
                    () = tokio::task::yield_now() => cancelled += 1,
                }
            }
            assert!(cancelled > 0);
            assert!(seen.into_iter().eq(0..200));
        });
    });
}

#[test]
fn dropping_the_stream_ends_the_source_and_all_futures() {
    within(LIMIT, || {
        struct Alive(Arc<AtomicUsize>);
        impl Drop for Alive {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let alive = Arc::new(AtomicUsize::new(0));
        let one = |alive: &Arc<AtomicUsize>| {
            alive.fetch_add(1, Ordering::SeqCst);
            Alive(Arc::clone(alive))
        };
        let (count, in_source) = (Arc::clone(&alive), one(&alive));
        let chain = PoolChain::new()
            .add_async(move |n: u64| {
                let guard = one(&count);
                async move {
                    let _guard = guard;
                    if n > 0 {
                        std::future::pending::<()>().await;
                    }
                }
            })
            .max_workers(50);
        // 100 items, then nothing for ever.
        let source = stream::iter(0..100).chain(stream::pending()).map(move |n| {
            let _ = &in_source;
            n
        });
        let mut results = chain.execute_stream(source).unwrap();
        futures_lite::future::block_on(results.next()).unwrap().unwrap();
        wait_until(LIMIT, || alive.load(Ordering::SeqCst) == 51);
        drop(results);
        wait_until(LIMIT, || alive.load(Ordering::SeqCst) == 0);
    });
}

#[test]
fn a_panic_in_the_source_is_the_last_result() {
    within(LIMIT, || {
        let source = stream::iter(0..10).map(|n: u64| {
            assert!(n != 4, "broken source");
            n
        });
        let chain = PoolChain::new().add_async(async |n: u64| n);
        let results: Vec<_> = futures_lite::future::block_on(chain.execute_stream(source).unwrap().collect());
        assert_eq!(results.len(), 5);
        let error = results[4].as_ref().unwrap_err();
        assert_eq!(
            (error.panic_message(), error.stage(), error.item()),
            (Some("broken source"), Some("source"), Some(4))
        );
    });
}

#[test]
fn the_consumer_runs_no_user_code() {
    within(LIMIT, || {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let me = std::thread::current().id();
            let not_me = move || assert_ne!(std::thread::current().id(), me);
            let chain = PoolChain::new().add_threadpool(move |n: u64| {
                not_me();
                n
            });
            let source = stream::iter(0..20_000).map(move |n| {
                not_me();
                n
            });
            assert_eq!(chain.execute_stream(source).unwrap().filter(Result::is_ok).count().await, 20_000);
        });
    });
}

#[test]
fn a_poll_without_a_result_does_not_block() {
    within(LIMIT, || {
        let chain = PoolChain::new().add_threadpool(|n: u64| n);
        let mut results = chain.execute_stream(stream::pending()).unwrap();
        let polled =
            futures_core::Stream::poll_next(Pin::new(&mut results), &mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        results.cancel();
        assert!(futures_lite::future::block_on(results.next()).is_none());
    });
}

#[test]
fn an_empty_chain_is_refused() {
    let chain = PoolChain::<u64, u64>::new();
    assert!(chain.execute_stream(stream::iter([1])).unwrap_err().is_validation());
}

#[test]
fn streams_leave_no_thread() {
    alone("streams::streams_leave_no_thread", || {
        let run = || {
            let chain = PoolChain::new().add_async(async |n: u64| n);
            drop(chain.execute_stream(stream::pending()).unwrap());
            let all = chain.execute_stream(stream::iter(0..50)).unwrap().count();
            assert_eq!(futures_lite::future::block_on(all), 50);
        };
        run();
        let check = LeakCheck::start().unwrap();
        for _ in 0..100 {
            run();
        }
        check.finish();
    });
}
