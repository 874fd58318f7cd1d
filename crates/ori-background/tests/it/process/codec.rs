//! Values that cannot be encoded or decoded.

use ori_errors::ErrorKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::pool;

/// Which side refuses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Bad {
    Nothing,
    Encode,
    Decode,
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Encode => Err(serde::ser::Error::custom("not this one")),
            other => serializer.serialize_u8(*other as u8),
        }
    }
}

impl<'de> Deserialize<'de> for Bad {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            2 => Err(serde::de::Error::custom("not this one")),
            _ => Ok(Self::Nothing),
        }
    }
}

fn make(n: u8) -> Bad {
    [Bad::Nothing, Bad::Encode, Bad::Decode][usize::from(n)]
}

#[test]
fn promise_04_a_value_that_fails_to_travel_costs_its_item_only() {
    let pool = pool(2);
    let bad: Vec<_> = (0..100).map(|n| pool.submit(make, 1 + n % 2)).collect();
    let good: Vec<_> = (0..100).map(|_| pool.submit(make, 0)).collect();
    for future in good {
        assert_eq!(future.result().unwrap(), Bad::Nothing);
    }
    for future in bad {
        assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Codec);
    }
    for bad in [Bad::Encode, Bad::Decode] {
        assert_eq!(pool.submit(|_: Bad| (), bad).result().unwrap_err().kind(), ErrorKind::Codec);
    }
}

#[test]
fn promise_04_in_a_map_such_an_item_has_its_error_at_its_position() {
    let pool = pool(2);
    let items = (0..600_u32).map(|n| if n % 100 == 7 { Bad::Encode } else { Bad::Nothing });
    for (n, result) in (0..).zip(pool.map(|_: Bad| 1, items)) {
        match result {
            Ok(one) => assert_eq!((one, n % 100 == 7), (1, false)),
            Err(error) => assert_eq!((error.kind(), n % 100), (ErrorKind::Codec, 7)),
        }
    }
    let results: Vec<_> = pool.map(make, (0..300_u32).map(|n| if n % 100 == 7 { 2 } else { 0 })).collect();
    assert_eq!(results.len(), 300);
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 3);
}
