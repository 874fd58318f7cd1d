//! [`sync`] and its kin: a future's value, from code that is not async.

use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError, Result};
use tokio::runtime::Handle;

use crate::drive::drive;
use crate::place::{self, Place};
use crate::runtime::{helpers, runtime};

/// Runs a future to its end and gives its value, whatever the context of the caller.
///
/// The [crate's page](crate) has a table of where the future runs. The calling thread blocks until it is
/// ready; in a task that keeps the task from going on, so prefer `.await` where the caller is async.
///
/// Where the original takes an event loop as its second argument, there is [`sync_on`].
///
/// # Panics
/// When the future panics, with that panic. Never of its own accord.
///
/// ```
/// use std::time::Duration;
///
/// let value = ori_bridge::sync(async {
///     tokio::time::sleep(Duration::from_millis(1)).await;
///     // Borrowing and blocking are fine, and so is calling `sync` in `sync`.
///     ori_bridge::sync(async { 3 })
/// });
/// assert_eq!(value, 3);
/// ```
#[doc(alias = "block_on")]
#[doc(alias = "async_to_sync")]
pub fn sync<F>(future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    let (place, context) = place::find();
    run(place, or_ours(context.as_ref()), pin!(future))
}

/// As [`sync`], in the context of a runtime of yours: the future's timers, sockets and tasks belong to it.
///
/// A current-thread runtime has to be running on another thread for them to make progress.
///
/// # Panics
/// When the future panics, with that panic.
///
/// ```
/// let runtime = tokio::runtime::Runtime::new().unwrap();
/// let id = ori_bridge::sync_on(runtime.handle(), async { tokio::runtime::Handle::current().id() });
/// assert_eq!(id, runtime.handle().id());
/// ```
pub fn sync_on<F>(handle: &Handle, future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    run(place::find().0, Some(handle), pin!(future))
}

/// As [`sync`], for at most this long. The future is dropped when the limit passes.
///
/// A future that can never be ready, because it needs the very thread that this call blocks, becomes an
/// error too. One that blocks its thread without ever returning from a poll does not.
///
/// # Errors
/// `TimedOut` when the limit has passed; `Validation` for a limit of zero; `Spawn` when the runtime of
/// this crate, which has the timer, cannot be started.
///
/// # Panics
/// When the future panics, with that panic.
///
/// ```
/// use std::time::Duration;
///
/// let error = ori_bridge::sync_timeout(Duration::from_millis(1), std::future::pending::<()>()).unwrap_err();
/// assert!(error.is_timeout());
/// ```
pub fn sync_timeout<F>(limit: Duration, future: F) -> Result<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    if limit.is_zero() {
        return Err(OriError::new(ErrorKind::Validation, "sync_timeout: the limit must be longer than zero"));
    }
    // The caller's runtime may have no timers, or be the one that is blocked.
    let timers = runtime()?;
    let sleep = {
        let _context = timers.enter();
        tokio::time::sleep(limit)
    };
    sync(async move {
        let (mut future, mut sleep) = (pin!(future), pin!(sleep));
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            sleep.as_mut().poll(cx).map(|()| {
                Err(OriError::new(ErrorKind::TimedOut, format!("the future was not ready after {limit:?}")))
            })
        })
        .await
    })
}

/// As [`sync`], for a future that is not `Send` and must stay on this thread.
///
/// # Errors
/// `WouldDeadlock` in a current-thread runtime and in whatever runs on its threads, unless the first poll
/// gives the value: there the future could only go on elsewhere. It has been polled once then, and is
/// dropped.
///
/// # Panics
/// When the future panics, with that panic.
///
/// ```
/// use std::rc::Rc;
///
/// let shared = Rc::new(5);
/// assert_eq!(ori_bridge::sync_local(async { *shared }).unwrap(), 5);
/// ```
pub fn sync_local<F: Future>(future: F) -> Result<F::Output> {
    let mut future = pin!(future);
    let (place, context) = place::find();
    let context = or_ours(context.as_ref());
    match place {
        Place::Here => return Ok(drive(context, future)),
        Place::Ending => return Ok(drive(None, future)),
        // A task's budget does not grow again before it returns, and must not bind this future.
        Place::Elsewhere => return Ok(drive(context, pin!(tokio::task::unconstrained(future)))),
        Place::Worker => {
            if let Some(output) = block_in_place(|| drive(context, future.as_mut())) {
                return Ok(output);
            }
        }
        Place::OnlyElsewhere => {}
    }
    let _context = context.map(Handle::enter);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(OriError::new(
            ErrorKind::WouldDeadlock,
            "sync_local would block the current-thread runtime that it is called in; await the future, or \
             use sync if it is Send",
        )),
    }
}

fn run<F>(place: Place, context: Option<&Handle>, mut future: Pin<&mut F>) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    match place {
        Place::Here => return drive(context, future),
        Place::Ending => return drive(None, future),
        Place::Worker => {
            if let Some(output) = block_in_place(|| drive(context, future.as_mut())) {
                return output;
            }
        }
        Place::OnlyElsewhere => {
            event!(DEBUG, "runtime blocked", own_thread = place::on_scheduler_thread());
        }
        Place::Elsewhere => {}
    }
    let Some(helpers) = helpers() else {
        // Nothing can be started any more; in place is the best that is left.
        return drive(context, pin!(tokio::task::unconstrained(future)));
    };
    match helpers.run(|| drive(context, future)) {
        Ok(output) => output,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// The given runtime, or that of this crate. `None` where it cannot be started: futures that need no
/// runtime work all the same.
fn or_ours(context: Option<&Handle>) -> Option<&Handle> {
    context.or_else(|| runtime().ok())
}

/// Tells the runtime that this worker blocks. `None` where tokio refuses, before `f` has begun: a thread
/// that schedules for one runtime can be made to look like one of another by `Handle::enter`.
fn block_in_place<R>(f: impl FnOnce() -> R) -> Option<R> {
    let mut begun = false;
    let attempt = panic::catch_unwind(AssertUnwindSafe(|| {
        tokio::task::block_in_place(|| {
            begun = true;
            f()
        })
    }));
    match attempt {
        Ok(output) => Some(output),
        Err(payload) if begun => panic::resume_unwind(payload),
        Err(_) => None,
    }
}
