//! From nothing to the first result of a pool of one worker process.

use ori_background::ProcessPool;

use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit, Unit};
use crate::python;

const BALLAST: usize = 1 << 30;

/// In a program of ordinary size.
pub(crate) const SMALL: Contest = Contest {
    id: "pool-start",
    title: "from nothing to the first result of a pool of one worker process",
    contestants: &[
        OURS,
        #[cfg(feature = "peers")]
        PROCSPAWN,
        Contestant { prepare: |items| python::pool("start", 0, items), ..PYTHON },
    ],
    ..START
};

/// In a program that has much in memory.
pub(crate) const LARGE: Contest = Contest {
    id: "pool-start-1g",
    title: "the same in a program that holds 1 GiB of memory",
    ballast: BALLAST,
    contestants: &[
        OURS,
        #[cfg(feature = "peers")]
        PROCSPAWN,
        Contestant { prepare: |items| python::pool("start", BALLAST, items), ..PYTHON },
    ],
    ..START
};

const START: Contest = Contest { item: "start", items: 1, smoke_items: 1, unit: Unit::Time, ..TASK };

const OURS: Contestant = Contestant {
    name: "ours",
    about: "`ProcessPool::builder().max_workers(1).build()`, `submit(f, 0)`, `result`; ending the pool not counted",
    goal: Some(Limit::Nanos(2e6)),
    prepare: |_| {
        Box::new(|clock| {
            let pool = ProcessPool::builder().max_workers(1).build().expect("`main` begins with `init`");
            let result = pool.submit(|n: u64| n + 1, 0).result().expect("it adds");
            clock.aside(|| drop(pool));
            result
        })
    },
    ..PLAIN
};

#[cfg(feature = "peers")]
const PROCSPAWN: Contestant = Contestant {
    name: "procspawn",
    about: "procspawn 1.0 `Pool::new(1)`, `spawn(0, f)`, `join`; ending the pool not counted",
    peer: true,
    prepare: |_| {
        Box::new(|clock| {
            let pool = procspawn::Pool::new(1).expect("its worker starts");
            let result = pool.spawn(0, |n: u64| n + 1).join().expect("it adds");
            clock.aside(|| drop(pool));
            result
        })
    },
    ..PLAIN
};

const PYTHON: Contestant = Contestant {
    name: "python",
    about: "`ProcessPoolExecutor(max_workers=1)` of Python's standard library, `submit(f, 0).result()`; \
            ending the pool not counted",
    peer: true,
    missing: python::missing,
    ..PLAIN
};
