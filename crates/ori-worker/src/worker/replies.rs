//! [`Writer`]: the results of a job, on their way to the parent.

use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::time::Instant;

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use rustix::net::{SendAncillaryBuffer, SendFlags};

use crate::codec::Tail;
use crate::frame::{HEAD, head, message};
use crate::message::{Failure, Kind, ReplyHead};
use crate::sys::page::{ARENA, Page};

/// Set in the length of a result that is an error.
pub(crate) const FAILED: u32 = 1 << 31;

/// Room before the results for what stands before them on the wire, so that all goes out in one
/// piece.
const ROOM: usize = 64;
/// A buffer that one huge result has blown up is given back.
const KEPT_CAPACITY: usize = 4 << 20;

/// Collects results and sends them: at the end of a job, when the arena is full, and after each
/// result with a payload.
pub(super) struct Writer {
    socket: OwnedFd,
    page: Page,
    job: u64,
    /// `ROOM` bytes, then the results that were not sent yet.
    body: Vec<u8>,
    tail: Tail,
    /// The number of the next item of the job, and how many of those before it were not sent yet.
    next: u32,
    unsent: u32,
    since: Instant,
    /// Items that this worker may still begin.
    items_left: Option<u64>,
    max_memory: Option<u64>,
    retired: bool,
}

impl Writer {
    pub(super) fn new(socket: OwnedFd, page: Page) -> Self {
        Self {
            socket,
            page,
            job: 0,
            body: vec![0; ROOM],
            tail: Tail::default(),
            next: 0,
            unsent: 0,
            since: Instant::now(),
            items_left: None,
            max_memory: None,
            retired: false,
        }
    }

    pub(super) fn set_limits(&mut self, max_items: Option<u64>, max_memory: Option<u64>) {
        self.items_left = max_items;
        self.max_memory = max_memory;
    }

    /// Whether this worker has told the parent that it takes no more.
    pub(super) fn is_retired(&self) -> bool {
        self.retired
    }

    /// Begins a job; `false` when it is to be skipped.
    pub(super) fn begin(&mut self, job: u64) -> bool {
        self.job = job;
        self.next = 0;
        self.since = Instant::now();
        self.page.begin_job(job)
    }

    /// Runs one item, which appends its result. `false`: the worker takes no more.
    ///
    /// # Errors
    /// When the parent cannot be reached. What the item fails with is its result.
    #[inline]
    pub(super) fn item(&mut self, run: impl FnOnce(&mut Vec<u8>, &mut Tail) -> Result<()>) -> Result<bool> {
        self.page.begin_item(self.next);
        let start = self.body.len();
        let (parts, length) = (self.tail.parts().len(), self.tail.length());
        let (body, tail) = (&mut self.body, &mut self.tail);
        let outcome = catch_panic(|| run(body, tail)).and_then(|outcome| outcome);
        if let Err(error) = outcome {
            self.body.truncate(start);
            self.tail.truncate(parts, length);
            push_failure(&mut self.body, &Failure::from(&error));
        }
        self.next += 1;
        self.unsent += 1;
        if self.tail.is_empty() && self.body.len() - ROOM <= ARENA {
            self.page.keep(start - ROOM, &self.body[start..]);
        } else {
            self.flush()?;
        }
        self.page.end_item();
        self.may_go_on()
    }

    #[inline]
    fn may_go_on(&mut self) -> Result<bool> {
        if let Some(left) = &mut self.items_left {
            *left = left.saturating_sub(1);
            self.retired |= *left == 0;
        }
        if let Some(limit) = self.max_memory {
            self.retired |= resident_bytes()? > limit;
        }
        Ok(!self.retired)
    }

    /// Ends a job.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.unsent > 0 {
            self.flush()?;
        }
        if self.retired { self.send(Kind::Retire, &[]) } else { Ok(()) }
    }

    /// The same error for each item of a job.
    pub(super) fn fail_all(&mut self, items: u32, failure: &Failure) -> Result<()> {
        for _ in 0..items {
            if !self.item(|_, _| Err(OriError::from(failure.clone())))? {
                break;
            }
        }
        self.finish()
    }

    /// Tells the parent that the job was not begun.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.send(Kind::Reply, &message(&ReplyHead { job: self.job, items: 0, skipped: true, nanos: 0 }))
    }

    /// Sends the results that were not sent yet.
    fn flush(&mut self) -> Result<()> {
        let now = Instant::now();
        let nanos = u64::try_from((now - self.since).as_nanos()).unwrap_or(u64::MAX);
        self.since = now;
        let reply = ReplyHead { job: self.job, items: self.unsent, skipped: false, nanos };
        let mut room = [0; ROOM - HEAD];
        let reply = postcard::to_slice(&reply, &mut room).expect("the head of a reply has at most 27 bytes");
        let frame_head = head(Kind::Reply, reply.len() + self.body.len() - ROOM, self.tail.length());
        let start = ROOM - reply.len();
        self.body[start..ROOM].copy_from_slice(reply);
        self.body[start - HEAD..start].copy_from_slice(&frame_head);
        send_all(&self.socket, &self.body[start - HEAD..], &self.tail)?;
        self.unsent = 0;
        self.page.forget_kept(self.next);
        self.tail = Tail::default();
        self.body.truncate(ROOM);
        self.body.shrink_to(KEPT_CAPACITY);
        Ok(())
    }

    /// Sends a message without results.
    pub(super) fn send(&self, kind: Kind, body: &[u8]) -> Result<()> {
        let mut bytes = head(kind, body.len(), 0).to_vec();
        bytes.extend_from_slice(body);
        send_all(&self.socket, &bytes, &Tail::default())
    }
}

fn push_failure(body: &mut Vec<u8>, failure: &Failure) {
    let failure = message(failure);
    let length = u32::try_from(failure.len()).map_or(FAILED, |length| length | FAILED);
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(&failure);
}

fn send_all(socket: &OwnedFd, body: &[u8], tail: &Tail) -> Result<()> {
    let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(1 + tail.parts().len());
    slices.push(IoSlice::new(body));
    slices.extend(tail.parts().iter().map(|part| IoSlice::new(part)));
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        // The kernel takes at most 1024 slices at once.
        let some = &rest[..rest.len().min(512)];
        match rustix::net::sendmsg(socket, some, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL) {
            Ok(sent) => IoSlice::advance_slices(&mut rest, sent),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                let error = io::Error::from(error);
                return Err(OriError::new(ErrorKind::Closed, "the parent is gone").with_source(error));
            }
        }
    }
    Ok(())
}

/// The memory that this process has in use, from the kernel.
fn resident_bytes() -> Result<u64> {
    let failed = |what: &str| OriError::new(ErrorKind::Io, what);
    let sizes = fs::read_to_string("/proc/self/statm")
        .map_err(|error| failed("cannot read the size of this process").with_source(error))?;
    let pages: Option<u64> = sizes.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok());
    let pages = pages.ok_or_else(|| failed("the size of this process is not a number"))?;
    Ok(pages * rustix::param::page_size() as u64)
}
