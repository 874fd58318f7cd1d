//! Where a future can be polled from here: in place, or elsewhere.
//!
//! What tokio says about the current thread is not enough to know whether it may block:
//! `block_in_place` panics in a `LocalSet`, `block_on` panics in a task, and a waker of `yield_now` is
//! never woken on the thread that a current-thread runtime is blocked on. So this asks what can be
//! asked, and says `Elsewhere` when in doubt, which is always right.

use std::cell::Cell;
use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::{Handle, Id, RuntimeFlavor};

thread_local! {
    /// The runtime in whose context this thread is, while it is known that it may block.
    static FREE: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Where a future is to be polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this thread.
    Here,
    /// On this thread, which is ending and has no place for a context any more.
    Ending,
    /// On this thread, by `block_in_place`: it is a worker of a multi-thread runtime.
    Worker,
    /// On another thread, though this one would do if the future must stay.
    Elsewhere,
    /// On another thread: on this one it could hang.
    OnlyElsewhere,
}

/// Where a future is to be polled, and the runtime that it is to be polled in the context of. `None`
/// stands for the runtime of this crate.
pub(crate) fn find() -> (Place, Option<Handle>) {
    let current = match Handle::try_current() {
        Ok(current) => current,
        Err(error) if error.is_thread_local_destroyed() => return (Place::Ending, None),
        Err(_) => return (Place::Here, None),
    };
    if FREE.get() == Some(current.id()) {
        return (Place::Here, Some(current));
    }
    if current.runtime_flavor() != RuntimeFlavor::MultiThread {
        // Its timers and tasks stand still while its thread is blocked: the future gets other ones.
        return (Place::OnlyElsewhere, None);
    }
    let place = if on_scheduler_thread() { Place::Worker } else { Place::Elsewhere };
    (place, Some(current))
}

/// Whether a runtime schedules tasks on this very thread and is waiting for us to return.
///
/// That is what the waker of `yield_now` tells: a scheduler keeps it until the task has returned, and
/// without a scheduler it is woken at once.
pub(crate) fn on_scheduler_thread() -> bool {
    #[derive(Debug)]
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let polled = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
    matches!(polled, Poll::Pending) && !woken.0.load(Ordering::Relaxed)
}

/// While it lives, this thread is known to be free to block in the context of that runtime.
pub(crate) struct Free {
    before: Option<Id>,
}

impl Free {
    pub(crate) fn mark(context: Id) -> Self {
        Self { before: FREE.replace(Some(context)) }
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        FREE.set(self.before);
    }
}
