//! What runs while a command runs: reads both streams, writes stdin, waits for the end.
//!
//! One future does it all, so that one thread serves a command. A callback that blocks it stops
//! the reading, and a full pipe then stops the command: that is the back-pressure.

use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_io::Timer;
use async_process::{Child, ChildStdin};
use futures_lite::future::{poll_fn, yield_now, zip};
use futures_lite::{AsyncRead, AsyncWriteExt as _, FutureExt as _};
use ori_errors::{ErrorKind, OriError};

use crate::Exit;
use crate::group::{Cause, Group};
use crate::lines::Splitter;
use crate::sink::{Failure, Sink, Troubles, last_line};

/// A command that runs, with all that is needed until its end.
pub(crate) struct Pump {
    /// The first word of the command: what a subscriber may see of it.
    pub(crate) program: OsString,
    pub(crate) child: Child,
    pub(crate) group: Arc<Group>,
    pub(crate) stdin: Option<(ChildStdin, Vec<u8>)>,
    pub(crate) stdout: Option<(Reader, Sink)>,
    pub(crate) stderr: Option<(Reader, Sink)>,
    pub(crate) troubles: Troubles,
    pub(crate) options: PumpOptions,
}

pub(crate) type Reader = Pin<Box<dyn AsyncRead + Send>>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct PumpOptions {
    pub(crate) grace: Duration,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) max_line: usize,
    pub(crate) check: bool,
    pub(crate) code_on_killed: Option<i32>,
}

/// How it ended, and what was collected.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    pub(crate) failure: Option<Failure>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// After so many reads of one stream it is the turn of the other.
const TURN: u32 = 16;

/// Whether the end of a stream was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drained {
    Yes,
    No,
}

impl Pump {
    pub(crate) async fn run(self) -> Outcome {
        let Self { mut child, group, stdin, mut stdout, mut stderr, troubles, options, .. } = self;
        let ended = Cell::new(false);
        let status = async {
            let mut status = Box::pin(child.status());
            let status = poll_fn(|cx| group.poll_reap(|| status.poll(cx))).await;
            ended.set(true);
            status
        };
        let out = drain(stdout.as_mut(), &ended, options, &troubles);
        let err = drain(stderr.as_mut(), &ended, options, &troubles);
        // `zip` polls in this order, so the readers know of the end in the same wake-up.
        let (status, ((drained_out, drained_err), ())) =
            zip(status, zip(zip(out, err), write(stdin, &ended, &troubles))).await;
        group.gone_if_stopped().await;
        group.lift_time_limit();

        let stopped = group.stopped();
        let drained = drained_out == Drained::Yes && drained_err == Drained::Yes;
        let stderr_tail = match &stderr {
            Some((_, Sink::Collect(tail) | Sink::Tail(tail))) => last_line(tail),
            _ => None,
        };
        // A status that cannot be learnt is reported as what it is: nothing known.
        let exit = match &status {
            Ok(status) => Exit::new(*status, stopped.is_some(), options.code_on_killed, drained),
            Err(_) => Exit { code: None, signal: None, killed: stopped.is_some(), drained },
        };
        let failure = failure(status.err(), stopped, exit, options, stderr_tail);
        if let Some(failure) = &failure {
            troubles.report(failure.error());
        }
        let failure = failure.or_else(|| troubles.first());
        let bytes =
            |stream: Option<(Reader, Sink)>| stream.map_or_else(Vec::new, |(_, sink)| sink.into_bytes());
        Outcome { exit, failure, stdout: bytes(stdout), stderr: bytes(stderr) }
    }
}

fn failure(
    lost: Option<io::Error>,
    stopped: Option<Cause>,
    exit: Exit,
    options: PumpOptions,
    stderr_tail: Option<String>,
) -> Option<Failure> {
    if let Some(error) = lost {
        return Some(Failure::new(ErrorKind::Io, format!("its exit status is not known: {error}")));
    }
    if let (Some(Cause::TimeLimit), Some(limit)) = (stopped, options.time_limit) {
        return Some(Failure::new(
            ErrorKind::TimedOut,
            format!("took longer than {limit:?} and was stopped"),
        ));
    }
    if !options.check || exit.success() {
        return None;
    }
    let mut message = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended without an exit status".to_owned(),
    };
    if let Some(line) = stderr_tail {
        message.push_str("; the last it said: ");
        message.push_str(&line);
    }
    Some(Failure::new(ErrorKind::ExitStatus, message))
}

/// Reads a stream to its end, or until it was idle for the grace period after the command's end.
async fn drain(
    stream: Option<&mut (Reader, Sink)>,
    ended: &Cell<bool>,
    options: PumpOptions,
    troubles: &Troubles,
) -> Drained {
    let Some((reader, sink)) = stream else { return Drained::Yes };
    let mut splitter = Splitter::new(options.max_line);
    let mut reads = 0_u32;
    loop {
        reads = reads.wrapping_add(1);
        if reads.is_multiple_of(TURN) {
            // A command that writes without a pause must not keep us from its other stream.
            yield_now().await;
        }
        let read = match read_or_idle(reader, splitter.room(), ended, options.grace).await {
            Ok(Some(read)) => read,
            Ok(None) => {
                let _ = sink.take(&mut splitter, options.max_line, true, troubles).await;
                return Drained::No;
            }
            Err(error) => {
                troubles.report(OriError::new(ErrorKind::Io, "its output cannot be read").with_source(error));
                return Drained::No;
            }
        };
        splitter.filled(read);
        if sink.take(&mut splitter, options.max_line, read == 0, troubles).await.is_err() {
            // Nobody wants the rest: closing the pipe tells the command so.
            *reader = Box::pin(futures_lite::io::empty());
            return Drained::No;
        }
        if read == 0 {
            return Drained::Yes;
        }
    }
}

/// How many bytes were read, 0 at the end; `None` when the command has ended and the pipe was idle
/// for the grace period.
async fn read_or_idle(
    reader: &mut Reader,
    room: &mut [u8],
    ended: &Cell<bool>,
    grace: Duration,
) -> io::Result<Option<usize>> {
    let mut idle: Option<Timer> = None;
    poll_fn(|cx| {
        if let Poll::Ready(read) = reader.as_mut().poll_read(cx, room) {
            return Poll::Ready(read.map(Some));
        }
        if !ended.get() {
            return Poll::Pending;
        }
        let idle = idle.get_or_insert_with(|| match Instant::now().checked_add(grace) {
            Some(at) => Timer::at(at),
            None => Timer::never(),
        });
        idle.poll(cx).map(|_| Ok(None))
    })
    .await
}

/// Gives the command its input. One that has ended, or does not read on, is not an error.
async fn write(stdin: Option<(ChildStdin, Vec<u8>)>, ended: &Cell<bool>, troubles: &Troubles) {
    let Some((mut pipe, bytes)) = stdin else { return };
    let all = async { pipe.write_all(&bytes).await };
    // What the command left behind may hold the other end of the pipe without ever reading it.
    let end = poll_fn(|_| if ended.get() { Poll::Ready(Ok(())) } else { Poll::Pending });
    match all.or(end).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            troubles.report(OriError::new(ErrorKind::Io, "its input cannot be written").with_source(error));
        }
        _ => {}
    }
}
