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
//! | `options` | [`WorkerOptions`]: how workers are started, and when they are replaced |
//! | `function` | [`TaskFn`], [`InitializerOutcome`]: what such a function may look like |
//! | `task` | [`Task`]: a function that workers can run |
//! | `codec` | values to bytes and back; [`Payload`] |
//! | `frame`, `message` | what goes over the socket |
//! | `worker` | the worker's side |
//! | `conductor` | the parent's side: [`Conductor`], [`Job`], [`Sink`] |
//! | `sys` | all unsafe code, with its reasons |
//! | `elsewhere` | the same names where there are no workers |
//!
//! Worker processes need Linux, so far: they are started through `/proc/self/exe`, share a status
//! page by `memfd_create`, and are waited for by `pidfd_open`. Elsewhere everything here compiles,
//! [`check_ready`] and [`Conductor::start`] give an error of kind
//! [`Unsupported`](ori_errors::ErrorKind::Unsupported), and [`init`] and [`test_worker!`] do
//! nothing.
#![deny(unsafe_code)]

#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only a socket needs all of it"))]
mod codec;
mod function;
mod options;

#[cfg(target_os = "linux")]
mod conductor;
#[cfg(target_os = "linux")]
mod frame;
#[cfg(all(target_os = "linux", any(test, fuzzing)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(target_os = "linux")]
mod hash;
#[cfg(target_os = "linux")]
mod message;
#[cfg(target_os = "linux")]
mod start;
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the one place for it")]
mod sys;
#[cfg(target_os = "linux")]
mod task;
#[cfg(target_os = "linux")]
mod worker;

#[cfg(not(target_os = "linux"))]
mod elsewhere;

pub use codec::{Payload, round_trip};
#[cfg(target_os = "linux")]
pub use conductor::{Conductor, Context, Driver, Job, JobId, Replies, Sink};
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{
    Conductor, Context, Driver, Job, JobId, Replies, Sink, Task, check_ready, depth, init, is_worker,
};
pub use function::{InitializerOutcome, TaskFn};
pub use options::{Outputs, WorkerOptions};
pub use ori_macros::task_of_ori_worker as task;
#[cfg(target_os = "linux")]
pub use start::{check_ready, depth, init, is_worker};
#[cfg(target_os = "linux")]
pub use task::Task;

/// For the macros of this crate.
#[doc(hidden)]
pub mod __private {
    pub use linkme;

    #[cfg(not(target_os = "linux"))]
    pub use crate::elsewhere::{NAMED_TASKS, NamedTask};
    #[cfg(target_os = "linux")]
    pub use crate::sys::entry::before_main;
    #[cfg(target_os = "linux")]
    pub use crate::task::{NAMED_TASKS, NamedTask};
}
