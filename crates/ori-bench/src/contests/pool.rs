//! Numbers through two worker processes: one by one, many on their way, in batches; and work that
//! keeps both busy.

use std::hint::black_box;
use std::sync::LazyLock;

use ori_background::ProcessPool;
use ori_poolchain::PoolChain;

use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit, Run, Unit};
use crate::load::{iterations_for, mix};
use crate::python;
use crate::raw::{Work, Worker, numbers};

const WORKERS: usize = 2;
/// Numbers in a batch.
const BATCH: u64 = 100;
/// Frames that the raw worker may have at a time: more bring nothing.
const WINDOW: usize = 64;

/// One call at a time.
pub(crate) const SERIAL: Contest = Contest {
    id: "pool-serial",
    title: "one call in a worker process after the other: a number there and back",
    item: "round trip",
    items: 2_000,
    smoke_items: 20,
    unit: Unit::Rate,
    contestants: &[
        Contestant {
            name: "raw",
            about: "frames on a socket pair, blocking calls, nothing else: the limit",
            prepare: |items| {
                let mut worker = Worker::start(Work::AddOne);
                Box::new(move |_| {
                    let mut sum = 0;
                    for n in 0..items {
                        worker.send(&n.to_le_bytes());
                        worker.receive(|body| sum += numbers(body).sum::<u64>());
                    }
                    sum
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`ProcessPool::submit(f, n).result()`",
            goal: Some(Limit::Share(0.85)),
            prepare: |items| {
                let pool = pool();
                Box::new(move |_| {
                    (0..items).map(|n| pool.submit(add_one, n).result().expect("it adds")).sum()
                })
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "procspawn",
            about: "procspawn 1.0 `Pool::spawn(n, f).join()`",
            peer: true,
            prepare: |items| {
                let pool = peers::pool();
                Box::new(move |_| (0..items).map(|n| pool.spawn(n, add_one).join().expect("it adds")).sum())
            },
            ..PLAIN
        },
        python("`ProcessPoolExecutor.submit(f, n).result()` of Python's standard library", |items| {
            python::pool("serial", 0, items)
        }),
    ],
    ..TASK
};

/// All calls begun before the first result is asked for.
pub(crate) const PIPELINED: Contest = Contest {
    id: "pool-pipelined",
    title: "many calls on their way, each with its own future",
    item: "call",
    items: 10_000,
    smoke_items: 50,
    unit: Unit::Rate,
    contestants: &[
        Contestant {
            name: "raw",
            about: "two workers, a frame and a `write` for each number in both directions, 64 on their way to each",
            prepare: |items| raw(items, 1),
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`ProcessPool::submit` for all of them, then `result` of each",
            goal: Some(Limit::Share(0.75)),
            prepare: |items| {
                let pool = pool();
                Box::new(move |_| {
                    let futures: Vec<_> = (0..items).map(|n| pool.submit(add_one, n)).collect();
                    futures.into_iter().map(|future| future.result().expect("it adds")).sum()
                })
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "procspawn",
            about: "procspawn 1.0 `Pool::spawn` with 64 on their way, `join` of each in order",
            peer: true,
            prepare: |items| {
                let pool = peers::pool();
                Box::new(move |_| peers::windowed(&pool, 0..items, add_one).sum())
            },
            ..PLAIN
        },
        python("`ProcessPoolExecutor.submit` for all of them, then `result` of each", |items| {
            python::pool("pipelined", 0, items)
        }),
    ],
    ..TASK
};

/// Batches of 100, or as many as the pool finds right.
pub(crate) const BATCHES: Contest = Contest {
    id: "pool-batches",
    title: "numbers in batches of 100, and in batches of the pool's own choice",
    item: "item",
    items: 500_000,
    smoke_items: 1_000,
    unit: Unit::Rate,
    contestants: &[
        Contestant {
            name: "raw-100",
            about: "two workers, a frame and a `write` for 100 numbers in both directions",
            prepare: |items| raw(items, BATCH),
            ..PLAIN
        },
        Contestant {
            name: "ours-100",
            about: "`PoolChain::add_processpool(f).chunksize(100)`, `execute_lazy`",
            goal: Some(Limit::Share(0.4)),
            prepare: |items| {
                chained(PoolChain::new().add_processpool(add_one).chunksize(BATCH as usize), items)
            },
            ..PLAIN
        },
        Contestant {
            name: "ours-vec-100",
            about: "`ProcessPool::submit(f, numbers)` with 100 numbers in a `Vec`, for all of them",
            prepare: |items| {
                let pool = pool();
                Box::new(move |_| {
                    let futures: Vec<_> = batches(items).map(|batch| pool.submit(add_ones, batch)).collect();
                    let results = futures.into_iter().map(|future| future.result().expect("it adds"));
                    results.map(|numbers| numbers.iter().sum::<u64>()).sum()
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`PoolChain::add_processpool(f)`, `execute_lazy`: the chain chooses",
            goal: Some(Limit::Rate(10e6)),
            prepare: |items| chained(PoolChain::new().add_processpool(add_one), items),
            ..PLAIN
        },
        Contestant {
            name: "ours-map",
            about: "`ProcessPool::map(f, numbers)`: the pool chooses",
            goal: Some(Limit::Rate(10e6)),
            prepare: |items| {
                let pool = pool();
                Box::new(move |_| pool.map(add_one, 0..items).map(|result| result.expect("it adds")).sum())
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "procspawn-100",
            about: "procspawn 1.0 `Pool::spawn` with 100 numbers in a `Vec`, 64 of them on their way",
            peer: true,
            prepare: |items| {
                let pool = peers::pool();
                Box::new(move |_| {
                    let results = peers::windowed(&pool, batches(items), add_ones);
                    results.map(|numbers| numbers.iter().sum::<u64>()).sum()
                })
            },
            ..PLAIN
        },
        python("`ProcessPoolExecutor.map(f, numbers, chunksize=100)`", |items| {
            python::pool("batches", 0, items)
        }),
    ],
    ..TASK
};

/// Computing that is long beside the way to a worker.
pub(crate) const LONG: Contest = Contest {
    id: "pool-1ms",
    title: "two worker processes that compute, 1 ms an item",
    items: 200,
    smoke_items: 4,
    contestants: &[
        Contestant { prepare: |items| sequential(items, *MILLISECOND), ..SEQUENTIAL },
        Contestant {
            goal: Some(Limit::Efficiency(95.0)),
            prepare: |items| computing(items, *MILLISECOND),
            ..OURS
        },
        #[cfg(feature = "peers")]
        Contestant { prepare: |items| peers::computing(items, *MILLISECOND), ..peers::PROCSPAWN },
    ],
    ..COMPUTING
};

/// Computing that is short beside the way to a worker.
pub(crate) const SHORT: Contest = Contest {
    id: "pool-10us",
    title: "two worker processes that compute, 10 µs an item",
    items: 20_000,
    smoke_items: 100,
    contestants: &[
        Contestant { prepare: |items| sequential(items, *TEN_MICROS), ..SEQUENTIAL },
        Contestant {
            goal: Some(Limit::Efficiency(90.0)),
            prepare: |items| computing(items, *TEN_MICROS),
            ..OURS
        },
        #[cfg(feature = "peers")]
        Contestant { prepare: |items| peers::computing(items, *TEN_MICROS), ..peers::PROCSPAWN },
    ],
    ..COMPUTING
};

const COMPUTING: Contest = Contest { item: "item", unit: Unit::Efficiency(WORKERS as u32), ..TASK };
const SEQUENTIAL: Contestant = Contestant { name: "loop", about: "a plain loop in this process", ..PLAIN };
const OURS: Contestant =
    Contestant { name: "ours", about: "`ProcessPool::map(f, items)`, two workers", ..PLAIN };

const fn python(about: &'static str, prepare: fn(u64) -> Run) -> Contestant {
    Contestant { name: "python", about, peer: true, missing: python::missing, prepare, ..PLAIN }
}

fn pool() -> ProcessPool {
    ProcessPool::builder().max_workers(WORKERS).build().expect("`main` begins with `init`")
}

fn add_one(n: u64) -> u64 {
    n + 1
}

#[expect(clippy::needless_pass_by_value, reason = "a worker owns what it is sent")]
fn add_ones(numbers: Vec<u64>) -> Vec<u64> {
    numbers.iter().map(|n| n + 1).collect()
}

fn chained(chain: PoolChain<u64, u64>, items: u64) -> Run {
    let chain = chain.max_workers(WORKERS);
    Box::new(move |_| {
        let results = chain.execute_lazy(0..items).expect("the chain is sound");
        results.map(|result| result.expect("it adds")).sum()
    })
}

fn batches(items: u64) -> impl Iterator<Item = Vec<u64>> {
    (0..items).step_by(BATCH as usize).map(move |first| (first..items.min(first + BATCH)).collect())
}

/// Both raw workers always have something to do, and whoever reads takes all that is there.
fn raw(items: u64, batch: u64) -> Run {
    let mut workers = [Worker::start(Work::AddOne), Worker::start(Work::AddOne)];
    Box::new(move |_| {
        let mut frames = (0..items).step_by(batch as usize);
        let mut body = Vec::new();
        let mut send = move |worker: &mut Worker| {
            frames.next().is_some_and(|first| {
                body.clear();
                body.extend((first..items.min(first + batch)).flat_map(u64::to_le_bytes));
                worker.send(&body);
                true
            })
        };
        let mut waiting = [0; WORKERS];
        for (worker, waiting) in workers.iter_mut().zip(&mut waiting) {
            while *waiting < WINDOW && send(worker) {
                *waiting += 1;
            }
        }
        let mut sum = 0;
        while waiting != [0; WORKERS] {
            for (worker, waiting) in workers.iter_mut().zip(&mut waiting).filter(|(_, waiting)| **waiting > 0)
            {
                let received = worker.receive(|body| sum += numbers(body).sum::<u64>());
                let sent = (0..received).take_while(|_| send(worker)).count();
                *waiting = *waiting - received + sent;
            }
        }
        sum
    })
}

/// Rounds of mixing, measured once: everybody does the same.
static MILLISECOND: LazyLock<u32> = LazyLock::new(|| iterations_for(1e6));
static TEN_MICROS: LazyLock<u32> = LazyLock::new(|| iterations_for(1e4));

/// An item, and how many rounds of mixing it costs.
type Computed = (u64, u32);

fn compute((item, iterations): Computed) -> u64 {
    mix(item, iterations)
}

fn to_compute(items: u64, iterations: u32) -> impl Iterator<Item = Computed> + Clone {
    (0..items).map(move |item| (item, iterations))
}

fn sequential(items: u64, iterations: u32) -> Run {
    let items = to_compute(items, iterations);
    Box::new(move |_| items.clone().map(|item| compute(black_box(item))).fold(0, u64::wrapping_add))
}

fn computing(items: u64, iterations: u32) -> Run {
    let (pool, items) = (pool(), to_compute(items, iterations));
    Box::new(move |_| {
        let results = pool.map(compute, items.clone()).map(|result| result.expect("it computes"));
        results.fold(0, u64::wrapping_add)
    })
}

#[cfg(feature = "peers")]
mod peers {
    use std::collections::VecDeque;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::{Contestant, PLAIN, Run, WINDOW, WORKERS, compute, to_compute};

    pub(super) const PROCSPAWN: Contestant = Contestant {
        name: "procspawn",
        about: "procspawn 1.0 `Pool::spawn` with 64 on their way, `join` of each in order",
        peer: true,
        ..PLAIN
    };

    pub(super) fn pool() -> procspawn::Pool {
        procspawn::Pool::new(WORKERS).expect("its workers start")
    }

    /// The results in order, with so many on their way that both workers always have something to do:
    /// each takes descriptors of this process until it is joined.
    pub(super) fn windowed<'a, A, R>(
        pool: &'a procspawn::Pool,
        mut items: impl Iterator<Item = A> + 'a,
        f: fn(A) -> R,
    ) -> impl Iterator<Item = R> + 'a
    where
        A: Serialize + DeserializeOwned + 'a,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        let mut handles = VecDeque::new();
        std::iter::from_fn(move || {
            while handles.len() < WINDOW {
                let Some(item) = items.next() else { break };
                handles.push_back(pool.spawn(item, f));
            }
            handles.pop_front().map(|handle| handle.join().expect("it does not fail"))
        })
    }

    pub(super) fn computing(items: u64, iterations: u32) -> Run {
        let (pool, items) = (pool(), to_compute(items, iterations));
        Box::new(move |_| windowed(&pool, items.clone(), compute).fold(0, u64::wrapping_add))
    }
}
