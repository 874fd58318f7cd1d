//! The one runtime that is shared by all who have none.

use std::sync::OnceLock;

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError, Result};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::sys::Helpers;

static BRIDGE: OnceLock<Bridge> = OnceLock::new();

struct Bridge {
    runtime: Runtime,
    helpers: Helpers,
}

fn bridge() -> Result<&'static Bridge> {
    if let Some(bridge) = BRIDGE.get() {
        return Ok(bridge);
    }
    let runtime = Builder::new_multi_thread().thread_name("ori-bridge").enable_all().build();
    let runtime = runtime.map_err(|error| {
        OriError::new(ErrorKind::Spawn, "the async runtime of ori-bridge cannot be started")
            .with_source(error)
    })?;
    if let Err(second) = BRIDGE.set(Bridge { runtime, helpers: Helpers::new() }) {
        // Another thread was faster. This may be an async context, where waiting is not allowed.
        second.runtime.shutdown_background();
    } else {
        event!(DEBUG, "runtime started");
    }
    Ok(BRIDGE.get().expect("it was set, by this thread or by a faster one"))
}

/// The runtime of this crate: multi-thread, with timers and I/O, started by the first call that needs
/// it and never shut down.
///
/// # Errors
/// `Spawn` when its threads or its poller cannot be created. The next call tries again.
///
/// ```
/// # fn main() -> ori_bridge::Result<()> {
/// let task = ori_bridge::runtime()?.spawn(async { 1 + 1 });
/// assert_eq!(ori_bridge::sync(task).unwrap(), 2);
/// # Ok(())
/// # }
/// ```
pub fn runtime() -> Result<&'static Handle> {
    bridge().map(|bridge| bridge.runtime.handle())
}

/// The helper threads; they need no runtime, but belong to it.
pub(crate) fn helpers() -> Option<&'static Helpers> {
    bridge().ok().map(|bridge| &bridge.helpers)
}
