//! Waiting for a future on this thread, where there may be no runtime, or one that must not be
//! entered again.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Blocks the thread until the future is ready. For futures that need no runtime, such as those of
/// locks and semaphores; unlike tokio's own blocking calls it works inside a runtime as well.
pub(crate) fn wait_here<T>(future: impl Future<Output = T>) -> T {
    let forever = wait_until(None, future);
    forever.expect("there is no moment to give up")
}

/// [`wait_here`] for at most `limit`.
pub(crate) fn wait_here_for<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    // A moment too far away to be expressed never comes.
    wait_until(Instant::now().checked_add(limit), future)
}

fn wait_until<T>(end: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Arc::new(Unpark(thread::current())).into();
    let mut task = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut task) {
            return Some(value);
        }
        match end.map(|end| end.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}
