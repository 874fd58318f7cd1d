//! Polling a future to its end on this thread, which is free to block.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::Handle;

use crate::place::Free;

/// Polls `future` in the context of a runtime until it is ready, and parks in between.
///
/// This and not tokio's `block_on`, which marks the thread as one that may not block: a runtime could
/// then not be dropped inside.
pub(crate) fn drive<F: Future>(context: Option<&Handle>, mut future: Pin<&mut F>) -> F::Output {
    let _context = context.map(|handle| (handle.enter(), Free::mark(handle.id())));
    // Many futures are ready at once: for them no waker is made.
    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return output;
    }
    // A waker of its own for each call: calls nest, and one must not take the wake-up of another.
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        while !unpark.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}
