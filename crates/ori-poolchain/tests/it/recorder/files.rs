//! The files that a run leaves, and what happens when it cannot.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use ori_errors::{ErrorKind, Result};
use ori_poolchain::{PoolChain, Recorder};
use ori_test_support::{wait_until, within};

use super::{Trace, assert_is_svg};
use crate::LIMIT;
use crate::stopping::Gate;

/// What is in a folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn both_files_are_there_when_the_last_result_was_taken_and_nothing_else() {
    within(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let (trace, timeline) = (folder.path().join("run.json"), folder.path().join("run.svg"));
        let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).trace(&trace).timeline(&timeline);
        // Twice: the second run replaces the files.
        for items in [100, 300] {
            let mut results = chain.execute_lazy(0..items).unwrap();
            assert_eq!(results.by_ref().count() as u64, items);
            assert_eq!(names(folder.path()), ["run.json", "run.svg"]);
            Trace::read(&trace).stages()[0].assert_covers(items);
            assert_is_svg(&fs::read_to_string(&timeline).unwrap());
        }
        fs::remove_file(&trace).unwrap();
        assert_eq!(chain.execute_eager(0..50).unwrap().len(), 50);
        Trace::read(&trace).stages()[0].assert_covers(50);
    });
}

#[test]
fn a_run_that_is_dropped_halfway_leaves_its_files() {
    within(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let gate = Gate::default();
        let chain =
            PoolChain::new().add_threadpool(gate.stops(|n| n == 2)).max_workers(2).chunksize(1).trace(&path);
        let mut results = chain.execute_lazy((0..).filter(|_| true)).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        wait_until(LIMIT, || {
            results.stats().stages()[0].items > 1 && results.stats().stages()[0].running > 0
        });
        assert!(!path.exists());
        drop(results);
        let trace = Trace::read(&path);
        assert!(trace.over);
        assert!(trace.stages()[0].spans.iter().any(|span| span.items == 1 && span.positions.0 == 0));
        gate.open();
    });
}

#[test]
fn an_error_of_an_eager_run_leaves_its_files_too() {
    within(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let chain = PoolChain::new().add_threadpool(|n: u64| assert!(n != 3, "three")).trace(&path);
        assert!(chain.execute_eager(0..10).unwrap_err().is_panic());
        assert_eq!(Trace::read(&path).stages()[0].marks("failed"), 1);
    });
}

#[test]
fn without_a_folder_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let pulled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&pulled);
    let items = move || {
        let count = Arc::clone(&count);
        (0..10_u64).inspect(move |_| {
            count.fetch_add(1, SeqCst);
        })
    };
    for path in [folder.path().join("no/run.json"), folder.path().to_owned()] {
        let trace = PoolChain::new().add_threadpool(|n: u64| n).trace(&path);
        let timeline = PoolChain::new().add_threadpool(|n: u64| n).timeline(&path);
        let errors = [
            trace.execute_lazy(items()).unwrap_err(),
            timeline.execute_eager(items()).unwrap_err(),
            timeline.execute_eager_scoped(items()).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.path()), (ErrorKind::Io, Some(&*path)), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        }
        // These leave nothing, so they need no folder.
        assert_eq!(trace.execute_eager_single_threaded([1, 2]).unwrap(), [1, 2]);
    }
    assert_eq!(pulled.load(SeqCst), 0);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_file_that_cannot_be_written_is_the_last_result() {
    within(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let run = |path: &Path| {
            fs::create_dir(&gone).unwrap();
            PoolChain::new().add_threadpool(|n: u64| n + 1).trace(path).timeline(path)
        };
        let path = gone.join("run");

        let chain = run(&path);
        let results = chain.execute_lazy(0..3).unwrap();
        fs::remove_dir(&gone).unwrap();
        let results: Vec<Result<u64>> = results.collect();
        assert_eq!(results.len(), 4);
        assert!(results[..3].iter().all(Result::is_ok));
        let error = results[3].as_ref().unwrap_err();
        assert_eq!(
            (error.kind(), error.path(), error.item()),
            (ErrorKind::Io, Some(&*path), None),
            "{error}"
        );

        let chain = run(&path);
        let remove = gone.clone();
        let items = (0..3).inspect(move |n| {
            if *n == 2 {
                fs::remove_dir(&remove).unwrap();
            }
        });
        let error = chain.execute_eager(items).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Io, Some(&*path)));
    });
}

#[test]
fn a_recorder_that_has_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::new();
    assert!(recorder.write_trace(folder.path().join("a")).unwrap_err().is_validation());
    assert!(recorder.write_timeline(folder.path().join("b")).unwrap_err().is_validation());
    assert_eq!(names(folder.path()), [""; 0]);
    let chain = PoolChain::new().add_threadpool(|n: u64| n).record(&recorder);
    chain.execute_eager([1]).unwrap();
    let error = recorder.write_trace(folder.path().join("no/a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
