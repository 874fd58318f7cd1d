//! Every kind of context that sync code can find itself in.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_blocking, spawn_local};

/// Something that is done in each context.
pub(crate) type Job = Arc<dyn Fn() + Send + Sync>;

pub(crate) fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

pub(crate) fn one_worker() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub(crate) fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The context's name, and what does a job in it.
pub(crate) type Kind = (&'static str, fn(Job));

pub(crate) const ALL: [Kind; 20] = [
    ("no runtime", |job| job()),
    ("task of a multi-thread runtime", |job| {
        let runtime = multi_thread();
        runtime.block_on(runtime.spawn(async move { job() })).unwrap();
    }),
    ("task of a runtime with one worker", |job| {
        let runtime = one_worker();
        runtime.block_on(runtime.spawn(async move { job() })).unwrap();
    }),
    ("task of a runtime without drivers", |job| {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        // What the job needs of a runtime it can get of the bridge's own.
        let job = move || ori_bridge::sync_on(ori_bridge::runtime().unwrap(), async { job() });
        runtime.block_on(runtime.spawn(async move { job() })).unwrap();
    }),
    ("block_on of a multi-thread runtime", |job| multi_thread().block_on(async { job() })),
    ("block_on of a current-thread runtime", |job| current_thread().block_on(async { job() })),
    ("task of a current-thread runtime", |job| {
        let runtime = current_thread();
        runtime.block_on(runtime.spawn(async move { job() })).unwrap();
    }),
    ("task of a current-thread runtime that has used up its budget", |job| {
        let runtime = current_thread();
        let task = runtime.spawn(async move {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            for _ in 0..200 {
                sender.send(()).unwrap();
            }
            while tokio::task::coop::has_budget_remaining() {
                receiver.try_recv().unwrap();
                tokio::task::coop::consume_budget().await;
            }
            job();
        });
        runtime.block_on(task).unwrap();
    }),
    ("spawn_blocking of a multi-thread runtime", |job| {
        multi_thread().block_on(async { spawn_blocking(move || job()).await.unwrap() });
    }),
    ("spawn_blocking of a current-thread runtime", |job| {
        current_thread().block_on(async { spawn_blocking(move || job()).await.unwrap() });
    }),
    ("LocalSet of a multi-thread runtime", |job| {
        LocalSet::new().block_on(&multi_thread(), async { job() });
    }),
    ("LocalSet of a current-thread runtime", |job| {
        LocalSet::new().block_on(&current_thread(), async { job() });
    }),
    ("local task of a multi-thread runtime", |job| {
        let local = async { spawn_local(async move { job() }).await.unwrap() };
        LocalSet::new().block_on(&multi_thread(), local);
    }),
    ("local task of a current-thread runtime", |job| {
        let local = async { spawn_local(async move { job() }).await.unwrap() };
        LocalSet::new().block_on(&current_thread(), local);
    }),
    ("block_in_place", |job| {
        let runtime = one_worker();
        runtime.block_on(runtime.spawn(async move { tokio::task::block_in_place(|| job()) })).unwrap();
    }),
    ("inside another sync", |job| ori_bridge::sync(async move { job() })),
    ("inside a sync in a current-thread runtime", |job| {
        current_thread().block_on(async { ori_bridge::sync(async move { job() }) });
    }),
    ("inside another runtime's future", |job| {
        futures_lite::future::block_on(async { job() });
    }),
    ("inside a current-thread runtime inside a sync", |job| {
        ori_bridge::sync(async { current_thread().block_on(async { job() }) });
    }),
    ("a runtime entered and not run", |job| {
        let runtime = multi_thread();
        let _context = runtime.enter();
        job();
    }),
];

/// Here tokio says one thing and the thread is another. It prints the refusal of tokio.
pub(crate) const MISLEADING: Kind = ("a current-thread runtime's thread that has entered another", |job| {
    let other = multi_thread();
    let handle = other.handle().clone();
    current_thread().block_on(async move {
        let _context = handle.enter();
        job();
    });
    other.shutdown_background();
});
