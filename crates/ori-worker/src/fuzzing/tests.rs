//! Promise 18, with as many bytes as a test has time for; `cargo xtask fuzz` takes longer.

use proptest::prelude::*;

use super::{Shape, frames, parent_reads, values, worker_reads, worker_runs};
use crate::codec::{Payload, Tail, push_item};
use crate::frame::{head, message};
use crate::message::{Function, JobHead, Kind, ReplyHead, Setup};

/// Bytes that go further than any bytes would: frames with a head that is right, now and then.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(&[
        Kind::Hello,
        Kind::Setup,
        Kind::Ready,
        Kind::Context,
        Kind::Forget,
        Kind::Job,
        Kind::Reply,
        Kind::Retire,
    ]);
    let bodies = prop_oneof![
        any::<Vec<u8>>(),
        (any::<u32>(), bodies()).prop_map(|(items, body)| {
            let head = ReplyHead { job: 1, items, skipped: false, nanos: 1 };
            [message(&head), body].concat()
        }),
        (0..9_u32, bodies()).prop_map(|(items, body)| {
            let function = Function::Here { offset: 16, name_hash: 1 };
            [message(&JobHead { job: 1, function, context: None, items }), body].concat()
        }),
        any::<(Option<u64>, Option<u64>)>().prop_map(|(max_items, max_memory)| {
            message(&Setup { initializer: None, max_items, max_memory })
        }),
    ];
    let tails = prop::collection::vec(any::<u8>(), 0..9);
    let frames = (kinds, bodies, tails).prop_map(|(kind, body, tail)| {
        [head(kind, body.len(), tail.len() as u64).to_vec(), body, tail].concat()
    });
    prop::collection::vec(prop_oneof![4 => frames, 1 => any::<Vec<u8>>()], 0..6)
        .prop_map(|pieces| pieces.concat())
}

/// Items, of which some are what they should be.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let item = prop_oneof![
        any::<(f64, f32)>().prop_map(|(x, y)| Shape::Point { x, y }),
        any::<(String, Vec<Option<i64>>)>().prop_map(|(name, list)| Shape::Named(name, list)),
        any::<Vec<u8>>().prop_map(|bytes| Shape::Raw(Payload::from(bytes))),
    ];
    let item = item.prop_map(|shape| {
        let mut body = Vec::new();
        push_item(&shape, &mut body, &mut Tail::default()).unwrap();
        body
    });
    prop::collection::vec(prop_oneof![3 => item, 1 => any::<Vec<u8>>()], 0..4)
        .prop_map(|items| items.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn promise_18_any_stream_is_frames_or_an_error(stream in prop_oneof![any::<Vec<u8>>(), streams()]) {
        frames(&stream);
    }

    #[test]
    fn promise_18_any_bytes_from_a_worker_are_messages_or_an_error(stream in streams()) {
        parent_reads(&stream);
    }

    #[test]
    fn promise_18_any_bytes_from_a_parent_are_messages_or_an_error(stream in streams()) {
        worker_reads(&stream);
    }

    #[test]
    fn promise_18_any_items_are_run_or_an_error(items: u32, body in bodies(), tail: Vec<u8>) {
        worker_runs(items, &body, &tail);
        worker_runs(items % 5, &body, &tail);
    }

    #[test]
    fn promise_18_any_bytes_are_a_value_or_an_error(body in prop_oneof![any::<Vec<u8>>(), bodies()], tail: Vec<u8>) {
        values(&body, &tail);
        values(body.get(4..).unwrap_or_default(), &tail);
    }
}
