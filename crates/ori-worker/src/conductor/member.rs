//! [`Member`]: one worker as its parent sees it.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use ori_errors::{ErrorKind, OriError, Result};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::job::Queued;
use super::launch::Launched;
use super::outbox::Outbox;
use super::peek::Peeked;
use crate::frame::{Frame, FrameReader, Spare, broken, head, message};
use crate::message::{ContextHead, Function, JobHead, Kind};
use crate::sys::page::{MARKS, Page, Place};

/// Jobs that a worker may have, the running one included.
const JOBS: usize = 64;
/// Bytes on the way to a worker above which it gets no more than the job after the running one.
const BYTES: u64 = 2 << 20;

/// Where a worker is in its life.
#[derive(Debug)]
pub(super) enum Stage {
    /// Started, has not greeted yet.
    Starting,
    /// Greeted; its initializer runs.
    SettingUp,
    Ready,
    /// It takes no more jobs and was told to end.
    Leaving {
        since: Instant,
        grace: Duration,
    },
}

/// Why we killed a worker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Doom {
    /// The item at this place was over its limit.
    Late(Place, Duration),
    /// This job was cancelled.
    Cancelled(u64),
    /// It broke the protocol, or did not greet, or did not leave.
    Unusable,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Bytes, and there may be more.
    Some,
    /// Bytes or none, and no more for now.
    All,
    /// The end of the stream.
    End,
}

/// A job that was sent.
pub(super) struct Flight {
    pub(super) number: u64,
    /// `None` after the job was taken back: the worker will say that it skipped it.
    pub(super) queued: Option<Queued>,
    /// The first item that was sent.
    pub(super) base: u32,
    items: u32,
    pub(super) bytes: u64,
    /// Marked to be skipped; the worker may have begun it nevertheless.
    pub(super) marked: bool,
    pub(super) peeked: Peeked,
}

pub(super) struct Member {
    pub(super) child: Child,
    pub(super) socket: OwnedFd,
    pub(super) end: OwnedFd,
    /// Whether its socket has come to its end.
    pub(super) is_closed: bool,
    pub(super) stage: Stage,
    pub(super) started: Instant,
    pub(super) page: Option<Page>,
    pub(super) flights: VecDeque<Flight>,
    pub(super) doom: Option<Doom>,
    /// Where it was when it was looked at last, and since when it has been there.
    seen: Option<(Place, Instant)>,
    pub(super) frames: FrameReader,
    pub(super) outbox: Outbox,
    contexts: HashSet<u64>,
    next_number: u64,
    /// Items of the jobs that it was sent, but for those that it skipped.
    items_sent: u64,
    bytes_in_flight: u64,
}

impl Member {
    pub(super) fn new(launched: Launched, spare: Spare) -> Self {
        Self {
            child: launched.child,
            socket: launched.socket,
            end: launched.end,
            is_closed: false,
            stage: Stage::Starting,
            started: Instant::now(),
            page: None,
            flights: VecDeque::new(),
            doom: None,
            seen: None,
            frames: FrameReader::new(spare),
            outbox: Outbox::default(),
            contexts: HashSet::new(),
            next_number: 1,
            items_sent: 0,
            bytes_in_flight: 0,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The function of a job that it has.
    pub(super) fn task_of(&self, job: u64) -> Option<&'static str> {
        let flight = self.flights.iter().find(|flight| flight.number == job)?;
        flight.queued.as_ref().map(|queued| queued.job.task.name())
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready) && self.doom.is_none()
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Starting | Stage::SettingUp) && self.doom.is_none()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.is_ready() && self.flights.is_empty()
    }

    /// Whether it can be given one more job, when it may have `jobs` at most.
    pub(super) fn has_room(&self, jobs: usize, max_items: Option<u64>) -> bool {
        self.is_ready()
            && self.flights.len() < jobs.min(JOBS)
            && (self.flights.len() < 2 || self.bytes_in_flight < BYTES)
            && max_items.is_none_or(|max| self.items_sent < max)
            // A number must not meet the mark of an older one.
            && self.flights.front().is_none_or(|first| self.next_number - first.number < MARKS as u64)
    }

    /// Reads what is there.
    pub(super) fn read(&mut self) -> io::Result<Read> {
        if self.page.is_none() {
            return self.read_greeting();
        }
        match self.frames.fill(&self.socket) {
            Ok(0) => Ok(Read::End),
            Ok(_) if self.frames.is_full() => Ok(Read::Some),
            Ok(_) => Ok(Read::All),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Read::All)
            }
            // The far end was closed with bytes unread in it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Read::End),
            Err(error) => Err(error),
        }
    }

    /// The greeting brings the status page along.
    fn read_greeting(&mut self) -> io::Result<Read> {
        let mut bytes = [0; 512];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [io::IoSliceMut::new(&mut bytes)];
        let received =
            match rustix::net::recvmsg(&self.socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(received) => received.bytes,
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(Read::All),
                Err(rustix::io::Errno::CONNRESET) => return Ok(Read::End),
                Err(error) => return Err(error.into()),
            };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                for file in files {
                    self.page = Some(Page::open(file)?);
                }
            }
        }
        if received > 0 && self.page.is_none() {
            // More would be kept without a limit, and its first bytes would bring the page along.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a greeting without a status page"));
        }
        self.frames.feed(&bytes[..received]);
        Ok(if received > 0 { Read::Some } else { Read::End })
    }

    /// Queues a frame for it.
    pub(super) fn send(&mut self, kind: Kind, body: &[u8]) {
        self.outbox.push_small(&head(kind, body.len(), 0));
        self.outbox.push_small(body);
    }

    /// Queues the context, unless it has it.
    pub(super) fn send_context(&mut self, context: &super::Context, function: Function) {
        if !self.contexts.insert(context.number()) {
            return;
        }
        let start = message(&ContextHead { context: context.number(), function });
        self.outbox.push_small(&head(
            Kind::Context,
            start.len() + context.body().len(),
            context.tail().length(),
        ));
        self.outbox.push_small(&start);
        self.outbox.push(context.body());
        for part in context.tail().parts() {
            self.outbox.push(part);
        }
    }

    /// Tells it that a context is no longer needed, if it has it.
    pub(super) fn forget_context(&mut self, number: u64) {
        if self.contexts.remove(&number) && !matches!(self.stage, Stage::Leaving { .. }) {
            self.send(Kind::Forget, &message(&number));
        }
    }

    /// Queues a job.
    pub(super) fn send_job(&mut self, queued: Queued, function: Function) {
        let number = self.next_number;
        self.next_number += 1;
        if let Some(page) = &self.page {
            page.unmark(number);
        }
        let context = queued.job.context.as_ref().map(super::Context::number);
        let start = message(&JobHead { job: number, function, context, items: queued.items_left() });
        let body = queued.rest();
        self.outbox.push_small(&head(Kind::Job, start.len() + body.len(), queued.job.tail.length()));
        self.outbox.push_small(&start);
        self.outbox.push(&body);
        for part in queued.job.tail.parts() {
            self.outbox.push(part);
        }
        let (base, items, bytes) = (queued.next, queued.items_left(), queued.bytes());
        self.bytes_in_flight += bytes;
        self.items_sent += u64::from(items);
        self.flights.push_back(Flight {
            number,
            queued: Some(queued),
            base,
            items,
            bytes,
            marked: false,
            peeked: Peeked::default(),
        });
    }

    /// The flight that was answered, which is always the first.
    pub(super) fn first_flight(&mut self, number: u64) -> Result<&mut Flight> {
        match self.flights.front_mut() {
            Some(flight) if flight.number == number => Ok(flight),
            _ => Err(broken("a reply to a job that was not sent")),
        }
    }

    pub(super) fn end_first_flight(&mut self) -> Option<Queued> {
        let flight = self.flights.pop_front()?;
        self.bytes_in_flight -= flight.bytes;
        flight.queued
    }

    /// The first flight was skipped: its items do not count for this worker, which would else wait
    /// with room for more, and be given none.
    pub(super) fn skipped_first_flight(&mut self) -> Option<Queued> {
        self.items_sent -= u64::from(self.flights.front()?.items);
        self.end_first_flight()
    }

    /// Takes back the later half of the jobs behind the running one: those of which it is certain
    /// that they were not begun. The others come back when the worker skips them.
    pub(super) fn take_back_half(&mut self) -> Vec<Queued> {
        let unmarked = (0..self.flights.len()).filter(|index| !self.flights[*index].marked);
        let waiting: Vec<usize> = unmarked.skip(1).collect();
        let mut taken = Vec::new();
        for index in &waiting[waiting.len() / 2..] {
            taken.extend(self.take_back(*index));
        }
        taken
    }

    /// Marks a flight to be skipped; gives its job when it is certain that it was not begun.
    pub(super) fn take_back(&mut self, index: usize) -> Option<Queued> {
        let page = self.page.as_ref()?;
        let flight = self.flights.get_mut(index)?;
        flight.marked = true;
        if page.skip(flight.number) { flight.queued.take() } else { None }
    }

    /// Where the worker is, and for how long it has been seen there.
    pub(super) fn look(&mut self, now: Instant) -> Option<(Place, Duration)> {
        let place = self.page.as_ref()?.place();
        match self.seen {
            Some((before, since)) if before == place => Some((place, now - since)),
            _ => {
                self.seen = Some((place, now));
                Some((place, Duration::ZERO))
            }
        }
    }

    /// Kills it; its end is handled when the kernel reports it.
    pub(super) fn kill(&mut self, doom: Doom) {
        if self.doom.is_none() {
            self.doom = Some(doom);
            // Fails only when it has ended by itself, which is what we want.
            let _ = self.child.kill();
        }
    }

    /// Its socket has come to its end: it is ending, or it wants to be rid of us. A process that is
    /// ending keeps the exit status that it has.
    pub(super) fn closed(&mut self) {
        self.is_closed = true;
        // Fails only when it has ended by itself, which is what we want.
        let _ = self.child.kill();
    }

    /// Asks it to end in an orderly way within `grace`.
    pub(super) fn say_goodbye(&mut self, grace: Duration, now: Instant) {
        if !matches!(self.stage, Stage::Leaving { .. }) {
            self.send(Kind::Bye, &[]);
            self.stage = Stage::Leaving { since: now, grace };
        }
    }

    /// The next frame that has arrived whole.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>> {
        self.frames.next()
    }

    /// The error of an item whose worker died.
    pub(super) fn lost_error(&self, status: ExitStatus) -> OriError {
        use std::os::unix::process::ExitStatusExt;
        let pid = self.pid();
        match (status.code(), status.signal()) {
            (Some(code), _) => {
                let message = format!("worker process {pid} ended with exit code {code} while it ran this");
                OriError::new(ErrorKind::WorkerLost, message).with_exit_code(code)
            }
            (None, signal) => {
                let signal = signal.unwrap_or(0);
                let message = format!("worker process {pid} was killed by signal {signal} while it ran this");
                OriError::new(ErrorKind::WorkerLost, message).with_signal(signal)
            }
        }
        .with_pid(pid)
    }
}
