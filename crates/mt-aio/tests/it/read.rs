//! `read_binary` and `read_text`.

use mt_aio::{ErrorKind, read_binary, read_text};

use crate::running::in_both_modes;

#[test]
fn reads_all_or_the_beginning() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let content: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        std::fs::write(&path, &content).unwrap();
        assert_eq!(read_binary(&path, None, cx).await.unwrap(), content);
        for size in [0, 1, 4096, 99_999, 100_000] {
            let read = read_binary(&path, Some(size), cx).await.unwrap();
            assert_eq!(read, content[..size as usize]);
        }
        assert_eq!(read_binary(&path, Some(u64::MAX), cx).await.unwrap(), content);
    });
}

#[test]
fn a_text_that_is_cut_inside_a_character_ends_before_it() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "aé€😀").unwrap();
        let expected = ["", "a", "a", "aé", "aé", "aé", "aé€", "aé€", "aé€", "aé€", "aé€😀", "aé€😀"];
        for (size, expected) in expected.into_iter().enumerate() {
            assert_eq!(read_text(&path, Some(size as u64), cx).await.unwrap(), expected, "{size} bytes");
        }
        assert_eq!(read_text(&path, None, cx).await.unwrap(), "aé€😀");
    });
}

#[test]
fn text_that_is_not_utf8_is_a_codec_error_that_names_the_file() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for (content, size) in [(&b"ok\xff"[..], None), (b"\xff\xfe and more", Some(3)), (b"cut \xc3", None)]
        {
            std::fs::write(&path, content).unwrap();
            let error = read_text(&path, size, cx).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Codec);
            assert_eq!(error.path(), Some(&*path));
        }
    });
}

#[test]
fn a_file_that_is_missing_is_an_io_error_that_names_it() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing");
        for error in [
            read_binary(&path, None, cx).await.unwrap_err(),
            read_binary(&path, Some(1), cx).await.unwrap_err(),
            read_text(&path, None, cx).await.map(String::into_bytes).unwrap_err(),
            read_binary(dir.path(), None, cx).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.to_string().contains(error.path().unwrap().to_str().unwrap()), "{error}");
        }
        let error = std::io::Error::from(read_binary(&path, None, cx).await.unwrap_err());
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    });
}
