//! Frames come out as they went in, however the stream is cut; anything else is an error.

use std::io::Write;
use std::os::unix::net::UnixStream;

use proptest::prelude::*;

use super::{FrameReader, HEAD, Spare, head};
use crate::message::Kind;

fn frames() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let bytes = || {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            (100_000..400_000_usize).prop_map(|length| vec![7; length]),
        ]
    };
    proptest::collection::vec((bytes(), bytes()), 0..5)
}

fn stream_of(frames: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut stream = Vec::new();
    for (body, tail) in frames {
        stream.extend(head(Kind::Job, body.len(), tail.len() as u64));
        stream.extend(body);
        stream.extend(tail);
    }
    stream
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn promise_18_frames_come_out_as_they_went_in(sent in frames(), cuts in proptest::collection::vec(1..70_000_usize, 1..20)) {
        let stream = stream_of(&sent);
        let (mut writer, reader) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                let (piece, later) = rest.split_at(rest.len().min(*cut));
                writer.write_all(piece).unwrap();
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
        });
        let mut frames = FrameReader::new(Spare::default());
        let mut received = Vec::new();
        while received.len() < sent.len() {
            match frames.next().unwrap() {
                Some(frame) => received.push((frame.body, frame.tail.to_vec())),
                None => prop_assert!(frames.fill(&reader).unwrap() > 0, "the stream ended early"),
            }
        }
        thread.join().unwrap();
        prop_assert!(!frames.has_begun());
        prop_assert_eq!(received, sent);
    }
}

#[test]
fn promise_18_a_length_alone_takes_no_memory() {
    let (mut writer, reader) = UnixStream::pair().unwrap();
    writer.write_all(&head(Kind::Job, 1 << 30, 1 << 36)).unwrap();
    writer.write_all(&[0; 100]).unwrap();
    drop(writer);
    let mut frames = FrameReader::new(Spare::default());
    while frames.fill(&reader).unwrap() > 0 {
        assert!(frames.next().unwrap().is_none());
    }
    let long = frames.long.expect("the frame has begun");
    assert!(long.body.capacity() + long.tail.capacity() < 4 << 20);
}

#[test]
fn promise_18_unknown_kinds_and_lengths_beyond_the_limit_are_errors() {
    for bad in [[0xff; HEAD], head(Kind::Job, (1 << 30) + 5000, 0), head(Kind::Job, 0, (1 << 36) + 1)] {
        let mut frames = FrameReader::new(Spare::default());
        frames.feed(&bad);
        assert!(frames.next().unwrap_err().to_string().contains("protocol"));
    }
}

#[test]
fn the_memory_of_a_long_tail_is_used_again() {
    let (mut writer, reader) = UnixStream::pair().unwrap();
    let sent = vec![(vec![], vec![1; 2 << 20]), (vec![], vec![2; 1 << 20])];
    let stream = stream_of(&sent);
    let thread = std::thread::spawn(move || writer.write_all(&stream).unwrap());
    let mut frames = FrameReader::new(Spare::default());
    let mut addresses = Vec::new();
    for (_, tail) in sent {
        let frame = loop {
            match frames.next().unwrap() {
                Some(frame) => break frame,
                None => drop(frames.fill(&reader).unwrap()),
            }
        };
        assert_eq!(frame.tail, tail);
        addresses.push(frame.tail.as_ptr());
    }
    thread.join().unwrap();
    assert_eq!(addresses[0], addresses[1]);
}
