//! [`unblock`]: sync code from async code, off the runtime's threads.

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use tokio::runtime::Handle;

use crate::place::Free;
use crate::runtime::runtime;

/// Runs a function that blocks, and gives its value, without blocking a thread of the runtime.
///
/// It runs on a blocking thread of the current tokio runtime, or of the [runtime](crate::runtime()) of this
/// crate where there is none: so it can be awaited in any runtime. Inside, [`sync`](crate::sync) is cheap and
/// may wait for anything, also for tasks of a current-thread runtime that awaits this.
///
/// # Errors
/// `Panicked` when `f` panics, with its message and place. `Cancelled` when the runtime was shut down before
/// `f` began. `Spawn` when there is no runtime and none can be started.
///
/// # Cancel safety
/// Nothing runs before the first poll. Dropping the future afterwards does not block and does not stop `f`,
/// which cannot be stopped; its value is dropped on its thread.
///
/// ```
/// # ori_bridge::sync(async {
/// let text = ori_bridge::unblock(|| std::fs::read_to_string("Cargo.toml")).await?.unwrap();
/// assert!(text.contains("[package]"));
/// # Ok::<(), ori_bridge::OriError>(())
/// # }).unwrap();
/// ```
#[doc(alias = "spawn_blocking")]
#[doc(alias = "sync_to_async")]
#[doc(alias = "to_thread")]
pub async fn unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let handle = match Handle::try_current() {
        Ok(handle) => handle,
        Err(_) => runtime()?.clone(),
    };
    let context = handle.id();
    let task = handle.spawn_blocking(move || {
        let _free = Free::mark(context);
        catch_panic(f)
    });
    task.await.unwrap_or_else(|_| {
        Err(OriError::new(ErrorKind::Cancelled, "the runtime was shut down before the function began"))
    })
}
