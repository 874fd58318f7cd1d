//! Waiting on purpose: [`sleep`] and [`yield_control`].

use std::time::Duration;

use crate::Context;

/// Sleeps: the thread in sync mode, the task alone in async mode.
///
/// # Panics
/// In async mode outside a tokio runtime, or in one without a timer.
///
/// # Cancel safety
/// Nothing happens when it is dropped.
///
/// ```
/// use std::time::Duration;
/// use mt_aio::{OriError, sleep, srun};
///
/// srun(async |cx| Ok::<_, OriError>(sleep(Duration::from_millis(1), cx).await)).unwrap();
/// ```
pub async fn sleep(duration: Duration, cx: &Context) {
    if cx.is_async() {
        tokio::time::sleep(duration).await;
    } else {
        std::thread::sleep(duration);
    }
}

/// Lets the other tasks of the runtime run, once.
///
/// Takes no context, as in the original, and always suspends: in a function that runs in sync mode
/// call it only where [`Context::is_async`] says so, or [`srun`](crate::srun) gives
/// [`Suspended`](crate::Suspended).
///
/// # Cancel safety
/// Nothing happens when it is dropped.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// runtime.block_on(async {
///     let other = tokio::spawn(async { 1 });
///     mt_aio::yield_control().await;
///     assert!(other.is_finished());
/// });
/// ```
pub async fn yield_control() {
    tokio::task::yield_now().await;
}
