//! [`Context`]: a value that each worker gets once, and makes a state of.

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use ori_errors::Result;
use serde::Serialize;

use super::inbox::{Command, Inbox};
use crate::codec::{Tail, push_item};
use crate::task::Task;

/// A value that is sent to each worker once, before the first job that needs it.
///
/// Made by [`Conductor::context`](crate::Conductor::context). A clone is cheap and stands for the
/// same context. When the last one is dropped, the workers drop their states.
///
/// ```no_run
/// use ori_worker::{Conductor, Job, Sink, Task, WorkerOptions};
///
/// fn look_up(sink: std::sync::Arc<dyn Sink>) -> ori_errors::Result<()> {
///     let conductor = Conductor::start(WorkerOptions::default())?;
///     let words = conductor.context(Task::init(|words: Vec<String>| words), &["one", "two"])?;
///     let find = |words: &mut Vec<String>, n: usize| words[n].clone();
///     let mut job = Job::new(Task::with_state(find), sink).with_context(words);
///     job.push(&(1_usize,))?;
///     conductor.submit(conductor.reserve(), job)
/// }
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    number: u64,
    init: Task,
    body: Bytes,
    tail: Tail,
    inbox: Weak<Inbox>,
}

impl Context {
    pub(super) fn new<C: Serialize + ?Sized>(
        number: u64,
        init: Task,
        value: &C,
        inbox: Weak<Inbox>,
    ) -> Result<Self> {
        let (mut body, mut tail) = (Vec::new(), Tail::default());
        push_item(value, &mut body, &mut tail)?;
        Ok(Self(Arc::new(Inner { number, init, body: body.into(), tail, inbox })))
    }

    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    pub(super) fn init(&self) -> Task {
        self.0.init
    }

    pub(super) fn body(&self) -> &Bytes {
        &self.0.body
    }

    pub(super) fn tail(&self) -> &Tail {
        &self.0.tail
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.upgrade() {
            // A conductor that has ended has no workers that could forget.
            let _ = inbox.push(Command::Forget(self.number));
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("init", &self.0.init).finish_non_exhaustive()
    }
}
