//! Unix, by rustix and the standard library.

use std::io::{self, PipeReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};

use async_io::Async;
pub(crate) use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::pump::Reader;

pub(crate) const HAS_GROUPS: bool = true;

/// Makes the command the leader of a group of its own.
pub(crate) fn lead_group(command: &mut Command) {
    command.process_group(0);
}

/// The signal that ended the process, if one did.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// The pipe, to be read without blocking.
pub(crate) fn reader(pipe: PipeReader) -> io::Result<Reader> {
    Ok(Box::pin(Async::new(pipe)?))
}
