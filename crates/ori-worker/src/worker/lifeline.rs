//! The lifeline: a worker never outlives its parent.
//!
//! The worker's main thread may be busy with user code for ever. This one sleeps in a poll of the
//! socket until the other end is closed, which the kernel does however the parent ends.

use std::os::fd::OwnedFd;
use std::thread;

use ori_errors::{ErrorKind, OriError, Result};
use rustix::event::{PollFd, PollFlags, poll};

use crate::sys::entry::exit_now;

/// It calls `poll` and `_exit` and nothing else.
const STACK: usize = 64 * 1024;

pub(super) fn start(socket: &OwnedFd) -> Result<()> {
    let failed = |error| OriError::new(ErrorKind::Spawn, "cannot start the lifeline").with_source(error);
    let socket = socket.try_clone().map_err(failed)?;
    let watch = move || {
        loop {
            // Only the hang-up: what there is to read is the main thread's affair.
            let mut sockets = [PollFd::new(&socket, PollFlags::RDHUP)];
            match poll(&mut sockets, None) {
                Ok(_)
                    if sockets[0]
                        .revents()
                        .intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR) =>
                {
                    exit_now(0);
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // Without a poll there is no lifeline, and without a lifeline no worker.
                Err(_) => exit_now(crate::start::EXIT_BROKEN),
            }
        }
    };
    thread::Builder::new().name("ori-lifeline".into()).stack_size(STACK).spawn(watch).map_err(failed)?;
    Ok(())
}
