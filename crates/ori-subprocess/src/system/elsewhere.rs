//! Where there are no process groups.

use std::io::{self, PipeReader};
use std::num::NonZero;
use std::process::{Command, ExitStatus};

use crate::pump::Reader;

pub(crate) const HAS_GROUPS: bool = false;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pid(NonZero<i32>);

impl Pid {
    pub(crate) fn from_raw(id: i32) -> Option<Self> {
        NonZero::new(id).map(Self)
    }

    pub(crate) fn as_raw_nonzero(self) -> NonZero<i32> {
        self.0
    }
}

#[expect(clippy::upper_case_acronyms, reason = "the names that rustix has")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    TERM,
    CONT,
    KILL,
}

pub(crate) fn kill_process_group(_group: Pid, _signal: Signal) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn test_kill_process_group(_group: Pid) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn lead_group(_command: &mut Command) {}

pub(crate) fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}

pub(crate) fn reader(_pipe: PipeReader) -> io::Result<Reader> {
    Err(io::ErrorKind::Unsupported.into())
}
