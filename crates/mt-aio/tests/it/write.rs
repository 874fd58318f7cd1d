//! What a write leaves behind, whatever happens.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mt_aio::{Context, ErrorKind, WriteOptions, json_save, read_text, srun, write_binary, write_text};

use crate::running::{in_both_modes, names, runtime};

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_write_replaces_the_whole_content() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let options = WriteOptions::new();
        assert_eq!(write_text(&path, "a long first text", options, cx).await.unwrap(), 17);
        assert_eq!(write_text(&path, "short", options.durable(), cx).await.unwrap(), 5);
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
        assert_eq!(write_binary(&path, &b"static"[..], options, cx).await.unwrap(), 6);
        assert_eq!(write_binary(&path, vec![0; 1 << 20], options, cx).await.unwrap(), 1 << 20);
        assert_eq!(write_binary(&path, vec![], options, cx).await.unwrap(), 0);
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(names(dir.path()), ["a"]);
    });
}

#[test]
fn concurrent_writers_never_mix_and_a_reader_never_sees_a_missing_or_half_file() {
    const ROUNDS: usize = 1_000;
    const SIZE: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared");
    fs::write(&path, "0".repeat(SIZE)).unwrap();

    let done = AtomicBool::new(false);
    let (path, finished) = (&path, &done);
    let reads = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut reads = 0;
            while !finished.load(Ordering::Acquire) || reads == 0 {
                let text = srun(async |cx| read_text(path, None, cx).await).unwrap();
                assert_eq!(text.len(), SIZE);
                assert!(text.bytes().all(|byte| byte == text.as_bytes()[0]), "two writers in one file");
                reads += 1;
            }
            reads
        });
        // Two writers in each mode.
        let writers = [1, 2, 3, 4].map(|writer: usize| {
            scope.spawn(move || {
                let text = writer.to_string().repeat(SIZE);
                let rounds = async |cx: &Context| {
                    for _ in 0..ROUNDS {
                        write_text(path, text.clone(), WriteOptions::new(), cx).await.unwrap();
                    }
                };
                if writer.is_multiple_of(2) {
                    srun(async |cx| {
                        let _: () = rounds(cx).await;
                        Ok::<_, mt_aio::OriError>(())
                    })
                    .unwrap();
                } else {
                    runtime().block_on(rounds(&Context::asynchronous()));
                }
            })
        });
        let outcomes = writers.map(|writer| writer.join().is_ok());
        done.store(true, Ordering::Release);
        assert!(outcomes.iter().all(|ok| *ok));
        reader.join().unwrap()
    });
    assert!(reads > 0);
    assert_eq!(names(dir.path()), ["shared"]);
}

#[test]
fn an_error_leaves_the_old_file_and_no_temporary_one() {
    // A write beyond the limit is an error in the middle of the data.
    let shell = "trap '' XFSZ; ulimit -f 64";
    ori_test_support::alone_with("write::an_error_leaves_the_old_file_and_no_temporary_one", shell, || {
        in_both_modes(async |cx| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a");
            fs::write(&path, "old").unwrap();
            for options in [WriteOptions::new(), WriteOptions::new().durable()] {
                let error = write_binary(&path, vec![1; 1 << 20], options, cx).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Io);
                assert_eq!(error.path(), Some(&*path));
                assert_eq!(fs::read_to_string(&path).unwrap(), "old");
                assert_eq!(names(dir.path()), ["a"]);
            }
        });
    });
}

#[test]
fn a_directory_as_target_is_an_error_that_touches_nothing() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("tree");
        fs::create_dir_all(target.join("deep")).unwrap();
        fs::write(target.join("deep/file"), "precious").unwrap();
        symlink(&target, dir.path().join("link")).unwrap();
        for path in [&target, &dir.path().join("link"), &dir.path().join("tree/"), Path::new("/")] {
            let error = write_text(path, "x", WriteOptions::new().make_dirs(), cx).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::IsADirectory);
        }
        assert_eq!(fs::read_to_string(target.join("deep/file")).unwrap(), "precious");
        assert_eq!(names(dir.path()), ["link", "tree"]);
        assert_eq!(names(&target), ["deep"]);
    });
}

#[test]
fn a_device_as_target_is_an_error_and_stays_a_device() {
    in_both_modes(async |cx| {
        let error = write_text("/dev/null", "x", WriteOptions::new(), cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    });
}

#[test]
fn a_name_of_255_bytes_works() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n".repeat(255));
        write_text(&path, "long", WriteOptions::new(), cx).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "long");
        let error = write_text(dir.path().join("n".repeat(256)), "", WriteOptions::new(), cx).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(names(dir.path()).len(), 1);
    });
}

#[test]
fn the_mode_of_an_existing_file_is_kept_unless_one_is_given() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let options = WriteOptions::new();
        for mode in [0o600, 0o640, 0o444, 0o777] {
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            write_text(&path, "x", options, cx).await.unwrap();
            assert_eq!(mode_of(&path), mode);
            write_text(&path, "x", options.mode(0o642), cx).await.unwrap();
            assert_eq!(mode_of(&path), 0o642);
        }
    });
}

#[test]
fn a_new_file_has_the_given_mode_or_what_the_umask_leaves() {
    let shell = "umask 027";
    ori_test_support::alone_with(
        "write::a_new_file_has_the_given_mode_or_what_the_umask_leaves",
        shell,
        || {
            in_both_modes(async |cx| {
                let dir = tempfile::tempdir().unwrap();
                let [plain, given] = ["plain", "given"].map(|name| dir.path().join(name));
                write_text(&plain, "", WriteOptions::new(), cx).await.unwrap();
                json_save(&given, &1, WriteOptions::new().mode(0o666), cx).await.unwrap();
                assert_eq!((mode_of(&plain), mode_of(&given)), (0o640, 0o666));
            });
        },
    );
}

#[test]
fn a_symlink_keeps_pointing_and_its_target_is_replaced() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("data")).unwrap();
        fs::write(at("data/real"), "old").unwrap();
        fs::set_permissions(at("data/real"), Permissions::from_mode(0o640)).unwrap();
        symlink("data/real", at("relative")).unwrap();
        symlink(at("relative"), at("chain")).unwrap();
        symlink("data/to be", at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();

        write_text(at("chain"), "new", WriteOptions::new(), cx).await.unwrap();
        assert_eq!(fs::read_to_string(at("data/real")).unwrap(), "new");
        assert_eq!(mode_of(&at("data/real")), 0o640);
        write_text(at("dangling"), "made", WriteOptions::new(), cx).await.unwrap();
        assert_eq!(fs::read_to_string(at("data/to be")).unwrap(), "made");
        assert!(["relative", "chain", "dangling"].iter().all(|name| at(name).is_symlink()));
        assert_eq!(names(&at("data")), ["real", "to be"]);

        let error = write_text(at("loop"), "", WriteOptions::new(), cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
    });
}

#[test]
fn directories_are_made_only_when_asked() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/c.txt");
        let error = write_text(&path, "", WriteOptions::new(), cx).await.unwrap_err();
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::NotFound);
        assert!(names(dir.path()).is_empty());
        write_text(&path, "x", WriteOptions::new().make_dirs().durable(), cx).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");
        fs::write(dir.path().join("file"), "").unwrap();
        let below_file = dir.path().join("file/d/e");
        assert!(write_text(&below_file, "", WriteOptions::new().make_dirs(), cx).await.is_err());
    });
}

#[test]
fn a_relative_path_is_meant_from_the_current_directory() {
    ori_test_support::alone("write::a_relative_path_is_meant_from_the_current_directory", || {
        let dir = tempfile::tempdir().unwrap();
        std::env::set_current_dir(&dir).unwrap();
        in_both_modes(async |cx| {
            write_text("bare", "1", WriteOptions::new().durable(), cx).await.unwrap();
            write_text("sub/bare", "2", WriteOptions::new().make_dirs().durable(), cx).await.unwrap();
            assert_eq!(names(dir.path()), ["bare", "sub"]);
        });
    });
}

#[test]
fn bad_options_are_validation_and_touch_nothing() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/a");
        // 664 where 0o664 was meant is 0o1230; 66400 is no mode at all.
        let options = WriteOptions::new().make_dirs().mode(66_400);
        let error = write_text(&path, "", options, cx).await.unwrap_err();
        assert!(error.is_validation());
        assert!(names(dir.path()).is_empty());
        assert!(write_text("", "", WriteOptions::new(), cx).await.unwrap_err().is_validation());
    });
}

#[test]
fn other_hard_links_keep_the_old_content() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| dir.path().join(name));
        fs::write(&path, "old").unwrap();
        fs::hard_link(&path, &other).unwrap();
        write_text(&path, "new", WriteOptions::new(), cx).await.unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "old");
    });
}

#[test]
fn a_write_whose_future_is_dropped_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let runtime = runtime();
    runtime.block_on(async {
        let cx = Context::asynchronous();
        for round in 0..200 {
            let mut write =
                Box::pin(write_binary(&path, vec![round as u8; 100_000], WriteOptions::new(), &cx));
            // Polled once: begun, and dropped somewhere in the middle.
            assert!(futures_lite::future::poll_once(&mut write).await.is_none_or(|done| done.is_ok()));
        }
    });
    // Waits for what has begun.
    drop(runtime);
    let content = fs::read(&path).unwrap();
    assert_eq!(content.len(), 100_000);
    assert!(content.iter().all(|byte| *byte == content[0]));
    assert_eq!(names(dir.path()), ["a"]);
}
