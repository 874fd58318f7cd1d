//! Calling a future from sync code.

use std::hint::black_box;

use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit};

/// Without a runtime.
pub(crate) const READY: Contest = Contest {
    id: "sync",
    title: "a future that is ready, called from a thread outside of any runtime",
    item: "call",
    items: 1_000,
    smoke_items: 10,
    contestants: &[
        Contestant {
            name: "tokio-block-on",
            about: "`block_on` of a tokio runtime that is kept",
            prepare: |calls| {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                Box::new(move |_| (0..calls).map(|_| runtime.block_on(async { black_box(1) })).sum())
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`ori_bridge::sync`",
            goal: Some(Limit::Nanos(100.0)),
            prepare: |calls| {
                Box::new(move |_| (0..calls).map(|_| ori_bridge::sync(async { black_box(1) })).sum())
            },
            ..PLAIN
        },
        Contestant {
            name: "tokio-new",
            about: "a new current-thread tokio runtime for each call",
            prepare: |calls| {
                Box::new(move |_| {
                    let new = || tokio::runtime::Builder::new_current_thread().enable_all().build();
                    (0..calls).map(|_| new().expect("a runtime").block_on(async { black_box(1) })).sum()
                })
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "pollster",
            about: "pollster 0.4 `block_on`: no timers, no sockets",
            peer: true,
            prepare: |calls| {
                Box::new(move |_| (0..calls).map(|_| pollster::block_on(async { black_box(1) })).sum())
            },
            ..PLAIN
        },
    ],
    ..TASK
};

/// In a task of a current-thread runtime, where the future has to run on another thread.
pub(crate) const CURRENT_THREAD: Contest = Contest {
    id: "sync-helper",
    title: "a future that is ready, called from inside a current-thread runtime",
    item: "call",
    items: 100,
    smoke_items: 10,
    contestants: &[
        Contestant {
            name: "scoped-thread",
            about: "`std::thread::scope` and `block_on` of a tokio runtime that is kept, on the new thread",
            prepare: |calls| {
                let (outer, inner) = (current_thread(), tokio::runtime::Runtime::new().expect("a runtime"));
                Box::new(move |_| {
                    outer.block_on(async {
                        let call = || {
                            std::thread::scope(|scope| {
                                scope
                                    .spawn(|| inner.block_on(async { black_box(1) }))
                                    .join()
                                    .expect("it does not panic")
                            })
                        };
                        (0..calls).map(|_| call()).sum()
                    })
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours",
            about: "`ori_bridge::sync`",
            goal: Some(Limit::Nanos(10_000.0)),
            prepare: |calls| {
                let outer = current_thread();
                Box::new(move |_| {
                    outer.block_on(async {
                        (0..calls).map(|_| ori_bridge::sync(async { black_box(1) })).sum()
                    })
                })
            },
            ..PLAIN
        },
    ],
    ..TASK
};

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}
