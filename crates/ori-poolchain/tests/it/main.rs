//! What chains promise, one file a topic, each test named after its promise and
//! under a deadline, so that a hang is a failure.

ori_worker::test_worker!();

use std::time::Duration;

#[cfg(feature = "async")]
mod async_failures;
#[cfg(feature = "async")]
mod async_stages;
mod cost;
mod drops;
mod executor;
mod locks;
#[cfg(feature = "async")]
mod mixed;
mod order;
mod process_deaths;
mod process_runs;
#[cfg(all(unix, feature = "progress"))]
mod progress;
mod property;
#[cfg(feature = "trace")]
mod recorder;
mod source;
mod statistics;
mod stopping;
#[cfg(feature = "async")]
mod streams;
mod time_limit;
mod timely;
mod validation;
mod window;
mod workers;

/// No test comes near it, also on a busy machine: who reaches it hangs.
const LIMIT: Duration = Duration::from_secs(60);
