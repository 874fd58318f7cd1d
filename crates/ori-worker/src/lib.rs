//! Worker processes that are this same executable, started again.
//!
//! [`init`], the first line of `main`, makes a program able to start workers. A [`Task`] names a
//! function that holds nothing; a [`Conductor`] starts workers, sends them [`Job`]s, which are
//! batches of encoded items, and hands what comes back to the job's [`Sink`]. Whatever a worker
//! does (abort, overflow its stack, loop for ever, eat all memory) costs the item that it was
//! running and nothing else.
//!
//! Most programs use `ProcessPool` of `ori-background` or `add_processpool` of `ori-poolchain`,
//! which are thin faces of this crate.
//!
//! | module | what lives there |
//! |---|---|
//! | `start` | [`init`]: what a start of this executable is |
//! | `task` | [`Task`]: a function that workers can run |
//! | `codec` | values to bytes and back; [`Payload`] |
//! | `frame`, `message` | what goes over the socket |
//! | `worker` | the worker's side |
//! | `conductor` | the parent's side: [`Conductor`], [`Job`], [`Sink`] |
//! | `sys` | all unsafe code, with its reasons |
//!
//! Linux only, so far: workers are started through `/proc/self/exe`.
#![deny(unsafe_code)]

mod codec;
mod conductor;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod message;
mod start;
#[expect(unsafe_code, reason = "the one place for it")]
mod sys;
mod task;
mod worker;

pub use codec::{Payload, round_trip};
pub use conductor::{Conductor, Context, Driver, Job, JobId, Outputs, Replies, Sink, WorkerOptions};
pub use ori_macros::task_of_ori_worker as task;
pub use start::{check_ready, depth, init, is_worker};
pub use task::{InitializerOutcome, Task, TaskFn};

/// For the macros of this crate.
#[doc(hidden)]
pub mod __private {
    pub use linkme;

    pub use crate::sys::entry::before_main;
    pub use crate::task::{NAMED_TASKS, NamedTask};
}
