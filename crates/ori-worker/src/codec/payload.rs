//! [`Payload`]: bytes that travel between processes as they are.

use std::any::type_name;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{INCOMING, Input, OUTGOING, Output, TAIL_LENGTH};

/// Below this many bytes a copy into the message costs less than a place of its own.
const INLINE: usize = 1024;

/// Bytes that travel between processes as they are: neither looked at one by one, as serde does
/// with `Vec<u8>`, nor copied on the way to the socket.
///
/// Use it for the arguments and results of worker processes, alone or inside other types. It
/// derefs to `[u8]`, a clone is cheap and shares the bytes, and dropping the last clone frees them.
/// Elsewhere (JSON, say) it is serialized as any bytes are.
///
/// ```
/// use ori_worker::Payload;
///
/// let payload = Payload::from(vec![1, 2, 3]);
/// assert_eq!(payload.len(), 3);
/// assert_eq!(payload.to_vec(), [1, 2, 3]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// The bytes, with shared ownership.
    ///
    /// ```
    /// let bytes = ori_worker::Payload::from(vec![1]).into_bytes();
    /// assert_eq!(bytes.len(), 1);
    /// ```
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The bytes as a vector: without copying when this is the only owner and they were a vector
    /// before, otherwise a copy.
    ///
    /// ```
    /// assert_eq!(ori_worker::Payload::from(vec![1, 2]).into_vec(), vec![1, 2]);
    /// ```
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into()
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<&'static [u8]> for Payload {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

/// The number of bytes, not the bytes.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

/// How a payload stands in the body of a message of ours.
#[derive(Serialize, Deserialize)]
enum Form<'a> {
    Here(#[serde(borrow)] Plain<'a>),
    InTail { start: u64, length: u64 },
}

/// Bytes in one piece: serde writes a bare slice element by element.
struct Plain<'a>(&'a [u8]);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Plain<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The tail is there only in our own messages; another format may be at work inside one.
        if type_name::<S>() != type_name::<&mut postcard::Serializer<Output<'_>>>() {
            return serializer.serialize_bytes(&self.0);
        }
        if self.0.len() < INLINE {
            return Form::Here(Plain(&self.0)).serialize(serializer);
        }
        let length = self.0.len() as u64;
        let start = TAIL_LENGTH.get();
        TAIL_LENGTH.set(start + length);
        OUTGOING.with_borrow_mut(|parts| parts.push(self.0.clone()));
        Form::InTail { start, length }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if type_name::<D>() != type_name::<&mut postcard::Deserializer<'_, Input<'_>>>() {
            return deserializer.deserialize_byte_buf(AnyBytes).map(Self::from);
        }
        match Form::deserialize(deserializer)? {
            Form::Here(bytes) => Ok(Self(Bytes::copy_from_slice(bytes.0))),
            Form::InTail { start, length } => INCOMING.with_borrow(|tail| {
                let start = usize::try_from(start).unwrap_or(usize::MAX);
                let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                if end > tail.len() {
                    return Err(D::Error::custom("a payload lies beyond the message"));
                }
                Ok(Self(tail.slice(start..end)))
            }),
        }
    }
}

/// What other formats make of bytes.
struct AnyBytes;

impl<'de> Visitor<'de> for AnyBytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = elements.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}
