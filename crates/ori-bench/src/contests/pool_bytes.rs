//! 64 MiB to a worker process, and 64 MiB there and back.

use ori_background::ProcessPool;
use ori_worker::Payload;

use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit, Unit};
use crate::python;
use crate::raw::{Work, Worker};

const BYTES: u64 = 64 << 20;
const SMOKE_BYTES: u64 = 256 << 10;

/// The worker answers with a number.
pub(crate) const ONE_WAY: Contest = Contest {
    id: "pool-bytes",
    title: "64 MiB to a worker process, which answers with their number",
    items: BYTES,
    smoke_items: SMOKE_BYTES,
    contestants: &[
        Contestant {
            name: "raw",
            about: "`write_all` to a socket pair; the worker reads into memory that it has used before",
            prepare: |bytes| {
                let (mut worker, data) = (Worker::start(Work::Length), data(bytes));
                Box::new(move |_| {
                    let mut length = 0;
                    worker.send(&data);
                    worker.receive(|body| length = crate::raw::numbers(body).sum());
                    length
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`ProcessPool::submit(f, Payload)`",
            goal: Some(Limit::Rate(2e9)),
            prepare: |bytes| {
                let (pool, data) = (pool(), Payload::from(data(bytes)));
                Box::new(move |_| {
                    pool.submit(|data: Payload| data.len() as u64, data.clone()).result().expect("it counts")
                })
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "procspawn",
            about: "procspawn 1.0 `Pool::spawn` with a `serde_bytes::ByteBuf`",
            peer: true,
            prepare: |bytes| {
                let (pool, data) = (procspawn_pool(), serde_bytes::ByteBuf::from(data(bytes)));
                Box::new(move |clock| {
                    // It takes the bytes by value.
                    let data = clock.aside(|| data.clone());
                    pool.spawn(data, |data| data.len() as u64).join().expect("it counts")
                })
            },
            ..PLAIN
        },
        Contestant { prepare: |bytes| python::pool("one-way", bytes as usize, bytes), ..PYTHON },
    ],
    ..BYTE
};

/// The worker gives them back.
pub(crate) const BOTH_WAYS: Contest = Contest {
    id: "pool-echo",
    title: "64 MiB to a worker process and back: 128 MiB a run",
    items: 2 * BYTES,
    smoke_items: 2 * SMOKE_BYTES,
    contestants: &[
        Contestant {
            name: "raw",
            about: "`write_all` to a socket pair in both directions, all memory used before",
            prepare: |bytes| {
                let (mut worker, data) = (Worker::start(Work::Echo), data(bytes / 2));
                Box::new(move |_| {
                    let mut length = 0;
                    worker.send(&data);
                    worker.receive(|body| length = body.len() as u64);
                    length * 2
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`ProcessPool::submit(f, Payload)`, whose result is a `Payload`",
            goal: Some(Limit::Rate(2e9)),
            prepare: |bytes| {
                let (pool, data) = (pool(), Payload::from(data(bytes / 2)));
                Box::new(move |_| {
                    let back =
                        pool.submit(|data: Payload| data, data.clone()).result().expect("it comes back");
                    back.len() as u64 * 2
                })
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "procspawn",
            about: "procspawn 1.0 `Pool::spawn` with a `serde_bytes::ByteBuf`, which comes back",
            peer: true,
            prepare: |bytes| {
                let (pool, data) = (procspawn_pool(), serde_bytes::ByteBuf::from(data(bytes / 2)));
                Box::new(move |clock| {
                    let data = clock.aside(|| data.clone());
                    pool.spawn(data, |data| data).join().expect("it comes back").len() as u64 * 2
                })
            },
            ..PLAIN
        },
        Contestant { prepare: |bytes| python::pool("both-ways", bytes as usize / 2, bytes / 2), ..PYTHON },
    ],
    ..BYTE
};

const BYTE: Contest = Contest { item: "byte", unit: Unit::Bytes, ..TASK };
const PYTHON: Contestant = Contestant {
    name: "python",
    about: "`ProcessPoolExecutor.submit(f, bytes)` of Python's standard library",
    peer: true,
    missing: python::missing,
    ..PLAIN
};

fn data(bytes: u64) -> Vec<u8> {
    vec![7; bytes as usize]
}

fn pool() -> ProcessPool {
    ProcessPool::builder().max_workers(1).build().expect("`main` begins with `init`")
}

#[cfg(feature = "peers")]
fn procspawn_pool() -> procspawn::Pool {
    procspawn::Pool::new(1).expect("its worker starts")
}
