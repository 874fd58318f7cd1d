//! The promises of ori-bridge, through its public API.

mod contexts;
mod matrix;
mod panics;
mod portal;
mod sync;
mod unblock;

use std::time::Duration;

/// No test waits longer than this for anything: a hang is a failure.
const LIMIT: Duration = Duration::from_secs(30);
