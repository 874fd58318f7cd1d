//! Queues, many small tasks, messages to a process that holds state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mt_aio::{AprocManager, BgProcess, Block, HandleException, MessageHandler, Queue, qget_aio, qput_aio};
use tokio::task::JoinSet;

use super::files::runtime;
use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit};
use crate::python;

/// Places of the bounded queues.
const PLACES: usize = 64;
/// Tasks at a time.
const AT_A_TIME: usize = 1024;

/// A queue between two tasks.
pub(crate) const ASYNC_QUEUE: Contest = Contest {
    id: "queue-async",
    title: "items from one task to another, a queue of 64 places",
    item: "item",
    items: 20_000,
    smoke_items: 100,
    contestants: &[
        #[cfg(feature = "peers")]
        Contestant {
            name: "flume",
            about: "flume 0.12, `send_async` and `recv_async`",
            peer: true,
            prepare: |items| {
                let runtime = runtime();
                Box::new(move |_| {
                    let (sender, receiver) = flume::bounded(PLACES);
                    runtime.block_on(async {
                        let producer = tokio::spawn(async move {
                            for n in 0..items {
                                sender.send_async(n).await.expect("somebody gets");
                            }
                        });
                        let mut sum = 0;
                        while let Ok(n) = receiver.recv_async().await {
                            sum += n;
                        }
                        producer.await.expect("no panic");
                        sum
                    })
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`mt_aio::qput_aio` and `qget_aio`",
            goal: Some(Limit::Nanos(100.0)),
            prepare: |items| {
                let runtime = runtime();
                Box::new(move |_| {
                    let queue = Queue::bounded(PLACES);
                    runtime.block_on(async {
                        let puts = queue.clone();
                        let producer = tokio::spawn(async move {
                            for n in 0..items {
                                qput_aio(&puts, n, Block::Forever).await.expect("a place");
                            }
                        });
                        let mut sum = 0;
                        for _ in 0..items {
                            sum += qget_aio(&queue, Block::Forever).await.expect("an item");
                        }
                        producer.await.expect("no panic");
                        sum
                    })
                })
            },
            ..PLAIN
        },
        Contestant {
            about: "`mt.aio.qput_aio` and `qget_aio` on a `queue.Queue`, Python",
            prepare: |items| python::aio(&["queue-async"], items),
            ..PYTHON
        },
    ],
    ..TASK
};

/// A queue from a thread to a task.
pub(crate) const MIXED_QUEUE: Contest = Contest {
    id: "queue-sync",
    title: "items from a thread to a task, a queue of 64 places",
    item: "item",
    items: 20_000,
    smoke_items: 100,
    contestants: &[
        #[cfg(feature = "peers")]
        Contestant {
            name: "flume",
            about: "flume 0.12, `send` and `recv_async`",
            peer: true,
            prepare: |items| {
                let runtime = runtime();
                Box::new(move |_| {
                    let (sender, receiver) = flume::bounded(PLACES);
                    let producer = std::thread::spawn(move || (0..items).try_for_each(|n| sender.send(n)));
                    let sum = runtime.block_on(async {
                        let mut sum = 0;
                        while let Ok(n) = receiver.recv_async().await {
                            sum += n;
                        }
                        sum
                    });
                    producer.join().expect("no panic").expect("somebody gets");
                    sum
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`mt_aio::Queue::put` and `qget_aio`",
            goal: Some(Limit::Nanos(400.0)),
            prepare: |items| {
                let runtime = runtime();
                Box::new(move |_| {
                    let queue = Queue::bounded(PLACES);
                    let puts = queue.clone();
                    let producer = std::thread::spawn(move || (0..items).try_for_each(|n| puts.put(n)));
                    let sum = runtime.block_on(async {
                        let mut sum = 0;
                        for _ in 0..items {
                            sum += qget_aio(&queue, Block::Forever).await.expect("an item");
                        }
                        sum
                    });
                    producer.join().expect("no panic").expect("a place");
                    sum
                })
            },
            ..PLAIN
        },
        Contestant {
            about: "`queue.Queue.put` in a thread and `mt.aio.qget_aio`, Python",
            prepare: |items| python::aio(&["queue-sync"], items),
            ..PYTHON
        },
    ],
    ..TASK
};

/// Tasks that are nearly nothing.
pub(crate) const SMALL_TASKS: Contest = Contest {
    id: "tasks",
    title: "tasks that add 1, at most 1,024 at a time",
    item: "task",
    items: 20_000,
    smoke_items: 100,
    contestants: &[
        Contestant {
            name: "join-set",
            about: "`tokio::task::JoinSet`",
            prepare: |tasks| {
                let runtime = runtime();
                Box::new(move |_| {
                    let sum = Arc::new(AtomicU64::new(0));
                    runtime.block_on(async {
                        let mut set = JoinSet::new();
                        for _ in 0..tasks {
                            if set.len() >= AT_A_TIME {
                                set.join_next().await.expect("there is one").expect("no panic");
                            }
                            let sum = Arc::clone(&sum);
                            set.spawn(async move { _ = sum.fetch_add(1, Ordering::Relaxed) });
                        }
                        while set.join_next().await.is_some() {}
                    });
                    sum.load(Ordering::Relaxed)
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`mt_aio::AprocManager`",
            goal: Some(Limit::Times(1.2)),
            prepare: |tasks| {
                let runtime = runtime();
                Box::new(move |_| {
                    let sum = Arc::new(AtomicU64::new(0));
                    runtime.block_on(async {
                        let manager = AprocManager::new(AT_A_TIME, HandleException::Raise);
                        for _ in 0..tasks {
                            let sum = Arc::clone(&sum);
                            let aproc = async move { _ = sum.fetch_add(1, Ordering::Relaxed) };
                            manager.send(aproc).await.expect("no failure");
                        }
                        manager.cleanup().await.expect("no failure");
                    });
                    sum.load(Ordering::Relaxed)
                })
            },
            ..PLAIN
        },
        Contestant {
            about: "`mt.aio.AprocManager`, Python",
            prepare: |tasks| python::aio(&["tasks"], tasks),
            ..PYTHON
        },
    ],
    ..TASK
};

/// A process that answers.
pub(crate) const PROCESS: Contest = Contest {
    id: "bgprocess",
    title: "a message to a process that holds state, and its reply",
    item: "message",
    items: 100,
    smoke_items: 5,
    contestants: &[
        Contestant {
            name: "ours",
            about: "`mt_aio::BgProcess::send`",
            prepare: |messages| {
                let (runtime, process) = (runtime(), BgProcess::<Sum>::start(0).expect("started"));
                Box::new(move |_| {
                    runtime.block_on(async {
                        let before = process.send(0).await.expect("a reply");
                        for _ in 0..messages {
                            process.send(1).await.expect("a reply");
                        }
                        process.send(0).await.expect("a reply") - before
                    })
                })
            },
            ..PLAIN
        },
        Contestant {
            about: "`mt.aio.BgProcess.send`, Python, which looks for the reply every millisecond",
            prepare: |messages| python::aio(&["bgprocess"], messages),
            ..PYTHON
        },
    ],
    ..TASK
};

const PYTHON: Contestant = Contestant { name: "mt.aio", peer: true, missing: python::aio_missing, ..PLAIN };

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
