//! `json_load` and `json_save`.

use std::collections::BTreeMap;

use mt_aio::{ErrorKind, WriteOptions, json_load, json_save};
use serde::{Deserialize, Serialize, Serializer};

use crate::running::{in_both_modes, names};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    name: String,
    sizes: Vec<u64>,
    by_key: BTreeMap<String, Option<f64>>,
}

fn settings() -> Settings {
    let by_key = [("a".to_owned(), Some(0.1)), ("é\n".to_owned(), None)].into();
    Settings { name: "😀 \"quoted\"".into(), sizes: vec![0, u64::MAX], by_key }
}

#[test]
fn a_value_comes_back_as_it_was() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        for options in [WriteOptions::new(), WriteOptions::new().pretty()] {
            let bytes = json_save(&path, &settings(), options, cx).await.unwrap();
            assert_eq!(bytes, std::fs::metadata(&path).unwrap().len());
            assert_eq!(json_load::<Settings>(&path, cx).await.unwrap(), settings());
        }
        let untyped: serde_json::Value = json_load(&path, cx).await.unwrap();
        assert_eq!(untyped["sizes"][1], u64::MAX);
        assert!(std::fs::read_to_string(&path).unwrap().lines().count() > 5, "pretty");
    });
}

#[test]
fn numbers_come_back_exactly() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let mut random = ori_test_support::Random::seeded(1);
        let numbers: Vec<f64> = std::iter::repeat_with(|| f64::from_bits(random.next_u64()))
            .filter(|number| number.is_finite())
            .take(10_000)
            .collect();
        json_save(&path, &numbers, WriteOptions::new(), cx).await.unwrap();
        assert_eq!(json_load::<Vec<f64>>(&path, cx).await.unwrap(), numbers);
    });
}

#[test]
fn what_is_not_json_or_not_of_the_type_is_a_codec_error_that_names_file_and_place() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        for content in ["", "{\"name\": ", "[1, 2]\n,", "{\"name\": 7}", "1 2"] {
            std::fs::write(&path, content).unwrap();
            let error = json_load::<Settings>(&path, cx).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Codec);
            assert_eq!(error.path(), Some(&*path));
            assert!(format!("{error:?}").contains("line 1 column"), "{error:?}");
        }
        let error = json_load::<Settings>(dir.path().join("missing"), cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
    });
}

#[test]
fn a_value_that_json_cannot_express_leaves_the_file_alone() {
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("no JSON today");
        }
    }

    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(&path, "old").unwrap();
        let keys_that_are_no_text = BTreeMap::from([((1, 2), 3)]);
        let error = json_save(&path, &keys_that_are_no_text, WriteOptions::new(), cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec);
        let error = json_save(&path, &Panics, WriteOptions::new(), cx).await.unwrap_err();
        assert_eq!(error.panic_message(), Some("no JSON today"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(dir.path()), ["a.json"]);
    });
}

#[test]
fn a_deserialize_that_panics_is_panicked_with_its_place() {
    #[derive(Debug)]
    struct Panics;
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("cannot read this");
        }
    }

    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(&path, "1").unwrap();
        let error = json_load::<Panics>(&path, cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert_eq!(error.panic_message(), Some("cannot read this"));
        assert!(error.panic_location().unwrap().contains("json.rs"));
    });
}
