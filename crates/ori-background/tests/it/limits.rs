//! The time limit of a pool's tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use ori_background::{Executor, Shutdown, ThreadPool, run_in_background};
use ori_test_support::{LeakCheck, alone, threads_named, wait_until, within};

use crate::LONG;

/// So long that a short task on a busy machine is not taken for a stuck one.
const LIMIT: Duration = Duration::from_millis(200);

fn limited(workers: usize, name: &str) -> ThreadPool {
    ThreadPool::builder().max_workers(workers).task_timeout(LIMIT).thread_name(name).build().unwrap()
}

#[test]
fn a_task_over_the_limit_is_timed_out_and_its_thread_is_replaced() {
    let pool = limited(2, "stuck");
    let (gate, closed) = channel::<()>();
    let closed = Arc::new(std::sync::Mutex::new(closed));
    let stuck: Vec<_> = (0..6)
        .map(|_| {
            let closed = Arc::clone(&closed);
            pool.submit(move || {
                let _ = closed.lock().unwrap().recv();
            })
        })
        .collect();
    // All of them, though only two can run at a time: so the capacity was kept.
    for task in stuck {
        let error = within(LONG, || task.result()).unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    }
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    drop(gate);
    drop(pool);
    wait_until(LONG, || threads_named("stuck").unwrap() == 0);
}

#[test]
fn a_late_result_is_thrown_away() {
    struct Late(Arc<AtomicUsize>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let pool = limited(1, "late");
    let dropped = Arc::new(AtomicUsize::new(0));
    let (gate, closed) = channel::<()>();
    let late = Late(Arc::clone(&dropped));
    let mut task = pool.submit(move || {
        let _ = closed.recv();
        late
    });
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    task.on_done(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    assert!(task.result_timeout(LONG).err().unwrap().is_timeout());
    assert_eq!(dropped.load(Ordering::SeqCst), 0, "it still runs");
    drop(gate);
    wait_until(LONG, || dropped.load(Ordering::SeqCst) == 1);
    wait_until(LONG, || calls.load(Ordering::SeqCst) == 1);
    assert!(task.result().is_err());
}

#[test]
fn the_limit_holds_for_wrappers_after_a_quiet_time_and_not_for_short_tasks() {
    let pool = limited(2, "again");
    let (gate, closed) = channel::<()>();
    let closed = Arc::new(std::sync::Mutex::new(closed));
    let call = run_in_background(
        move |stuck: bool| {
            if stuck {
                let _ = closed.lock().unwrap().recv();
            }
        },
        pool.clone(),
    )
    .unwrap();
    for _ in 0..5 {
        call(false).result().unwrap();
        // Until the watch sleeps as there is nothing to watch.
        wait_until(LONG, || {
            format!("{pool:?}").contains("idle: 1") || format!("{pool:?}").contains("idle: 2")
        });
        assert!(
            within(LONG, {
                let call = call.clone();
                move || call(true).result()
            })
            .unwrap_err()
            .is_timeout()
        );
    }
    drop(gate);
}

#[test]
fn a_bare_job_has_no_limit_and_queueing_is_not_running() {
    let pool = limited(1, "unbound");
    let (gate, closed) = channel::<()>();
    pool.execute(Box::new(move || {
        let _ = closed.recv();
    }))
    .unwrap();
    let mut behind = pool.submit(|| 1);
    assert!(behind.result_timeout(LIMIT * 3).unwrap_err().is_timeout(), "its worker was not replaced");
    drop(gate);
    assert_eq!(behind.result().unwrap(), 1);
}

#[test]
fn shutdown_does_not_wait_for_a_stuck_task() {
    let pool = limited(2, "wait");
    let (gate, closed) = channel::<()>();
    let stuck = pool.submit(move || closed.recv().is_ok());
    let waiting = pool.clone();
    within(LONG, move || waiting.shutdown(Shutdown::Wait));
    assert!(stuck.is_done());
    assert!(stuck.result().unwrap_err().is_timeout());
    drop(gate);
}

#[test]
fn pools_with_a_limit_leave_no_thread_behind() {
    alone("limits::pools_with_a_limit_leave_no_thread_behind", || {
        let check = LeakCheck::start().unwrap();
        for n in 0..500 {
            let pool = limited(2, "limited");
            if n % 2 == 0 {
                pool.submit(|| 1).result().unwrap();
            }
        }
        check.finish();
    });
}
