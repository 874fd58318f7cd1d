//! Queues between threads and tasks.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mt_aio::{Block, ErrorKind, OriError, Queue, qget_aio, qput_aio};
use ori_test_support::{Random, within};
use tokio::runtime::Builder;

use crate::running::runtime;

const LIMIT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

#[test]
fn items_come_out_in_the_order_they_went_in() {
    within(LIMIT, || {
        for queue in [Queue::bounded(1), Queue::bounded(7), Queue::unbounded()] {
            let producer = queue.clone();
            let thread = thread::spawn(move || (0..1_000).try_for_each(|n| producer.put(n)));
            runtime().block_on(async {
                for n in 0..500 {
                    assert_eq!(qget_aio(&queue, Block::Forever).await.unwrap(), n);
                }
            });
            (500..1_000).for_each(|n| assert_eq!(queue.get().unwrap(), n));
            thread.join().unwrap().unwrap();
            assert!(queue.is_empty());
        }
    });
}

#[test]
fn full_gives_the_value_back_and_empty_says_so() {
    let queue = Queue::bounded(2);
    let runtime = runtime();
    for n in 0..2 {
        runtime.block_on(qput_aio(&queue, n, Block::No)).unwrap();
    }
    for block in [Block::No, Block::For(SHORT), Block::For(Duration::ZERO)] {
        let error = queue.put_with(7, block).unwrap_err();
        assert_eq!((error.kind(), error.into_value()), (ErrorKind::QueueFull, 7));
        let error = runtime.block_on(qput_aio(&queue, 8, block)).unwrap_err();
        assert_eq!((error.kind(), error.into_value()), (ErrorKind::QueueFull, 8));
    }
    assert_eq!(queue.len(), 2);
    assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (0, 1));
    for block in [Block::No, Block::For(SHORT), Block::For(Duration::ZERO)] {
        assert_eq!(queue.get_with(block).unwrap_err().kind(), ErrorKind::QueueEmpty);
        let error: OriError = runtime.block_on(qget_aio(&queue, block)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QueueEmpty);
    }
    queue.put(9).unwrap();
    assert_eq!(queue.get().unwrap(), 9);
}

#[test]
fn a_put_that_fails_is_an_ordinary_error_to_a_caller_who_drops_the_value() {
    fn put_twice(queue: &Queue<u8>) -> ori_errors::Result<()> {
        queue.put_with(1, Block::No)?;
        queue.put_with(2, Block::No)?;
        Ok(())
    }
    let queue = Queue::bounded(1);
    assert_eq!(put_twice(&queue).unwrap_err().kind(), ErrorKind::QueueFull);
    assert_eq!(queue.get().unwrap(), 1);
    assert!(format!("{queue:?}").contains("capacity: Some(1)"), "{queue:?}");
}

#[test]
fn a_timed_get_ends_within_its_limit_and_does_not_hold_the_loop() {
    within(LIMIT, || {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let queue = Queue::<u8>::bounded(1);
            let start = Instant::now();
            let (got, turns) = tokio::join!(qget_aio(&queue, Block::For(SHORT * 4)), async {
                let mut turns = 0;
                while start.elapsed() < SHORT {
                    tokio::task::yield_now().await;
                    turns += 1;
                }
                turns
            });
            assert_eq!(got.unwrap_err().kind(), ErrorKind::QueueEmpty);
            assert!(start.elapsed() >= SHORT * 4, "not before its time either");
            assert!(turns > 1, "the loop went on meanwhile");
        });
    });
}

#[test]
fn a_waiting_get_or_put_is_woken_from_the_other_world() {
    within(LIMIT, || {
        let queue = Arc::new(Queue::bounded(1));
        let runtime = runtime();
        for _ in 0..200 {
            let getter = runtime.spawn({
                let queue = queue.clone();
                async move { qget_aio(&queue, Block::Forever).await.unwrap() }
            });
            queue.put(1).unwrap();
            assert_eq!(runtime.block_on(getter).unwrap(), 1);

            queue.put(2).unwrap();
            let putter = runtime.spawn({
                let queue = queue.clone();
                async move { qput_aio(&queue, 3, Block::For(LIMIT)).await.unwrap() }
            });
            assert_eq!(queue.get_with(Block::For(LIMIT)).unwrap(), 2);
            runtime.block_on(putter).unwrap();
            assert_eq!(queue.get().unwrap(), 3);
        }
    });
}

#[test]
fn cancelling_a_get_or_put_loses_no_item() {
    const ITEMS: u64 = 3_000;
    within(LIMIT, || {
        for capacity in [1, 3] {
            let queue = Arc::new(Queue::bounded(capacity));
            let runtime = runtime();
            let impatient = Duration::from_micros(30);
            let putters = (0..3).map(|putter| {
                let queue = queue.clone();
                runtime.spawn(async move {
                    for n in 0..ITEMS {
                        let mut value = putter * ITEMS + n;
                        // Half are cancelled from outside, half run out of time.
                        loop {
                            if n % 2 == 0 {
                                let put = qput_aio(&queue, value, Block::Forever);
                                match tokio::time::timeout(impatient, put).await {
                                    Ok(put) => break put.unwrap(),
                                    // Dropped, so surely not put: again.
                                    Err(_) => continue,
                                }
                            }
                            match qput_aio(&queue, value, Block::For(impatient)).await {
                                Ok(()) => break,
                                Err(full) => value = full.into_value(),
                            }
                        }
                    }
                })
            });
            let putters: Vec<_> = putters.collect();
            let getters = (0..3).map(|getter| {
                let queue = queue.clone();
                runtime.spawn(async move {
                    let mut random = Random::seeded(getter);
                    let mut got = Vec::new();
                    while got.len() < ITEMS as usize {
                        let patience = Duration::from_micros(random.below(60));
                        if random.one_in(2) {
                            let get = qget_aio(&queue, Block::Forever);
                            if let Ok(value) = tokio::time::timeout(patience, get).await {
                                got.push(value.unwrap());
                            }
                        } else if let Ok(value) = qget_aio(&queue, Block::For(patience)).await {
                            got.push(value);
                        }
                    }
                    got
                })
            });
            let getters: Vec<_> = getters.collect();
            let all: Vec<u64> = runtime.block_on(async {
                let mut all = Vec::new();
                for getter in getters {
                    all.extend(getter.await.unwrap());
                }
                for putter in putters {
                    putter.await.unwrap();
                }
                all
            });
            let different: HashSet<u64> = all.iter().copied().collect();
            assert_eq!((all.len(), different.len()), (3 * ITEMS as usize, 3 * ITEMS as usize));
            assert!(queue.is_empty());
        }
    });
}

#[test]
fn many_threads_and_tasks_share_a_queue_and_never_overfill_it() {
    within(LIMIT, || {
        let queue = &Queue::bounded(4);
        let sum = thread::scope(|scope| {
            for producer in 0..4 {
                scope.spawn(move || {
                    let puts = async {
                        for n in 0..1_000_u64 {
                            qput_aio(queue, n, Block::Forever).await.unwrap();
                            assert!(queue.len() <= 4);
                        }
                    };
                    match producer % 2 {
                        0 => (0..1_000).for_each(|n| queue.put(n).unwrap()),
                        _ => runtime().block_on(puts),
                    }
                });
            }
            let consumers = [0, 1, 2, 3].map(|consumer| {
                scope.spawn(move || match consumer % 2 {
                    0 => (0..1_000).map(|_| queue.get().unwrap()).sum::<u64>(),
                    _ => runtime().block_on(async {
                        let mut sum = 0;
                        for _ in 0..1_000 {
                            sum += qget_aio(queue, Block::Forever).await.unwrap();
                        }
                        sum
                    }),
                })
            });
            consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum::<u64>()
        });
        assert_eq!(sum, 4 * 999 * 500);
        assert!(queue.is_empty());
    });
}

#[test]
fn a_bad_capacity_is_validation() {
    for capacity in [0, usize::MAX] {
        let queue = Queue::bounded(capacity);
        let error = queue.put('x').unwrap_err();
        assert_eq!((error.kind(), error.into_value()), (ErrorKind::Validation, 'x'));
        assert!(queue.get().unwrap_err().is_validation());
        futures_lite::future::block_on(async {
            assert_eq!(qput_aio(&queue, 'y', Block::Forever).await.unwrap_err().into_value(), 'y');
            assert!(qget_aio(&queue, Block::Forever).await.unwrap_err().is_validation());
        });
    }
}

#[test]
fn only_a_limit_needs_a_runtime() {
    futures_lite::future::block_on(async {
        let queue = Queue::bounded(1);
        let error = qget_aio(&queue, Block::For(SHORT)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        qput_aio(&queue, 1, Block::For(SHORT)).await.unwrap();
        let error = qput_aio(&queue, 2, Block::For(SHORT)).await.unwrap_err();
        assert_eq!((error.kind(), error.into_value()), (ErrorKind::Unsupported, 2));
        assert_eq!(qget_aio(&queue, Block::Forever).await.unwrap(), 1);
    });
}

#[test]
fn items_are_dropped_with_the_last_handle() {
    let item = Arc::new(());
    let queue = Queue::unbounded();
    queue.put(item.clone()).unwrap();
    let other = queue.clone();
    drop(queue);
    assert_eq!(Arc::strong_count(&item), 2);
    drop(other);
    assert_eq!(Arc::strong_count(&item), 1);
}
