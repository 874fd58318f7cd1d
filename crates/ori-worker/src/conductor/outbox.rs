//! [`Outbox`]: what waits to be written to one worker.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::Bytes;
use rustix::net::{SendAncillaryBuffer, SendFlags};

/// Pieces up to this many bytes are copied together; longer ones are sent from where they are.
const COPIED: usize = 16 * 1024;
/// How many pieces go out with one call.
const PIECES: usize = 64;

/// Bytes for one socket, in order.
#[derive(Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Bytes>,
    /// Small pieces behind all of `pieces`.
    last: Vec<u8>,
    /// How much of the first piece is sent.
    sent: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.last.is_empty()
    }

    pub(super) fn push_small(&mut self, bytes: &[u8]) {
        self.last.extend_from_slice(bytes);
    }

    pub(super) fn push(&mut self, bytes: &Bytes) {
        if bytes.len() <= COPIED {
            return self.push_small(bytes);
        }
        if !self.last.is_empty() {
            let last = std::mem::take(&mut self.last);
            self.pieces.push_back(last.into());
        }
        self.pieces.push_back(bytes.clone());
    }

    /// Writes as much as the socket takes.
    pub(super) fn flush(&mut self, socket: impl AsFd) -> io::Result<()> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            let all = self.pieces.iter().map(|piece| &piece[..]).chain([&self.last[..]]);
            for (slice, piece) in slices.iter_mut().zip(all) {
                let start = if count == 0 { self.sent } else { 0 };
                *slice = IoSlice::new(&piece[start..]);
                count += 1;
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match rustix::net::sendmsg(&socket, &slices[..count], &mut SendAncillaryBuffer::default(), flags)
            {
                Ok(sent) => self.advance(sent),
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn advance(&mut self, sent: usize) {
        self.sent += sent;
        while let Some(first) = self.pieces.front() {
            if self.sent < first.len() {
                return;
            }
            self.sent -= first.len();
            self.pieces.pop_front();
        }
        if self.sent == self.last.len() {
            self.last.clear();
            self.last.shrink_to(4 * COPIED);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use bytes::Bytes;

    use super::Outbox;

    #[test]
    fn everything_arrives_in_order_through_a_small_socket() {
        let (writer, mut reader) = UnixStream::pair().unwrap();
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        for number in 0..300_u32 {
            let length = if number % 3 == 0 { 40_000 } else { 100 };
            let piece = Bytes::from(vec![number as u8; length]);
            outbox.push(&piece);
            expected.extend_from_slice(&piece);
        }
        let mut received = Vec::new();
        let mut buffer = [0; 70_001];
        while !outbox.is_empty() {
            outbox.flush(&writer).unwrap();
            let count = reader.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..count]);
        }
        drop(writer);
        reader.read_to_end(&mut received).unwrap();
        assert!(received == expected);
    }
}
