//! Queues, many small tasks, messages to a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mt_aio::{AprocManager, BgProcess, Block, HandleException, MessageHandler, Queue, qget_aio, qput_aio};
use tokio::task::JoinSet;

use crate::files::runtime;
use crate::rounds::Scenario;

/// Places of the bounded queues.
const PLACES: usize = 64;

fn sum_to(times: u64) -> u64 {
    times * (times - 1) / 2
}

pub(crate) fn queue_async_async() -> Scenario {
    let runtime = runtime();
    let scenario = Scenario::new("an item from one task to another, queue of 64");
    #[cfg(feature = "peers")]
    let scenario = {
        let runtime = runtime.clone();
        scenario.variant("flume", move |times| {
            let (sender, receiver) = flume::bounded(PLACES);
            let sum = runtime.block_on(async {
                let producer = tokio::spawn(async move {
                    for n in 0..times {
                        sender.send_async(n).await.expect("somebody gets");
                    }
                });
                let mut sum = 0;
                while let Ok(n) = receiver.recv_async().await {
                    sum += n;
                }
                producer.await.expect("no panic");
                sum
            });
            assert_eq!(sum, sum_to(times));
        })
    };
    scenario.variant("mt-aio", move |times| {
        let queue = Queue::bounded(PLACES);
        let sum = runtime.block_on(async {
            let puts = queue.clone();
            let producer = tokio::spawn(async move {
                for n in 0..times {
                    qput_aio(&puts, n, Block::Forever).await.expect("a place");
                }
            });
            let mut sum = 0;
            for _ in 0..times {
                sum += qget_aio(&queue, Block::Forever).await.expect("an item");
            }
            producer.await.expect("no panic");
            sum
        });
        assert_eq!(sum, sum_to(times));
    })
}

pub(crate) fn queue_sync_async() -> Scenario {
    let runtime = runtime();
    let scenario = Scenario::new("an item from a thread to a task, queue of 64");
    #[cfg(feature = "peers")]
    let scenario = {
        let runtime = runtime.clone();
        scenario.variant("flume", move |times| {
            let (sender, receiver) = flume::bounded(PLACES);
            let producer = std::thread::spawn(move || (0..times).try_for_each(|n| sender.send(n)));
            let sum = runtime.block_on(async {
                let mut sum = 0;
                while let Ok(n) = receiver.recv_async().await {
                    sum += n;
                }
                sum
            });
            producer.join().expect("no panic").expect("somebody gets");
            assert_eq!(sum, sum_to(times));
        })
    };
    scenario.variant("mt-aio", move |times| {
        let queue = Queue::bounded(PLACES);
        let puts = queue.clone();
        let producer = std::thread::spawn(move || (0..times).try_for_each(|n| puts.put(n)));
        let sum = runtime.block_on(async {
            let mut sum = 0;
            for _ in 0..times {
                sum += qget_aio(&queue, Block::Forever).await.expect("an item");
            }
            sum
        });
        producer.join().expect("no panic").expect("a place");
        assert_eq!(sum, sum_to(times));
    })
}

pub(crate) fn many_small_tasks() -> Scenario {
    /// Tasks at a time.
    const AT_A_TIME: usize = 1024;
    let runtime = runtime();
    let theirs = runtime.clone();
    Scenario::new("a task that adds 1, 1024 at a time")
        .variant("JoinSet", move |times| {
            let sum = Arc::new(AtomicU64::new(0));
            theirs.block_on(async {
                let mut tasks = JoinSet::new();
                for _ in 0..times {
                    if tasks.len() >= AT_A_TIME {
                        tasks.join_next().await.expect("there is one").expect("no panic");
                    }
                    let sum = sum.clone();
                    tasks.spawn(async move { _ = sum.fetch_add(1, Ordering::Relaxed) });
                }
                while tasks.join_next().await.is_some() {}
            });
            assert_eq!(sum.load(Ordering::Relaxed), times);
        })
        .variant("AprocManager", move |times| {
            let sum = Arc::new(AtomicU64::new(0));
            runtime.block_on(async {
                let manager = AprocManager::new(AT_A_TIME, HandleException::Raise);
                for _ in 0..times {
                    let sum = sum.clone();
                    let aproc = async move { _ = sum.fetch_add(1, Ordering::Relaxed) };
                    manager.send(aproc).await.expect("no failure");
                }
                manager.cleanup().await.expect("no failure");
            });
            assert_eq!(sum.load(Ordering::Relaxed), times);
        })
}

struct Sum(u64);

impl MessageHandler for Sum {
    type Context = u64;
    type Message = u64;
    type Reply = u64;

    fn start(first: u64) -> Result<Self, String> {
        Ok(Self(first))
    }

    fn child_handle_message(&mut self, n: u64) -> Result<u64, String> {
        self.0 = self.0.wrapping_add(n);
        Ok(self.0)
    }
}

pub(crate) fn process_round_trip() -> Scenario {
    let runtime = runtime();
    let process = BgProcess::<Sum>::start(0).expect("started");
    Scenario::new("a message to a process and its reply").variant("BgProcess", move |times| {
        let last = runtime.block_on(async {
            let before = process.send(0).await.expect("a reply");
            for _ in 0..times {
                process.send(1).await.expect("a reply");
            }
            process.send(0).await.expect("a reply") - before
        });
        assert_eq!(last, times);
    })
}
