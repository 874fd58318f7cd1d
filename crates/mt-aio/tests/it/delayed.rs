//! Delayed writes never disappear.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use mt_aio::{
    Context, DelayedWrite, ErrorKind, WriteOptions, json_save_delayed, write_binary_delayed,
    write_text_delayed,
};
use ori_test_support::wait_until;
use tokio::runtime::Builder;

use crate::running::{in_both_modes, names, runtime};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_delayed_write_gives_its_bytes_when_awaited() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let options = WriteOptions::new().mode(0o600);
        let (a, b, c) = (
            write_binary_delayed(at("a"), vec![7; 1000], options, cx),
            write_text_delayed(at("b"), "text", options, cx),
            json_save_delayed(at("c"), &[1, 2], options.durable(), cx),
        );
        assert_eq!((a.await.unwrap(), b.await.unwrap(), c.await.unwrap()), (1000, 4, 5));
        assert_eq!(fs::read(at("a")).unwrap(), [7; 1000]);
        assert_eq!(fs::read_to_string(at("c")).unwrap(), "[1,2]");
    });
}

#[test]
fn a_delayed_write_reports_its_error_when_awaited() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let error = write_text_delayed(dir.path(), "x", WriteOptions::new(), cx).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Io, Some(dir.path())));
        let keys_that_are_no_text = BTreeMap::from([((1, 2), 3)]);
        let path = dir.path().join("a");
        let write = json_save_delayed(&path, &keys_that_are_no_text, WriteOptions::new(), cx);
        assert_eq!(write.await.unwrap_err().kind(), ErrorKind::Codec);
        assert!(names(dir.path()).is_empty());
    });
    let outside = write_text_delayed("a", "x", WriteOptions::new(), &Context::asynchronous());
    let error = futures_lite::future::block_on(outside).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_delayed_write_that_is_dropped_finishes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let runtime = runtime();
    runtime.block_on(async {
        drop(write_text_delayed(&path, "whole", WriteOptions::new(), &Context::asynchronous()));
    });
    wait_until(LIMIT, || path.exists());
    assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
}

#[test]
fn a_delayed_write_that_has_not_begun_is_done_while_the_runtime_ends() {
    let dir = tempfile::tempdir().unwrap();
    let at = |n: usize| dir.path().join(n.to_string());
    let runtime = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    // The one blocking thread is busy, so everything after it waits in the queue.
    let holding = runtime.spawn_blocking(move || held.recv());
    let writes: Vec<DelayedWrite> = runtime.block_on(async {
        let cx = Context::asynchronous();
        (0..50).map(|n| write_text_delayed(at(n), "whole", WriteOptions::new(), &cx)).collect()
    });
    runtime.shutdown_background();
    release.send(()).unwrap();
    for write in writes {
        assert_eq!(futures_lite::future::block_on(write).unwrap(), 5);
    }
    assert_eq!(names(dir.path()).len(), 50);
    drop(holding);
}

/// Three writes that fail and are never awaited: known before the drop, and after it.
fn drop_failing_writes() {
    let path = "/no such folder/a";
    drop(write_text_delayed(path, "", WriteOptions::new(), &Context::sync()));
    // Its end waits for the writes.
    let runtime = runtime();
    runtime.block_on(async {
        let cx = Context::asynchronous();
        drop(write_text_delayed(path, "", WriteOptions::new(), &cx));
        let _unread = write_text_delayed(path, "", WriteOptions::new(), &cx);
        mt_aio::yield_control().await;
    });
}

#[cfg(not(feature = "tracing"))]
#[test]
fn a_dropped_write_that_fails_is_reported() {
    const NAME: &str = "delayed::a_dropped_write_that_fails_is_reported";
    // The error stream of a process can be read only from outside.
    if std::env::var_os("MT_AIO_TEST_DROPS").is_some() {
        return drop_failing_writes();
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([NAME, "--exact", "--nocapture"]).env("MT_AIO_TEST_DROPS", "1");
    let output = command.output().unwrap();
    assert!(output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr.matches("a delayed write failed: Io: `/no such folder/a`").count(), 3, "{stderr}");
}

#[cfg(feature = "tracing")]
#[test]
fn a_dropped_write_that_fails_is_reported() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    struct Warnings(Arc<AtomicUsize>);
    impl Subscriber for Warnings {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() == Level::WARN && metadata.target().starts_with("mt_aio")
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    // A subscriber is for the whole process.
    ori_test_support::alone("delayed::a_dropped_write_that_fails_is_reported", || {
        let warnings = Arc::new(AtomicUsize::new(0));
        tracing::subscriber::set_global_default(Warnings(warnings.clone())).unwrap();
        drop_failing_writes();
        assert_eq!(warnings.load(Ordering::Relaxed), 3);
    });
}
