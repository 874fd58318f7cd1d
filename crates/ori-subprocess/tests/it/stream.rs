//! Lines as an iterator and as a stream, and waiting from async code.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_lite::StreamExt as _;
use ori_subprocess::{Result, run_process, run_process_in_background};
use ori_test_support::{wait_until, within};

use crate::{LIMIT, members, sh};

#[test]
fn iterator_and_stream_give_every_line() {
    within(LIMIT, || {
        let expected: Vec<String> = (1..=50_000).map(|n| n.to_string()).collect();
        let seq = || run_process(["seq", "1", "50000"]).check().lines().unwrap();
        assert!(seq().into_iter().collect::<Result<Vec<_>>>().unwrap() == expected);
        let collected: Result<Vec<_>> = futures_lite::future::block_on(seq().try_collect());
        assert!(collected.unwrap() == expected);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let collected: Result<Vec<_>> = runtime.block_on(seq().try_collect());
        assert!(collected.unwrap() == expected);
    });
}

#[test]
fn a_failure_is_the_last_item() {
    within(LIMIT, || {
        let lines = || run_process(sh("echo one; echo bad luck >&2; exit 9")).check().lines().unwrap();
        let mut iterator = lines().into_iter();
        assert_eq!(iterator.next().unwrap().unwrap(), "one");
        let error = iterator.next().unwrap().unwrap_err();
        assert_eq!(error.exit_code(), Some(9));
        assert!(error.to_string().contains("bad luck"));
        assert!(iterator.next().is_none());
        futures_lite::future::block_on(async {
            let mut stream = lines();
            assert_eq!(stream.next().await.unwrap().unwrap(), "one");
            assert_eq!(stream.next().await.unwrap().unwrap_err().exit_code(), Some(9));
            assert!(stream.next().await.is_none());
        });
    });
}

#[test]
fn dropping_the_lines_stops_the_command() {
    within(LIMIT, || {
        let mut lines = run_process(["yes"]).lines().unwrap().into_iter();
        assert_eq!(lines.next().unwrap().unwrap(), "y");
        let pid = lines.process().pid();
        drop(lines);
        wait_until(LIMIT, || members(pid).is_empty());
    });
}

#[test]
fn lines_that_nobody_takes_wait_with_the_command() {
    within(LIMIT, || {
        let mut lines = run_process(["yes"]).lines().unwrap().into_iter();
        assert_eq!(lines.next().unwrap().unwrap(), "y");
        let written = || {
            let io = std::fs::read_to_string(format!("/proc/{}/io", lines.process().pid())).unwrap();
            let wchar = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
            wchar.parse::<u64>().unwrap()
        };
        // The blocks of the stream, the buffer and the pipe fill up; then nothing moves.
        let mut last = written();
        let mut still = 0;
        wait_until(LIMIT, || {
            let now = written();
            still = if now == last { still + 1 } else { 0 };
            last = now;
            still >= 200
        });
        assert!(last < 2_000_000, "{last} bytes were written though nobody read");
    });
}

#[test]
fn waiting_works_in_every_runtime_and_can_be_cancelled() {
    within(LIMIT, || {
        let process = run_process_in_background(["sleep", "100"]).start().unwrap();
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio.block_on(async {
            tokio::time::timeout(Duration::from_millis(20), process.wait()).await.unwrap_err();
        });
        {
            let mut wait = pin!(process.wait());
            let polled = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending));
        }
        assert!(process.is_alive());
        process.kill();
        assert_eq!(tokio.block_on(process.wait()).unwrap().signal, Some(9));
        assert_eq!(futures_lite::future::block_on(process.wait()).unwrap().signal, Some(9));
    });
}
