//! Paths: questions, moves, links and locks.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mt_aio::path::{Access, lock};
use mt_aio::{
    Context, ErrorKind, OriError, exists, make_dirs, relative_symlink, remove, rename, safe_chmod,
    safe_chmod_and_rename, safe_rename, sleep, srun, stat, wait_until_file_exists,
};
use ori_test_support::within;

use crate::running::{in_both_modes, names, runtime};

const LIMIT: Duration = Duration::from_secs(60);

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn exists_follows_links_and_knows_missing_from_unreadable() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "").unwrap();
        symlink("file", at("link")).unwrap();
        symlink("gone", at("dangling")).unwrap();
        let expected =
            [("file", true), ("link", true), ("dangling", false), ("gone", false), ("file/x", false)];
        for (name, expected) in expected {
            assert_eq!(exists(at(name), cx).await.unwrap(), expected, "{name}");
        }
        assert_eq!(exists(at(&"n".repeat(256)), cx).await.unwrap_err().kind(), ErrorKind::Io);
    });
}

#[test]
fn remove_takes_one_thing_and_never_a_tree() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        make_dirs(at("tree/deep"), cx).await.unwrap();
        make_dirs(at("tree/deep"), cx).await.unwrap();
        make_dirs(at("empty"), cx).await.unwrap();
        symlink("tree", at("link")).unwrap();
        fs::write(at("file"), "").unwrap();
        for name in ["link", "file", "empty"] {
            remove(at(name), cx).await.unwrap();
        }
        assert_eq!(remove(at("tree"), cx).await.unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(remove(at("file"), cx).await.unwrap_err().path(), Some(&*at("file")));
        assert_eq!(names(dir.path()), ["tree"]);
    });
}

#[test]
fn rename_and_stat_do_what_they_say() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| dir.path().join(name));
        fs::write(&old, "12345").unwrap();
        rename(&old, &new, cx).await.unwrap();
        assert_eq!(stat(&new, cx).await.unwrap().len(), 5);
        assert_eq!(stat(&old, cx).await.unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(rename(&old, &new, cx).await.unwrap_err().path(), Some(&*old));
    });
}

#[test]
fn safe_rename_replaces_a_file_and_never_a_directory() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("new"), "new").unwrap();
        fs::write(at("old"), "old").unwrap();
        safe_rename(at("new"), at("old"), cx).await.unwrap();
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "new");

        make_dirs(at("tree/deep"), cx).await.unwrap();
        make_dirs(at("empty"), cx).await.unwrap();
        make_dirs(at("other"), cx).await.unwrap();
        for target in ["tree", "empty"] {
            for source in ["old", "other"] {
                let error = safe_rename(at(source), at(target), cx).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Io);
                let error = safe_chmod_and_rename(at(source), at(target), 0o700, cx).await.unwrap_err();
                assert_eq!(error.path(), Some(&*at(target)));
            }
        }
        assert_eq!(names(dir.path()), ["empty", "old", "other", "tree"]);
        assert_eq!(safe_rename(at("gone"), at("x"), cx).await.unwrap_err().path(), Some(&*at("gone")));
    });
}

#[test]
fn safe_chmod_sets_exactly_these_bits() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let [path, moved] = ["a", "b"].map(|name| dir.path().join(name));
        fs::write(&path, "").unwrap();
        for mode in [0o600, 0o666, 0o1777] {
            safe_chmod(&path, mode, cx).await.unwrap();
            assert_eq!(mode_of(&path), mode);
        }
        assert!(safe_chmod(&path, 0o10000, cx).await.unwrap_err().is_validation());
        assert!(safe_chmod_and_rename(&path, &moved, 66_400, cx).await.unwrap_err().is_validation());
        safe_chmod_and_rename(&path, &moved, 0o604, cx).await.unwrap();
        assert_eq!((mode_of(&moved), path.exists()), (0o604, false));
        assert_eq!(safe_chmod(&path, 0o600, cx).await.unwrap_err().kind(), ErrorKind::Io);
    });
}

#[test]
fn wait_until_file_exists_sees_it_come_or_gives_up() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let limit = Some(Duration::from_millis(5));
        let error = wait_until_file_exists(&path, limit, cx).await.unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(error.path(), Some(&*path));
        let error = wait_until_file_exists(&path, Some(Duration::ZERO), cx).await.unwrap_err();
        assert!(error.is_timeout());

        let late = path.clone();
        let writer = thread::spawn(move || fs::write(late, "").unwrap());
        wait_until_file_exists(&path, None, cx).await.unwrap();
        writer.join().unwrap();
        wait_until_file_exists(&path, Some(Duration::ZERO), cx).await.unwrap();
    });
}

#[test]
fn a_relative_symlink_leads_there_from_anywhere() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        make_dirs(at("a/b/c"), cx).await.unwrap();
        make_dirs(at("x"), cx).await.unwrap();
        // Through a linked directory, `..` of the link is not `..` of its path.
        symlink("a/b/c", at("shortcut")).unwrap();
        for (target, link, way) in [
            ("x/t", "a/b/c/l1", "../../../x/t"),
            ("a/t", "l2", "a/t"),
            ("x/../a/t", "x/l3", "../a/t"),
            ("x/t", "shortcut/l4", "../../../x/t"),
            ("a/b/c", "a/b/c/l5", "."),
        ] {
            relative_symlink(at(target), at(link), cx).await.unwrap();
            assert_eq!(fs::read_link(at(link)).unwrap(), Path::new(way), "{link}");
        }
        fs::write(at("x/t"), "").unwrap();
        assert!(at("shortcut/l4").exists());
        assert!(at("a/b/c/l5").is_dir());
        let error = relative_symlink(at("x/t"), at("l2"), cx).await.unwrap_err();
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(relative_symlink(at("x"), at("no/l"), cx).await.unwrap_err().kind(), ErrorKind::Io);
    });
}

/// Readers and writers of one path, half of them in each mode.
#[test]
fn a_path_lock_lets_readers_together_and_writers_alone() {
    static READING: AtomicUsize = AtomicUsize::new(0);
    static WRITING: AtomicUsize = AtomicUsize::new(0);

    async fn use_path(path: &Path, cx: &Context, worker: usize) -> Result<(), OriError> {
        for round in 0..200 {
            let write = (worker + round).is_multiple_of(3);
            let access = if write { Access::Write } else { Access::Read };
            let guard = lock(path, access, cx).await?;
            let mine = if write { &WRITING } else { &READING };
            mine.fetch_add(1, Ordering::SeqCst);
            let (readers, writers) = (READING.load(Ordering::SeqCst), WRITING.load(Ordering::SeqCst));
            assert!(writers == 0 || (writers == 1 && readers == 0), "{readers} read, {writers} write");
            if round % 50 == 0 {
                sleep(Duration::from_micros(100), cx).await;
            }
            mine.fetch_sub(1, Ordering::SeqCst);
            drop(guard);
        }
        Ok(())
    }

    within(LIMIT, || {
        let dir = tempfile::tempdir().unwrap();
        let path = &dir.path().join("never made");
        thread::scope(|scope| {
            for worker in 0..6 {
                scope.spawn(move || {
                    if worker % 2 == 0 {
                        srun(async |cx| use_path(path, cx, worker).await).unwrap();
                    } else {
                        runtime().block_on(use_path(path, &Context::asynchronous(), worker)).unwrap();
                    }
                });
            }
        });
    });
}

#[test]
fn names_of_one_file_share_a_lock_and_others_do_not() {
    within(LIMIT, || {
        in_both_modes(async |cx| {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            make_dirs(at("d"), cx).await.unwrap();
            symlink("d", at("linked")).unwrap();
            let guard = lock(at("d/a"), Access::Write, cx).await.unwrap();
            let other = lock(at("d/b"), Access::Write, cx).await.unwrap();
            let again = Context::asynchronous();
            let mut same = Box::pin(lock(at("linked/../d/./a"), Access::Read, &again));
            if cx.is_async() {
                let waits = tokio::time::timeout(Duration::from_millis(5), &mut same).await;
                assert!(waits.is_err(), "the same file under another name");
                drop(guard);
                assert_eq!(same.await.unwrap().path(), at("d").canonicalize().unwrap().join("a"));
            }
            drop(other);
        });
    });
}

#[test]
fn a_lock_that_is_no_longer_waited_for_is_free() {
    let runtime = runtime();
    runtime.block_on(async {
        let cx = Context::asynchronous();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let guard = lock(&path, Access::Read, &cx).await.unwrap();
        let mut writer = Box::pin(lock(&path, Access::Write, &cx));
        assert!(tokio::time::timeout(Duration::from_millis(5), writer.as_mut()).await.is_err());
        // The writer that waits is before the readers that come later, until it gives up.
        let mut reader = Box::pin(lock(&path, Access::Read, &cx));
        assert!(tokio::time::timeout(Duration::from_millis(5), reader.as_mut()).await.is_err());
        drop(writer);
        drop((guard, reader.await.unwrap()));
        drop(lock(&path, Access::Write, &cx).await.unwrap());
    });
}
