//! Values come back as they went, and nothing else does.

use bytes::Bytes;
use ori_errors::ErrorKind;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Payload, Tail, decode, push_item};

fn round_trip<T: Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let (mut body, mut tail) = (Vec::new(), Tail::default());
    push_item(value, &mut body, &mut tail).unwrap();
    let length = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
    assert_eq!(length, body.len() - 4);
    decode(&body[4..], &Bytes::from(tail.parts().concat())).unwrap()
}

#[test]
fn large_payloads_go_beside_the_body() {
    let (mut body, mut tail) = (Vec::new(), Tail::default());
    let value = (Payload::from(vec![7; 100_000]), 5_u8, Payload::from(vec![8; 70_000]));
    push_item(&value, &mut body, &mut tail).unwrap();
    push_item(&value, &mut body, &mut tail).unwrap();
    assert!(body.len() < 100, "{} bytes", body.len());
    assert_eq!(tail.length(), 340_000);
    let all = Bytes::from(tail.parts().concat());
    let first = 4 + u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
    assert_eq!(decode::<(Payload, u8, Payload)>(&body[4..first], &all).unwrap(), value);
    assert_eq!(decode::<(Payload, u8, Payload)>(&body[first + 4..], &all).unwrap(), value);
}

#[test]
fn elsewhere_a_payload_is_serialized_as_any_bytes_are() {
    let value = (Payload::from(vec![1, 2, 3]), Payload::from(vec![9; 2000]));
    let text = serde_json::to_string(&value).unwrap();
    assert!(text.starts_with("[[1,2,3],["), "{text:.40}");
    assert_eq!(serde_json::from_str::<(Payload, Payload)>(&text).unwrap(), value);
    assert!(serde_json::from_str::<Payload>("[1, 256]").is_err());
    // Nothing of it waits to go beside the next message.
    assert_eq!(round_trip(&value), value);
}

#[test]
fn a_payload_beyond_the_tail_is_an_error() {
    let (mut body, mut tail) = (Vec::new(), Tail::default());
    push_item(&Payload::from(vec![7; 5000]), &mut body, &mut tail).unwrap();
    let error = decode::<Payload>(&body[4..], &Bytes::from(vec![7; 4999])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
}

#[test]
fn bytes_left_over_are_an_error() {
    assert_eq!(decode::<u8>(&[1, 2], &Bytes::new()).unwrap_err().kind(), ErrorKind::Codec);
}

/// Fails after it has handed out a payload.
struct Broken;

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeTuple};
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element(&Payload::from(vec![0; 5000]))?;
        Err(Error::custom("no"))
    }
}

#[test]
fn a_value_that_cannot_be_encoded_leaves_no_trace() {
    let (mut body, mut tail) = (vec![1, 2, 3], Tail::default());
    let error = push_item(&Broken, &mut body, &mut tail).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert_eq!((body, tail.length(), tail.is_empty()), (vec![1, 2, 3], 0, true));
    assert_eq!(round_trip(&Payload::from(vec![1; 9000])).len(), 9000);
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Shape {
    Empty,
    Point { x: f64, y: f64 },
    Named(String, Vec<Option<i64>>),
    Raw(Payload),
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Empty),
        (-1e9..1e9, -1e9..1e9).prop_map(|(x, y)| Shape::Point { x, y }),
        (any::<String>(), any::<Vec<Option<i64>>>()).prop_map(|(name, list)| Shape::Named(name, list)),
        proptest::collection::vec(any::<u8>(), 0..3000).prop_map(|bytes| Shape::Raw(bytes.into())),
    ]
}

proptest! {
    #[test]
    fn values_come_back_as_they_went(value in proptest::collection::vec(shapes(), 0..8)) {
        prop_assert_eq!(round_trip(&value), value);
    }
}
