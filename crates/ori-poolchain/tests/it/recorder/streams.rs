//! Async stages, and runs from and to streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_lite::{StreamExt as _, future, stream};
use ori_poolchain::{PoolChain, Recorder};
use ori_test_support::{wait_until, within};
use tokio::sync::Semaphore;

use super::files::names;
use super::{Trace, svg_of};
use crate::LIMIT;

#[test]
fn a_future_is_a_span_and_one_lane_holds_one_at_a_time() {
    within(LIMIT, || {
        let recorder = Recorder::new();
        let tries = AtomicU32::new(0);
        let tries = Arc::new(tries);
        let chain = PoolChain::new()
            .add_async_ref(move |n: Arc<u64>| {
                let tries = Arc::clone(&tries);
                async move {
                    tokio::time::sleep(Duration::from_millis(*n % 3)).await;
                    assert!(*n != 5 || tries.fetch_add(1, SeqCst) > 0, "the first try of five");
                    *n
                }
            })
            .name("wait")
            .max_workers(20)
            .retries(1)
            .add_threadpool(|n| n + 1)
            .record(&recorder);
        assert_eq!(chain.execute_lazy(0..200).unwrap().filter(Result::is_ok).count(), 200);
        let trace = Trace::of(&recorder);
        let [wait, add] = trace.stages()[..] else { panic!("two stages") };
        assert!(wait.name.starts_with("wait (20 futures)"));
        wait.assert_covers(200);
        add.assert_covers(200);
        assert_eq!(wait.spans.len(), 200);
        assert!((2..=20).contains(&wait.lanes.len()), "{}", wait.lanes.len());
        assert_eq!(wait.marks("tried again"), 1);
        assert!(trace.flows.len() >= 200);
        svg_of(&recorder);
    });
}

#[test]
fn futures_beyond_the_lanes_share_one() {
    const IN_FLIGHT: usize = 700;
    within(LIMIT, || {
        let recorder = Recorder::new();
        let (started, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let chain = PoolChain::new()
            .add_async(move |_: u64| {
                let (started, gate) = (Arc::clone(&started), Arc::clone(&gate));
                async move {
                    if started.fetch_add(1, SeqCst) + 1 == IN_FLIGHT {
                        gate.add_permits(10 * IN_FLIGHT);
                    }
                    gate.acquire().await.unwrap().forget();
                }
            })
            .max_workers(IN_FLIGHT)
            .record(&recorder);
        assert_eq!(chain.execute_lazy(0..2000).unwrap().filter(Result::is_ok).count(), 2000);
        let trace = Trace::of(&recorder);
        let stage = trace.stages()[0];
        assert_eq!(stage.items(), 2000);
        assert_eq!(stage.lanes.len(), 512);
        assert_eq!(stage.lanes.values().filter(|name| *name == "others").count(), 1);
        assert!(svg_of(&recorder).contains("700 busy"));
    });
}

#[test]
fn a_stream_has_ended_when_its_files_are_there() {
    within(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let chain = PoolChain::new().add_async(async |n: u64| n + 1).trace(&path);
        future::block_on(async {
            let results = chain.execute_stream(stream::iter(0..100)).unwrap();
            assert_eq!(results.filter(Result::is_ok).count().await, 100);
        });
        Trace::read(&path).stages()[0].assert_covers(100);

        std::fs::remove_file(&path).unwrap();
        let mut results = chain.execute_stream(stream::repeat(1)).unwrap();
        assert_eq!(future::block_on(results.next()).unwrap().unwrap(), 2);
        drop(results);
        wait_until(LIMIT, || path.exists());
        assert!(Trace::read(&path).stages()[0].items() >= 1);
        wait_until(LIMIT, || names(folder.path()) == ["run.json"]);

        let gone = folder.path().join("gone");
        std::fs::create_dir(&gone).unwrap();
        let chain = PoolChain::new().add_threadpool(|n: u64| n).trace(gone.join("run.json"));
        let results = chain.execute_stream(stream::iter([1, 2])).unwrap();
        std::fs::remove_dir(&gone).unwrap();
        let results: Vec<_> = future::block_on(results.collect());
        assert_eq!(results.len(), 3);
        assert_eq!(results[2].as_ref().unwrap_err().kind(), ori_errors::ErrorKind::Io);
    });
}
