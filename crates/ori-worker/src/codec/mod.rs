//! Values to bytes and back: postcard, with large byte payloads beside the message.
//!
//! A message has a body, which postcard writes, and a tail: the bytes of each [`Payload`] in it,
//! which are neither looked at nor copied on the way to the socket.

mod payload;

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use ori_errors::{ErrorKind, OriError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use payload::Payload;

/// The longest encoded item, payloads not counted: 1 GiB.
pub(crate) const ITEM_LIMIT: usize = 1 << 30;

thread_local! {
    /// The payloads of the value that is being encoded, and where in the tail the first will be.
    static OUTGOING: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
    static TAIL_LENGTH: Cell<u64> = const { Cell::new(0) };
    /// The tail of the value that is being decoded.
    static INCOMING: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
}

/// The payloads of a message, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    parts: Vec<Bytes>,
    length: u64,
}

impl Tail {
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes back what was added since it had this many parts and this length.
    pub(crate) fn truncate(&mut self, parts: usize, length: u64) {
        self.parts.truncate(parts);
        self.length = length;
    }
}

/// Appends one value to `body`, after its length in 4 bytes, and its payloads to `tail`.
///
/// On failure, also by a panic of the value's own code, both are as before.
pub(crate) fn push_item<T: Serialize + ?Sized>(value: &T, body: &mut Vec<u8>, tail: &mut Tail) -> Result<()> {
    let start = body.len();
    let mut written = Written { body, start, is_whole: false };
    written.body.extend_from_slice(&[0; 4]);
    encode(value, written.body, tail)?;
    let length = written.body.len() - start - 4;
    written.body[start..start + 4].copy_from_slice(&(length as u32).to_le_bytes());
    written.is_whole = true;
    Ok(())
}

/// Takes back what was written of a value that is not whole.
struct Written<'b> {
    body: &'b mut Vec<u8>,
    start: usize,
    is_whole: bool,
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.body.truncate(self.start);
        }
    }
}

/// The value that a worker would have of this one: encoded and decoded.
///
/// # Errors
/// `Codec` when it cannot be encoded or decoded.
///
/// ```
/// assert_eq!(ori_worker::round_trip(&("a".to_owned(), 1))?, ("a".to_owned(), 1));
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub fn round_trip<T: Serialize + DeserializeOwned>(value: &T) -> Result<T> {
    let (mut body, mut tail) = (Vec::new(), Tail::default());
    encode(value, &mut body, &mut tail)?;
    decode(&body, &tail.parts.concat().into())
}

fn encode<T: Serialize + ?Sized>(value: &T, body: &mut Vec<u8>, tail: &mut Tail) -> Result<()> {
    let start = body.len();
    let scope = OutgoingScope::enter(tail.length);
    let outcome = postcard::serialize_with_flavor(value, Output(body));
    let (parts, length) = scope.leave();
    if let Err(error) = outcome {
        body.truncate(start);
        return Err(codec_error::<T>("cannot be encoded").with_source(error));
    }
    if body.len() - start > ITEM_LIMIT {
        body.truncate(start);
        return Err(codec_error::<T>("is longer than 1 GiB when encoded; use `Payload` for bytes"));
    }
    if !parts.is_empty() {
        tail.parts.extend(parts);
        tail.length = length;
    }
    Ok(())
}

/// Reads a value that takes up all of `body`.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8], tail: &Bytes) -> Result<T> {
    let scope = (!tail.is_empty()).then(|| IncomingScope::enter(tail.clone()));
    let mut input = postcard::Deserializer::from_flavor(Input(body));
    let outcome = T::deserialize(&mut input);
    drop(scope);
    let value = outcome.map_err(|error| codec_error::<T>("cannot be decoded").with_source(error))?;
    match input.finalize() {
        Ok([]) => Ok(value),
        _ => Err(codec_error::<T>("cannot be decoded: bytes are left over")),
    }
}

#[cold]
fn codec_error<T: ?Sized>(what: &str) -> OriError {
    OriError::new(ErrorKind::Codec, format!("a value of type `{}` {what}", std::any::type_name::<T>()))
}

/// Where postcard writes to. A type of its own, so that a [`Payload`] knows it by its name.
pub(crate) struct Output<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Output<'_> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Where postcard reads from.
pub(crate) struct Input<'de>(&'de [u8]);

impl<'de> postcard::de_flavors::Flavor<'de> for Input<'de> {
    type Remainder = &'de [u8];
    type Source = &'de [u8];

    #[inline]
    fn pop(&mut self) -> postcard::Result<u8> {
        let (first, rest) = self.0.split_first().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.0 = rest;
        Ok(*first)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }

    #[inline]
    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'de [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.0 = rest;
        Ok(taken)
    }

    fn finalize(self) -> postcard::Result<&'de [u8]> {
        Ok(self.0)
    }
}

/// Sets the outgoing payloads aside while one value is encoded: a `Serialize` of user code may
/// itself hand a value to a pool.
struct OutgoingScope {
    outer: Option<(Vec<Bytes>, u64)>,
}

impl OutgoingScope {
    fn enter(length: u64) -> Self {
        Self { outer: Some((OUTGOING.take(), TAIL_LENGTH.replace(length))) }
    }

    fn leave(mut self) -> (Vec<Bytes>, u64) {
        let outer = self.outer.take().expect("it is left once");
        (OUTGOING.replace(outer.0), TAIL_LENGTH.replace(outer.1))
    }
}

impl Drop for OutgoingScope {
    fn drop(&mut self) {
        if let Some((parts, length)) = self.outer.take() {
            OUTGOING.set(parts);
            TAIL_LENGTH.set(length);
        }
    }
}

struct IncomingScope(Bytes);

impl IncomingScope {
    fn enter(tail: Bytes) -> Self {
        Self(INCOMING.replace(tail))
    }
}

impl Drop for IncomingScope {
    fn drop(&mut self) {
        INCOMING.set(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests;
