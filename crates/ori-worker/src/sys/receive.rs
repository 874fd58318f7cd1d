//! [`receive`]: from a socket into the room that a vector has left.

use std::io;
use std::os::fd::AsFd;

use rustix::net::RecvFlags;

/// Appends what one read gives, at most `limit` bytes; `Ok(0)` at the end of the stream.
///
/// The room is not zeroed first: for long messages that would cost as much as the reading.
pub(crate) fn receive(socket: impl AsFd, target: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
    let room = target.spare_capacity_mut();
    let room_length = room.len().min(limit);
    let ((received, _), _) = rustix::net::recv(socket, &mut room[..room_length], RecvFlags::empty())?;
    let received = received.len();
    let length = target.len() + received;
    // SAFETY: `recv` has initialized the first `received` bytes of the room, which begins at the
    // old length and lies in the capacity.
    unsafe { target.set_len(length) };
    Ok(received)
}
