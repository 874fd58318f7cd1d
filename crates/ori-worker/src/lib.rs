//! Worker processes that are this same executable, started again.
//!
//! [`init`], the first line of `main`, makes a program able to start workers. A [`Task`] names a
//! function that holds nothing; a [`Conductor`] starts workers, sends them [`Job`]s, which are
//! batches of encoded items, and hands what comes back to the job's [`Sink`]. Whatever a worker
//! does (abort, overflow its stack, loop for ever, eat all memory) costs the item that it was
//! running and nothing else.
//!
//! Most programs use `ProcessPool` of `ori-background` or `add_processpool` of `ori-poolchain`,
//! which are thin faces of this crate. This is what they do:
//!
#![cfg_attr(target_os = "linux", doc = "```standalone_crate")]
#![cfg_attr(not(target_os = "linux"), doc = "```no_run")]
//! use std::sync::{Arc, Mutex, mpsc};
//! use ori_worker::{Conductor, Job, Replies, Sink, Task, WorkerOptions};
//! use ori_errors::OriError;
//!
//! /// Hands on what comes, not yet decoded, to the thread that waits.
//! struct Send(Mutex<mpsc::Sender<Result<Replies, OriError>>>);
//!
//! impl Sink for Send {
//!     fn replies(&self, _first: u32, replies: Replies) {
//!         let _ = self.0.lock().unwrap().send(Ok(replies));
//!     }
//!     fn failed(&self, _item: u32, error: OriError) {
//!         let _ = self.0.lock().unwrap().send(Err(error));
//!     }
//! }
//!
//! fn main() -> Result<(), OriError> {
//!     ori_worker::init();
//!     let mut options = WorkerOptions::default();
//!     options.max_workers = 1;
//!     let conductor = Conductor::start(options)?;
//!
//!     let (sender, results) = mpsc::channel();
//!     let halve = |n: u32| if n == 3 { std::process::abort() } else { n / 2 };
//!     let mut job = Job::new(Task::new(halve), Arc::new(Send(Mutex::new(sender))));
//!     for n in 2..5_u32 {
//!         job.push(&(n,))?; // the tuple of the arguments
//!     }
//!     conductor.submit(conductor.reserve(), job)?;
//!
//!     let (mut halves, mut lost) = (Vec::new(), 0);
//!     for replies in results {
//!         match replies {
//!             Ok(mut replies) => {
//!                 while let Some(half) = replies.decode_next::<u32>() {
//!                     halves.push(half?);
//!                 }
//!             }
//!             Err(error) => lost += u32::from(error.is_worker_lost()),
//!         }
//!     }
//!     assert_eq!((halves, lost), (vec![1, 2], 1));
//!     Ok(())
//! }
//! ```
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
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tracing` | off | spans and events of worker processes, for `tracing` |
//!
//! What is told, and under which names, stands in the
//! [guide](https://docs.rs/ori-rs/latest/ori/guide/tracing/index.html).
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
pub use options::{Outputs, WorkerOptions, processors};
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
