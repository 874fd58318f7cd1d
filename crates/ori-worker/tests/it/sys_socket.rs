//! The socket between a worker and its parent, which no interface gives away.

use std::fs;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

/// One more handle of the socket over which this worker talks to its parent.
pub(crate) fn to_the_parent() -> UnixStream {
    let is_socket = |file: &RawFd| {
        let target = fs::read_link(format!("/proc/self/fd/{file}"));
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    let file = (3..64).find(is_socket).expect("a worker has a socket");
    // SAFETY: it was found open, and the worker closes none of its sockets before it ends.
    let file = unsafe { BorrowedFd::borrow_raw(file) };
    file.try_clone_to_owned().expect("there are descriptors").into()
}
