//! Frames: how messages are cut out of the stream of a socket.
//!
//! A frame is a head of 16 bytes (kind, length of the body, length of the tail), the body and the
//! tail. Whatever the bytes are, reading them ends in a frame or an error, and memory is taken only
//! as bytes arrive, never on the word of a length.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ori_errors::{ErrorKind, OriError, Result};

use crate::message::Kind;
use crate::sys::receive::receive;

pub(crate) const HEAD: usize = 16;
/// The longest body: an item of the longest length, and what stands before it.
pub(crate) const BODY_LIMIT: u64 = (1 << 30) + 4096;
/// The longest tail: 64 GiB.
pub(crate) const TAIL_LIMIT: u64 = 1 << 36;

/// What is read at once; frames that do not fit are read into memory of their own.
const BUFFER: usize = 128 * 1024;
/// The largest step by which memory for a long frame grows ahead of its bytes.
const STEP: usize = 1 << 20;
/// Tails from this size on are read into memory that is used again.
const REUSED: usize = 256 * 1024;
/// Memory for tails that is kept for the next one: up to 128 MiB.
const SPARE: usize = 128 << 20;

/// One message.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
    pub(crate) tail: Bytes,
}

/// The head of a frame.
pub(crate) fn head(kind: Kind, body: usize, tail: u64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[0] = kind as u8;
    head[4..8].copy_from_slice(&u32::try_from(body).expect("a body is at most 1 GiB").to_le_bytes());
    head[8..].copy_from_slice(&tail.to_le_bytes());
    head
}

fn parse_head(bytes: &[u8; HEAD]) -> Result<(Kind, u64, u64)> {
    let kind = Kind::from_byte(bytes[0]).filter(|_| bytes[1..4] == [0; 3]);
    let kind = kind.ok_or_else(|| broken("a frame of an unknown kind"))?;
    let body = u64::from(u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
    let (_, tail) = bytes.split_at(8);
    let tail = u64::from_le_bytes(tail.try_into().expect("8 of 16 bytes are left"));
    if body > BODY_LIMIT || tail > TAIL_LIMIT {
        return Err(broken("a frame longer than the limit"));
    }
    Ok((kind, body, tail))
}

#[cold]
pub(crate) fn broken(what: &str) -> OriError {
    OriError::new(ErrorKind::Codec, format!("worker protocol: {what}"))
}

/// Encodes a message of ours.
pub(crate) fn message<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("the messages of the protocol can be encoded")
}

/// Decodes a message of ours from the start of a body; gives the rest of it.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<(T, &'a [u8])> {
    postcard::take_from_bytes(body).map_err(|error| broken("a malformed message").with_source(error))
}

/// One vector for long tails, kept for the next: memory that is new to a process costs more to
/// touch than the bytes to copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spare(Arc<Mutex<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, mut vector: Vec<u8>) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if vector.capacity() > place.capacity() && vector.capacity() <= SPARE {
            vector.clear();
            *place = vector;
        }
    }

    /// Frees the memory; `true` when there was some.
    pub(crate) fn clear(&self) -> bool {
        self.take().capacity() > 0
    }
}

/// A tail in memory that goes back when the last payload in it is dropped.
struct Lent {
    vector: Vec<u8>,
    spare: Spare,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.vector
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.spare.give_back(std::mem::take(&mut self.vector));
    }
}

/// A frame that is longer than the buffer.
#[derive(Debug)]
struct Long {
    kind: Kind,
    body_length: usize,
    tail_length: usize,
    body: Vec<u8>,
    tail: Vec<u8>,
}

impl Long {
    fn is_whole(&self) -> bool {
        self.body.len() == self.body_length && self.tail.len() == self.tail_length
    }

    /// Where the next bytes belong, and how many are missing there.
    fn target(&mut self) -> (&mut Vec<u8>, usize) {
        match self.body_length - self.body.len() {
            0 => {
                let missing = self.tail_length - self.tail.len();
                (&mut self.tail, missing)
            }
            missing => (&mut self.body, missing),
        }
    }
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
    long: Option<Long>,
    spare: Spare,
}

impl FrameReader {
    pub(crate) fn new(spare: Spare) -> Self {
        Self { buffer: Vec::new(), start: 0, long: None, spare }
    }

    /// Whether some bytes of the next frame are here.
    #[cfg(test)]
    fn has_begun(&self) -> bool {
        self.long.is_some() || self.start < self.buffer.len()
    }

    /// Whether the last read filled what there was to fill, so that there may be more.
    pub(crate) fn is_full(&self) -> bool {
        self.long.is_some() || self.buffer.len() == self.buffer.capacity()
    }

    /// Takes in bytes that were read elsewhere.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Reads once; `Ok(0)` at the end of the stream.
    pub(crate) fn fill(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let (target, limit) = match &mut self.long {
            Some(long) => {
                let (target, missing) = long.target();
                target.reserve(missing.min(target.len().max(STEP)));
                // What comes after the frame belongs to the next one.
                (target, missing)
            }
            None => {
                self.buffer.drain(..self.start);
                self.start = 0;
                self.buffer.reserve(BUFFER.saturating_sub(self.buffer.len()).max(HEAD));
                (&mut self.buffer, usize::MAX)
            }
        };
        receive(socket, target, limit)
    }

    /// The next frame, if all of it is here.
    ///
    /// # Errors
    /// When the bytes are not a frame. The stream cannot be used any more then.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>> {
        if self.long.is_none() {
            let waiting = &self.buffer[self.start..];
            let Some((first, rest)) = waiting.split_first_chunk::<HEAD>() else { return Ok(None) };
            let (kind, body, tail) = parse_head(first)?;
            let (body, tail) = (as_size(body)?, as_size(tail)?);
            if let Some(whole) = rest.get(..body.saturating_add(tail)) {
                let (body, tail) = whole.split_at(body);
                let frame = Frame { kind, body: body.to_vec(), tail: Bytes::copy_from_slice(tail) };
                self.start += HEAD + whole.len();
                return Ok(Some(frame));
            }
            if HEAD + body + tail <= BUFFER {
                return Ok(None);
            }
            self.long = Some(self.begin_long(kind, body, tail));
        }
        match self.long.take_if(|long| long.is_whole()) {
            None => Ok(None),
            Some(long) => {
                let tail = match long.tail_length {
                    0..REUSED => long.tail.into(),
                    _ => Bytes::from_owner(Lent { vector: long.tail, spare: self.spare.clone() }),
                };
                Ok(Some(Frame { kind: long.kind, body: long.body, tail }))
            }
        }
    }

    /// Moves what is here of a long frame to memory of its own.
    fn begin_long(&mut self, kind: Kind, body_length: usize, tail_length: usize) -> Long {
        let rest = &self.buffer[self.start + HEAD..];
        let (body, tail) = rest.split_at(rest.len().min(body_length));
        let mut tail_memory = if tail_length >= REUSED { self.spare.take() } else { Vec::new() };
        tail_memory.extend_from_slice(tail);
        let long = Long { kind, body_length, tail_length, body: body.to_vec(), tail: tail_memory };
        self.buffer.clear();
        self.start = 0;
        long
    }
}

fn as_size(length: u64) -> Result<usize> {
    usize::try_from(length).map_err(|_| broken("a frame longer than the address space"))
}

#[cfg(test)]
mod tests;
