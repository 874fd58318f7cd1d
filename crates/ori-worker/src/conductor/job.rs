//! [`Job`]: a batch of encoded items for one function, and where its results go.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ori_errors::{OriError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::Context;
use super::inbox::{Inbox, Ticket};
use crate::codec::{Tail, decode, push_item};
use crate::frame::{broken, parse};
use crate::message::Failure;
use crate::task::Task;
use crate::worker::FAILED;

/// Which job, for [`Conductor::cancel`](crate::Conductor::cancel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub(super) u64);

/// Where the results of a job go. Each item gets exactly one result, in order.
///
/// The methods are called by whichever thread drives the sockets, so they must return at once and
/// must not run user code: store what came and wake somebody. The [crate's page](crate) has an
/// example.
pub trait Sink: Send + Sync {
    /// Whether the results are still wanted; asked before the job is handed to a worker.
    fn is_wanted(&self) -> bool {
        true
    }

    /// The job was handed to a worker.
    fn sent(&self) {}

    /// The try number `tries` of the item `item`, counted from 1, has cost a worker, for this
    /// reason. It is tried again.
    fn retried(&self, _item: u32, _tries: u32, _error: &OriError) {}

    /// Results of the items from `first` on.
    fn replies(&self, first: u32, replies: Replies);

    /// The one result of the item `item` is this error.
    fn failed(&self, item: u32, error: OriError);
}

/// A batch of encoded items for one function. The [crate's page](crate) has an example.
pub struct Job {
    pub(super) task: Task,
    pub(super) context: Option<Context>,
    pub(super) body: Vec<u8>,
    pub(super) tail: Tail,
    pub(super) items: u32,
    pub(super) limit: Option<Duration>,
    pub(super) retries: u32,
    pub(super) sink: Arc<dyn Sink>,
}

impl Job {
    /// A job without items. Dropping it runs nothing and tells its sink nothing.
    ///
    /// ```
    /// # struct Nobody;
    /// # impl ori_worker::Sink for Nobody {
    /// #     fn replies(&self, _: u32, _: ori_worker::Replies) {}
    /// #     fn failed(&self, _: u32, _: ori_errors::OriError) {}
    /// # }
    /// # let sink = std::sync::Arc::new(Nobody);
    /// use ori_worker::{Job, Task};
    ///
    /// let job = Job::new(Task::new(|n: u32| n + 1), sink);
    /// assert_eq!(job.items(), 0);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn new(task: Task, sink: Arc<dyn Sink>) -> Self {
        Self {
            task,
            context: None,
            body: Vec::new(),
            tail: Tail::default(),
            items: 0,
            limit: None,
            retries: 0,
            sink,
        }
    }

    /// Encodes one more item: the tuple of the function's arguments.
    ///
    /// # Errors
    /// `Codec` when it cannot be encoded; the job is as before.
    ///
    /// ```
    /// # struct Nobody;
    /// # impl ori_worker::Sink for Nobody {
    /// #     fn replies(&self, _: u32, _: ori_worker::Replies) {}
    /// #     fn failed(&self, _: u32, _: ori_errors::OriError) {}
    /// # }
    /// # let sink = std::sync::Arc::new(Nobody);
    /// use ori_worker::{Job, Task};
    ///
    /// let mut job = Job::new(Task::new(|a: u32, b: String| b.len() + a as usize), sink);
    /// job.push(&(1_u32, "two"))?;
    /// assert_eq!(job.items(), 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
        push_item(item, &mut self.body, &mut self.tail)?;
        self.items += 1;
        Ok(())
    }

    /// How many items there are.
    ///
    /// ```
    /// # struct Nobody;
    /// # impl ori_worker::Sink for Nobody {
    /// #     fn replies(&self, _: u32, _: ori_worker::Replies) {}
    /// #     fn failed(&self, _: u32, _: ori_errors::OriError) {}
    /// # }
    /// # let sink = std::sync::Arc::new(Nobody);
    /// use ori_worker::{Job, Task};
    ///
    /// let mut job = Job::new(Task::new(|n: u32| n + 1), sink);
    /// job.push(&(1_u32,))?;
    /// assert_eq!(job.items(), 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn items(&self) -> u32 {
        self.items
    }

    /// How many bytes the items take, payloads included.
    ///
    /// ```
    /// # struct Nobody;
    /// # impl ori_worker::Sink for Nobody {
    /// #     fn replies(&self, _: u32, _: ori_worker::Replies) {}
    /// #     fn failed(&self, _: u32, _: ori_errors::OriError) {}
    /// # }
    /// # let sink = std::sync::Arc::new(Nobody);
    /// use ori_worker::{Job, Task};
    ///
    /// let mut job = Job::new(Task::new(|bytes: ori_worker::Payload| bytes.len()), sink);
    /// job.push(&(ori_worker::Payload::from(vec![0; 1000]),))?;
    /// assert!(job.bytes() >= 1000);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.body.len() as u64 + self.tail.length()
    }

    /// The same job for a function with a state, which this context makes. The example is that of
    /// [`Context`].
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = Some(context);
        self
    }

    /// The same job, each item of which may run for this long. Default: no limit.
    ///
    /// ```
    /// # struct Nobody;
    /// # impl ori_worker::Sink for Nobody {
    /// #     fn replies(&self, _: u32, _: ori_worker::Replies) {}
    /// #     fn failed(&self, _: u32, _: ori_errors::OriError) {}
    /// # }
    /// # let sink = std::sync::Arc::new(Nobody);
    /// use ori_worker::{Job, Task};
    ///
    /// use std::time::Duration;
    /// let job = Job::new(Task::new(|n: u32| n + 1), sink).with_limit(Some(Duration::from_secs(5)));
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn with_limit(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }

    /// The same job, each item of which is tried again so many times when its worker dies or its
    /// time limit passes. Default: 0.
    ///
    /// ```
    /// # struct Nobody;
    /// # impl ori_worker::Sink for Nobody {
    /// #     fn replies(&self, _: u32, _: ori_worker::Replies) {}
    /// #     fn failed(&self, _: u32, _: ori_errors::OriError) {}
    /// # }
    /// # let sink = std::sync::Arc::new(Nobody);
    /// use ori_worker::{Job, Task};
    ///
    /// let job = Job::new(Task::new(|n: u32| n + 1), sink).with_retries(2);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("task", &self.task).field("items", &self.items).finish_non_exhaustive()
    }
}

/// Results of a worker, not decoded yet: decoding runs user code, so the receiver does it where
/// user code may run. The [crate's page](crate) has an example.
pub struct Replies {
    body: Vec<u8>,
    at: usize,
    tail: Bytes,
    left: u32,
    nanos: u64,
    pid: u32,
}

impl Replies {
    pub(crate) fn new(body: Vec<u8>, at: usize, tail: Bytes, items: u32, nanos: u64) -> Self {
        Self { body, at, tail, left: items, nanos, pid: 0 }
    }

    /// These are from the worker with this process id.
    pub(super) fn of_worker(self, pid: u32) -> Self {
        Self { pid, ..self }
    }

    /// How many results are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left as usize
    }

    /// Whether no result is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// How long these items took in the worker, in all.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// The process id of the worker that ran these items.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the next result is an error of its item.
    #[must_use]
    pub fn next_is_error(&self) -> bool {
        let length = self.body.get(self.at..).and_then(|rest| rest.first_chunk::<4>());
        length.is_none_or(|length| u32::from_le_bytes(*length) & FAILED != 0)
    }

    /// Decodes the next result; `None` when there is none left.
    ///
    /// # Errors
    /// The error of the item: `Panicked` where its function panicked, `Codec` where the argument or
    /// the result cannot be encoded or decoded, or is of another type than `R`.
    #[inline]
    pub fn decode_next<R: DeserializeOwned>(&mut self) -> Option<Result<R>> {
        self.left = self.left.checked_sub(1)?;
        let rest = &self.body[self.at..];
        let taken = rest.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = u32::from_le_bytes(*length);
            let item = rest.get(..(length & !FAILED) as usize)?;
            Some((length & FAILED != 0, item))
        });
        let Some((failed, item)) = taken else {
            return Some(Err(broken("a reply has fewer results than it says")));
        };
        self.at += 4 + item.len();
        Some(if failed {
            parse::<Failure>(item).and_then(|(failure, _)| Err(failure.into()))
        } else {
            decode(item, &self.tail)
        })
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("left", &self.left).finish_non_exhaustive()
    }
}

/// A job in the conductor's hands.
pub(super) struct Queued {
    pub(super) id: JobId,
    pub(super) job: Job,
    /// The body of `job`, which can be sent from here without a copy.
    pub(super) body: Bytes,
    /// The first item without a result, and where it begins in the body.
    pub(super) next: u32,
    at: usize,
    /// How often that item was tried and its worker lost.
    pub(super) lost: u32,
    /// How often a worker died before it began that item, with the item on its way to it.
    pub(super) strikes: u32,
    _ticket: Ticket,
}

impl Queued {
    pub(super) fn new(id: JobId, mut job: Job, inbox: &Arc<Inbox>) -> Self {
        let body = Bytes::from(std::mem::take(&mut job.body));
        Self { id, job, body, next: 0, at: 0, lost: 0, strikes: 0, _ticket: Ticket::new(inbox) }
    }

    pub(super) fn items_left(&self) -> u32 {
        self.job.items - self.next
    }

    pub(super) fn rest(&self) -> Bytes {
        self.body.slice(self.at..)
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.body.len() - self.at) as u64 + self.job.tail.length()
    }

    /// The next `items` items have their results.
    pub(super) fn advance(&mut self, items: u32) {
        debug_assert!(items <= self.items_left(), "each item has one result");
        if items == self.items_left() {
            self.at = self.body.len();
            self.next = self.job.items;
            return;
        }
        for _ in 0..items {
            let length = self.body[self.at..].first_chunk::<4>().expect("`push` wrote a length");
            self.at += 4 + u32::from_le_bytes(*length) as usize;
        }
        self.next += items;
        self.lost = 0;
        self.strikes = 0;
    }
}
