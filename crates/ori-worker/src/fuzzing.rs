//! What the fuzz targets call, and the tests that do the same with fewer bytes: each decoder of
//! the wire, given any bytes at all.
//!
//! Compiled under `cfg(fuzzing)`, which `cargo fuzz` sets, and in unit tests. Each function
//! returns, or the decoder has a fault.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use bytes::Bytes;
use ori_errors::OriError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::{Payload, Tail, decode, push_item};
use crate::conductor::{Replies, end_of_items};
use crate::frame::{Frame, FrameReader, Spare, head, message, parse};
use crate::message::{ContextHead, Failure, Function, Hello, JobHead, Kind, ReplyHead, Setup};
use crate::task::Task;
use crate::worker::read_until_end;

/// More than this waits in no socket while nobody reads.
const STREAM: usize = 64 * 1024;
/// How many results the parent waits for, at most: it knows how many items it sent.
const EXPECTED: u32 = 1_000;

/// Types of every shape that a wire format treats in a way of its own.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Empty,
    Point { x: f64, y: f32 },
    Named(String, Vec<Option<i64>>),
    Raw(Payload),
    Wide(u128, i16, char, bool),
    Pairs(std::collections::BTreeMap<String, Payload>),
    Few([u16; 3], Option<Box<str>>, ()),
}

/// A stream cut into frames, as both sides do it.
pub fn frames(stream: &[u8]) {
    for_each_frame(stream, drop);
}

/// What a parent reads from a worker: the greeting, failures, replies.
pub fn parent_reads(stream: &[u8]) {
    for_each_frame(stream, |frame| match frame.kind {
        Kind::Hello => drop(parse::<Hello>(&frame.body)),
        Kind::Ready => {
            if let Ok((Some(failure), _)) = parse::<Option<Failure>>(&frame.body) {
                let _ = OriError::from(failure).to_string();
            }
        }
        _ => {
            if let Ok((reply, rest)) = parse::<ReplyHead>(&frame.body) {
                let at = frame.body.len() - rest.len();
                open::<Shape>(&frame, at, reply.items);
                open::<(Payload, String, u64)>(&frame, at, reply.items);
            }
        }
    });
    let (skip, count) = (u32::from(stream.len() > 7), EXPECTED);
    let start = end_of_items(stream, 0, skip);
    if let Some(at) = start.filter(|at| end_of_items(stream, *at, 1).is_some()) {
        let mut replies = Replies::new(stream.to_vec(), at, Bytes::new(), count, 0);
        while replies.decode_next::<Shape>().is_some() {}
    }
}

fn open<T: DeserializeOwned>(frame: &Frame, at: usize, items: u32) {
    let mut replies = Replies::new(frame.body.clone(), at, frame.tail.clone(), items.min(EXPECTED), 0);
    while !replies.is_empty() {
        let _ = replies.next_is_error();
        let _ = replies.decode_next::<T>();
    }
}

/// A worker reads any bytes in place of its parent's messages.
pub fn worker_reads(stream: &[u8]) {
    let (mut parent, socket) = UnixStream::pair().expect("there are sockets");
    parent.write_all(&stream[..stream.len().min(STREAM)]).expect("it fits");
    parent.shutdown(Shutdown::Write).expect("it is open");
    // An error is what most streams end in.
    let _ = read_until_end(socket.into(), nobody().try_clone().expect("there are descriptors"));
}

/// A worker gets a job with a head that is right, and any number of items, which are any bytes.
pub fn worker_runs(items: u32, body: &[u8], tail: &[u8]) {
    let (body, tail) = (&body[..body.len().min(STREAM / 4)], &tail[..tail.len().min(STREAM / 4)]);
    let here = |task: Task| task.here().expect("it lies in this program");
    let init = here(Task::init(|shape: Shape| shape));
    let jobs = [
        (here(Task::new(|shape: Shape| shape)), None),
        (here(Task::new(|payload: Payload, text: String| (text, payload))), None),
        (here(Task::with_state(|state: &mut Shape, shape: Shape| *state == shape)), Some(1)),
        (init.clone(), None),
        (Function::Here { offset: i64::from(items), name_hash: 0 }, None),
        (Function::Named { name: String::from_utf8_lossy(tail).into_owned(), signature: 0 }, None),
    ];
    for (function, context) in jobs {
        let mut stream = Vec::new();
        let mut send = |kind, start: Vec<u8>, body: &[u8], tail: &[u8]| {
            stream.extend(head(kind, start.len() + body.len(), tail.len() as u64));
            stream.extend(start);
            stream.extend(body);
            stream.extend(tail);
        };
        send(Kind::Setup, message(&Setup::default()), &[], &[]);
        if let Some(context) = context {
            send(Kind::Context, message(&ContextHead { context, function: init.clone() }), body, tail);
        }
        send(Kind::Job, message(&JobHead { job: 1, function, context, items }), body, tail);
        worker_reads(&stream);
    }
}

/// Values decoded from any bytes, and once more from what they are encoded to.
///
/// # Panics
/// When the second time gives another value.
pub fn values(body: &[u8], tail: &[u8]) {
    let tail = Bytes::copy_from_slice(tail);
    again::<Vec<Shape>>(body, &tail);
    again::<(Payload, String, u64)>(body, &tail);
    again::<Result<Option<Payload>, Failure>>(body, &tail);
}

fn again<T: Serialize + DeserializeOwned>(body: &[u8], tail: &Bytes) {
    let Ok(value) = decode::<T>(body, tail) else { return };
    let once = encoded(&value);
    let value = decode::<T>(&once.0, &once.1).expect("what was encoded here can be decoded");
    // Bytes, not values: a number that is none differs from itself.
    assert!(encoded(&value) == once, "a value has changed on its way");
}

fn encoded<T: Serialize>(value: &T) -> (Vec<u8>, Bytes) {
    let (mut body, mut tail) = (Vec::new(), Tail::default());
    push_item(value, &mut body, &mut tail).expect("what was decoded can be encoded");
    (body.split_off(4), tail.parts().concat().into())
}

fn for_each_frame(stream: &[u8], mut each: impl FnMut(Frame)) {
    let (mut writer, reader) = UnixStream::pair().expect("there are sockets");
    let mut frames = FrameReader::new(Spare::default());
    // A greeting is fed, all else is read from a socket.
    let (fed, sent) =
        stream.split_at(stream.first().map_or(0, |first| usize::from(*first)).min(stream.len()));
    frames.feed(fed);
    for piece in sent.chunks(STREAM).map(Some).chain([None]) {
        match piece {
            Some(piece) => writer.write_all(piece).expect("it fits"),
            None => writer.shutdown(Shutdown::Write).expect("it is open"),
        }
        let mut left = piece.map_or(1, <[u8]>::len);
        while left > 0 {
            loop {
                match frames.next() {
                    Ok(Some(frame)) => each(frame),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            match frames.fill(&reader).expect("the socket can be read") {
                0 => return,
                count => left -= count,
            }
        }
    }
}

/// A socket at whose other end somebody throws everything away.
fn nobody() -> &'static OwnedFd {
    static NOBODY: OnceLock<OwnedFd> = OnceLock::new();
    NOBODY.get_or_init(|| {
        let (near, mut far) = UnixStream::pair().expect("there are sockets");
        std::thread::spawn(move || {
            let mut bytes = vec![0; STREAM];
            while far.read(&mut bytes).is_ok_and(|count| count > 0) {}
        });
        near.into()
    })
}

#[cfg(test)]
mod tests;
