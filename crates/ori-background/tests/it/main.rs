//! What threads and futures promise, each under its own name.

ori_worker::test_worker!();

mod background;
mod executors;
mod future;
mod group;
mod limits;
mod pool;
mod process;
mod shutdown;
mod stress;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ori_background::{BackgroundFuture, ThreadPool};

/// No wait in a test that succeeds comes near it.
const LONG: Duration = Duration::from_secs(30);

fn pool(workers: usize) -> ThreadPool {
    ThreadPool::builder().max_workers(workers).build().unwrap()
}

/// A task that runs until its gate is dropped.
fn blocker(pool: &ThreadPool) -> (Sender<()>, BackgroundFuture<()>) {
    let (gate, closed): (Sender<()>, Receiver<()>) = channel();
    let future = pool.submit(move || {
        let _ = closed.recv();
    });
    ori_test_support::wait_until(LONG, || future.is_running());
    (gate, future)
}
