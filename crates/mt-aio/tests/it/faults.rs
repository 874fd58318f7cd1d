//! Too few descriptors, and nothing left behind.

use std::fs::File;
use std::time::{Duration, Instant};

use mt_aio::path::{Access, lock};
use mt_aio::{Context, OriError, WriteOptions, mkdtemp, read_text, srun, write_text, write_text_delayed};
use ori_test_support::{LeakCheck, alone, alone_with, wait_until};

use crate::running::{in_both_modes, names, runtime};

#[test]
fn too_many_open_files_is_waited_out() {
    alone_with("faults::too_many_open_files_is_waited_out", "ulimit -n 64", || {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "x").unwrap();
        in_both_modes(async |cx| {
            let mut held = Vec::new();
            while let Ok(file) = File::open(&path) {
                held.push(file);
            }
            let release = std::thread::spawn(move || {
                let start = Instant::now();
                wait_until(Duration::from_secs(9), || start.elapsed() > Duration::from_millis(20));
                drop(held);
            });
            assert_eq!(read_text(&path, None, cx).await.unwrap(), "x");
            write_text(&path, "x", WriteOptions::new().durable(), cx).await.unwrap();
            release.join().unwrap();
        });
    });
}

#[test]
fn five_thousand_operations_work_with_256_descriptors() {
    alone_with("faults::five_thousand_operations_work_with_256_descriptors", "ulimit -n 256", || {
        let runtime = runtime();
        let dir = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for n in 0..5_000 {
                let path = dir.path().join((n % 100).to_string());
                tasks.spawn(async move {
                    let cx = Context::asynchronous();
                    write_text(&path, "whole", WriteOptions::new(), &cx).await.unwrap();
                    assert_eq!(read_text(&path, None, &cx).await.unwrap(), "whole");
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        });
        assert_eq!(names(dir.path()).len(), 100);
    });
}

#[test]
fn ten_thousand_starts_and_drops_leave_nothing() {
    alone("faults::ten_thousand_starts_and_drops_leave_nothing", || {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a");
        let check = LeakCheck::start().unwrap();
        let runtime = runtime();
        for _ in 0..10_000 {
            srun(async |cx| {
                drop(lock(&path, Access::Write, cx).await?);
                Ok::<_, OriError>(())
            })
            .unwrap();
            runtime.block_on(async {
                let cx = Context::asynchronous();
                drop(write_text_delayed(&path, "x", WriteOptions::new(), &cx));
                drop(mt_aio::Queue::<u8>::bounded(1));
                let manager = mt_aio::AprocManager::new(1, mt_aio::HandleException::Raise);
                manager.send(std::future::pending::<()>()).await.unwrap();
            });
        }
        let mut made = Vec::new();
        for _ in 0..100 {
            let dir = srun(mkdtemp).unwrap();
            made.push(dir.to_owned());
            std::fs::create_dir(dir.join("full")).unwrap();
        }
        assert!(made.iter().all(|dir| !dir.exists()));
        drop(runtime);
        check.finish();
        assert_eq!(names(scratch.path()), ["a"]);
    });
}

#[test]
fn a_temporary_directory_is_removed_on_close_and_on_drop() {
    in_both_modes(async |cx| {
        let dir = mkdtemp(cx).await.unwrap();
        let path = dir.path().to_owned();
        write_text(path.join("a/b"), "x", WriteOptions::new().make_dirs(), cx).await.unwrap();
        drop(dir);
        assert!(!path.exists());

        let dir = mkdtemp(cx).await.unwrap();
        let path = dir.path().to_owned();
        dir.close().await.unwrap();
        assert!(!path.exists());

        let one = mkdtemp(cx).await.unwrap();
        let two = mkdtemp(cx).await.unwrap();
        assert_ne!(one.path(), two.path());
    });
}
