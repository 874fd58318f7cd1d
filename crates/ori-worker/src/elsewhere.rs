//! The names of this crate where worker processes cannot be started: programs that use them
//! compile, and are told so when they run.
//!
//! [`Conductor`] and all that only it hands out hold a [`Never`], so what they would do need not be
//! written: the compiler knows that it cannot be reached.
//!
//! Their documentation is that of Linux, where the public signatures are the same.
#![expect(missing_docs, reason = "documented where worker processes can be started")]

use std::any::type_name;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linkme::distributed_slice;
use ori_errors::{ErrorKind, OriError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Tail, push_item};
use crate::function::{InitializerOutcome, TaskFn};
use crate::options::WorkerOptions;

/// There is no such value.
#[derive(Clone, Copy, Debug)]
enum Never {}

pub fn init() {}

#[must_use]
pub fn is_worker() -> bool {
    false
}

#[must_use]
pub fn depth() -> u32 {
    0
}

/// # Errors
/// Always `Unsupported`.
pub fn check_ready() -> Result<()> {
    let message = "worker processes need Linux, so far: use threads";
    Err(OriError::new(ErrorKind::Unsupported, message))
}

/// Nothing is put before `main`.
#[macro_export]
macro_rules! test_worker {
    () => {};
}

#[derive(Clone, Copy, Debug)]
pub struct Task {
    name: &'static str,
}

impl Task {
    #[must_use]
    pub fn new<Args, F>(function: F) -> Self
    where
        F: TaskFn<Args>,
        Args: DeserializeOwned + 'static,
        F::Output: Serialize,
    {
        Self::named(function)
    }

    #[must_use]
    pub fn init<C, S, F>(function: F) -> Self
    where
        F: Fn(C) -> S + Copy + Send + Sync + 'static,
        C: DeserializeOwned + 'static,
        S: 'static,
    {
        Self::named(function)
    }

    #[must_use]
    pub fn with_state<S, A, R, F>(function: F) -> Self
    where
        F: Fn(&mut S, A) -> R + Copy + Send + Sync + 'static,
        S: 'static,
        A: DeserializeOwned + 'static,
        R: Serialize + 'static,
    {
        Self::named(function)
    }

    #[must_use]
    pub fn initializer<R, F>(function: F) -> Self
    where
        F: Fn() -> R + Copy + Send + Sync + 'static,
        R: InitializerOutcome + 'static,
    {
        Self::named(function)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    fn named<F>(_function: F) -> Self {
        const { assert!(size_of::<F>() == 0, "worker processes run functions that capture nothing") };
        Self { name: type_name::<F>() }
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct NamedTask(
    #[expect(dead_code, reason = "a slice of the linker has no room for what is of size zero")] &'static str,
);

impl NamedTask {
    #[must_use]
    pub const fn new<Args, F>(name: &'static str, _function: F) -> Self
    where
        F: TaskFn<Args>,
        Args: DeserializeOwned + 'static,
        F::Output: Serialize,
    {
        Self(name)
    }
}

#[doc(hidden)]
#[distributed_slice]
pub static NAMED_TASKS: [NamedTask];

#[must_use = "dropping it ends its workers"]
#[derive(Debug)]
pub struct Conductor(Never);

impl Conductor {
    /// # Errors
    /// Always `Unsupported`.
    pub fn start(_options: WorkerOptions) -> Result<Self> {
        check_ready()?;
        unreachable!("it is never ready")
    }

    #[must_use]
    pub fn driver(&self) -> &Driver {
        match self.0 {}
    }

    pub fn reserve(&self) -> JobId {
        match self.0 {}
    }

    /// # Errors
    /// None: there is no conductor.
    pub fn submit(&self, _id: JobId, _job: Job) -> Result<()> {
        match self.0 {}
    }

    pub fn cancel(&self, _job: JobId) {
        match self.0 {}
    }

    /// # Errors
    /// None: there is no conductor.
    pub fn context<C: Serialize + ?Sized>(&self, _init: Task, _value: &C) -> Result<Context> {
        match self.0 {}
    }

    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        match self.0 {}
    }

    pub fn finish(&self) {
        match self.0 {}
    }

    pub fn cancel_pending(&self) {
        match self.0 {}
    }

    pub fn abandon(&self) {
        match self.0 {}
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        match self.0 {}
    }
}

#[derive(Clone, Debug)]
pub struct Context(Never);

#[derive(Clone, Debug)]
pub struct Driver(Never);

impl Driver {
    pub fn drive(&self, _done: impl Fn() -> bool, _deadline: Option<Instant>) {
        match self.0 {}
    }

    pub fn nudge(&self) {
        match self.0 {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

pub trait Sink: Send + Sync {
    fn is_wanted(&self) -> bool {
        true
    }

    fn sent(&self) {}

    fn replies(&self, first: u32, replies: Replies);

    fn retried(&self, _item: u32, _tries: u32, _error: &OriError) {}

    fn failed(&self, item: u32, error: OriError);
}

/// A batch can be put together, though nobody takes it.
#[derive(Debug)]
pub struct Job {
    body: Vec<u8>,
    tail: Tail,
    items: u32,
}

impl Job {
    #[must_use]
    pub fn new(_task: Task, _sink: Arc<dyn Sink>) -> Self {
        Self { body: Vec::new(), tail: Tail::default(), items: 0 }
    }

    /// # Errors
    /// `Codec` when it cannot be encoded; the job is as before.
    pub fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
        push_item(item, &mut self.body, &mut self.tail)?;
        self.items += 1;
        Ok(())
    }

    #[must_use]
    pub fn items(&self) -> u32 {
        self.items
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.body.len() as u64 + self.tail.length()
    }

    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        match context.0 {}
    }

    #[must_use]
    pub fn with_limit(self, _limit: Option<Duration>) -> Self {
        self
    }

    #[must_use]
    pub fn with_retries(self, _retries: u32) -> Self {
        self
    }
}

#[derive(Debug)]
pub struct Replies(Never);

impl Replies {
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {}
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.0 {}
    }

    #[must_use]
    pub fn duration(&self) -> Duration {
        match self.0 {}
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        match self.0 {}
    }

    #[must_use]
    pub fn next_is_error(&self) -> bool {
        match self.0 {}
    }

    pub fn decode_next<R: DeserializeOwned>(&mut self) -> Option<Result<R>> {
        match self.0 {}
    }
}
