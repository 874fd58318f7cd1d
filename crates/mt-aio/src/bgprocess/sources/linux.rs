//! All in one poll.

use std::io::{self, PipeReader};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::super::output::Output;
use super::Ready;

/// Wakes the postman.
#[derive(Debug)]
pub(in super::super) struct Bell(OwnedFd);

impl Bell {
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(in super::super) fn ring(&self) {
        // Fails only when the bell has been rung 2⁶⁴ times.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// The end of a process, to be waited for.
#[derive(Debug)]
pub(in super::super) struct End(OwnedFd);

impl End {
    /// `None` where the process has ended already.
    pub(in super::super) fn of(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        pidfd_open(pid, PidfdFlags::empty()).ok().map(Self)
    }
}

/// Waits until there is something to do.
pub(in super::super) fn wait(bell: &Bell, outputs: &[Output], end: Option<&End>) -> Ready {
    let mut sources = vec![PollFd::new(&bell.0, PollFlags::IN)];
    sources
        .extend(outputs.iter().map(|output| PollFd::from_borrowed_fd(output.pipe().as_fd(), PollFlags::IN)));
    sources.extend(end.map(|end| PollFd::new(&end.0, PollFlags::IN)));
    // Interrupted, it looks at what there is.
    let _ = poll(&mut sources, None);
    if !sources[0].revents().is_empty() {
        let _ = rustix::io::read(&bell.0, &mut [0; 8]);
    }
    let ready = sources[1..=outputs.len()].iter().enumerate();
    let ready = ready.filter(|(_, source)| !source.revents().is_empty());
    Ready {
        printed: ready.fold(0, |bits, (index, _)| bits | 1 << index),
        has_ended: end.is_some() && sources.last().is_some_and(|end| !end.revents().is_empty()),
    }
}

/// How many bytes there are to be read at once.
pub(in super::super) fn waiting(pipe: &PipeReader) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap_or(0)
}
