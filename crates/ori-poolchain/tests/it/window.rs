//! A chain holds at most its buffer of items, however long the source.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ori_poolchain::PoolChain;
use ori_test_support::{wait_until, within};

use crate::LIMIT;

/// The most items that were pulled and not yet given out, in a run with these options.
fn most_inside(buffer: usize, workers: usize, knows_length: bool, cheap: bool) -> usize {
    let (pulled, given) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let most = Arc::new(AtomicUsize::new(0));
    let source = (0..3000_u64).map({
        let (pulled, given, most) = (Arc::clone(&pulled), Arc::clone(&given), Arc::clone(&most));
        move |n| {
            let pulled = pulled.fetch_add(1, SeqCst) + 1;
            most.fetch_max(pulled - given.load(SeqCst), SeqCst);
            n
        }
    });
    let chain = PoolChain::new()
        .add_threadpool(move |n: u64| {
            if !cheap {
                std::thread::yield_now();
            }
            n
        })
        .max_workers(workers)
        .add_threadpool(|n| n)
        .max_workers(workers + 1)
        .buffer(buffer);
    let results =
        if knows_length { chain.execute_lazy(source) } else { chain.execute_lazy(source.filter(|_| true)) };
    for (position, result) in (0..).zip(results.unwrap()) {
        assert_eq!(result.unwrap(), position);
        given.fetch_add(1, SeqCst);
    }
    most.load(SeqCst)
}

#[test]
fn a_chain_never_holds_more_than_its_buffer() {
    for buffer in [1, 2, 7, 1000] {
        for workers in [1, 2, 4, 16] {
            for (knows_length, cheap) in [(true, true), (true, false), (false, true), (false, false)] {
                let most = within(LIMIT, move || most_inside(buffer, workers, knows_length, cheap));
                assert!(most <= buffer, "{most} items inside, buffer {buffer}, {workers} workers");
            }
        }
    }
}

#[test]
fn a_chain_that_nobody_reads_fills_its_buffer_and_waits() {
    for (buffer, workers) in [(1, 1), (1, 4), (2, 2), (7, 3), (1000, 2)] {
        within(LIMIT, move || {
            let pulled = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&pulled);
            let source = (0_u64..).inspect(move |_| {
                count.fetch_add(1, SeqCst);
            });
            let chain = PoolChain::new().add_threadpool(|n: u64| n).max_workers(workers).buffer(buffer);
            let mut results = chain.execute_lazy(source).unwrap();
            // The last quarter may stay free, since small batches are dear.
            wait_until(LIMIT, || 4 * pulled.load(SeqCst) >= 3 * buffer);
            assert!(pulled.load(SeqCst) <= buffer);
            for expected in 0..3 * buffer as u64 {
                assert_eq!(results.next().unwrap().unwrap(), expected);
            }
            // The last one is given out, those before it make room.
            assert!(pulled.load(SeqCst) <= 4 * buffer);
        });
    }
}

#[test]
fn the_default_buffer_is_bounded_too() {
    within(LIMIT, || {
        let pulled = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&pulled);
        let source = (0_u64..).inspect(move |_| {
            count.fetch_add(1, SeqCst);
        });
        let chain = PoolChain::new().add_threadpool(|n: u64| n);
        let mut results = chain.execute_lazy(source).unwrap();
        for expected in 0..100_000 {
            assert_eq!(results.next().unwrap().unwrap(), expected);
            assert!(pulled.load(SeqCst) <= usize::try_from(expected).unwrap() + 65_536 + 1);
        }
    });
}

#[test]
fn an_eager_run_holds_no_more_than_its_buffer_before_a_slow_item() {
    within(LIMIT, || {
        let pulled = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&pulled);
        let count = Arc::clone(&pulled);
        let source = (0..100_000_u64).inspect(move |_| {
            count.fetch_add(1, SeqCst);
        });
        let chain = PoolChain::new()
            .add_threadpool(move |n| {
                // The first item is done when the others have filled half the buffer.
                if n == 0 {
                    wait_until(LIMIT, || seen.load(SeqCst) >= 25);
                    assert!(seen.load(SeqCst) <= 50);
                }
                n
            })
            .max_workers(3)
            .buffer(50);
        assert!(chain.execute_eager(source).unwrap().into_iter().eq(0..100_000));
    });
}

/// In kilobytes, the most memory that this process has used.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn millions_of_items_stream_in_constant_memory() {
    ori_test_support::alone("window::millions_of_items_stream_in_constant_memory", || {
        for knows_length in [true, false] {
            let chain =
                PoolChain::new().add_threadpool(|n: u64| n.to_string()).add_threadpool(|s| s.len() as u64);
            // The threads' stacks and the buffers are there after the first of these.
            let mut before = 0;
            for items in [100_000, 2_000_000_u64] {
                before = peak();
                let source = 0..items;
                let results = if knows_length {
                    chain.execute_lazy(source)
                } else {
                    chain.execute_lazy(source.filter(|_| true))
                };
                assert_eq!(results.unwrap().map(Result::unwrap).count() as u64, items);
            }
            let grown = peak() - before;
            assert!(grown < 8 << 10, "{grown} KiB more for twenty times the items");
        }
    });
}
