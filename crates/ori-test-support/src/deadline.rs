//! [`wait_until`] and [`within`]: nothing in a test waits without a limit.

use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Waits until `condition` holds; asks every 200 µs.
///
/// # Panics
/// When `limit` has passed, with the line of the caller.
///
/// ```
/// # use std::time::Duration;
/// let worker = std::thread::spawn(|| ());
/// ori_test_support::wait_until(Duration::from_secs(10), || worker.is_finished());
/// ```
#[track_caller]
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "the condition did not hold within {limit:?}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Runs `f` on a thread of its own and gives its value: a hang becomes a failure.
///
/// The thread of a hanging `f` is left behind. A panic of `f` goes on in the caller.
///
/// # Panics
/// When `f` panics, and when `limit` has passed, with the line of the caller.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(ori_test_support::within(Duration::from_secs(10), || 7), 7);
/// ```
#[track_caller]
pub fn within<R: Send + 'static>(limit: Duration, f: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        // The receiver is gone only when the limit passed, and then nobody wants the value.
        let _ = sender.send(f());
    });
    match receiver.recv_timeout(limit) {
        Ok(value) => {
            // The value is here, so the thread is at its end: afterwards it is in no counter.
            let _ = thread.join();
            value
        }
        Err(RecvTimeoutError::Timeout) => panic!("still running after {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(payload) => panic::resume_unwind(payload),
            Ok(()) => unreachable!("a thread that did not panic has sent its value"),
        },
    }
}
