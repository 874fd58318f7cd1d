//! What chains of thread pools promise, one file a topic, each test named after its promise and
//! under a deadline, so that a hang is a failure.

use std::time::Duration;

#[cfg(feature = "async")]
mod async_failures;
#[cfg(feature = "async")]
mod async_stages;
#[cfg(feature = "async")]
mod streams;

/// No test comes near it, also on a busy machine: who reaches it hangs.
const LIMIT: Duration = Duration::from_secs(60);
