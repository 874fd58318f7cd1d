//! Call async code from sync code, and sync code from async code, whatever the context.
//!
//! ```
//! async fn add(a: i32, b: i32) -> i32 {
//!     a + b
//! }
//!
//! // No runtime is needed, and one that is there does not mind.
//! assert_eq!(ori_bridge::sync(add(1, 2)), 3);
//! ```
//!
//! | from | to | function |
//! |---|---|---|
//! | sync | a future | [`sync`]; [`sync_on`] a runtime of yours; [`sync_timeout`] with a limit; [`sync_local`] where it is not `Send` |
//! | async | a function that blocks | [`unblock`] |
//! | any thread | a runtime that runs elsewhere | [`Portal`] |
//!
//! # Where `sync` runs the future
//! | called | the future is polled | its timers, sockets and tasks belong to |
//! |---|---|---|
//! | outside of tokio: plain threads, other runtimes | in place | the [runtime] of this crate |
//! | in a task of a multi-thread runtime | in place, after handing the worker's other tasks on | that runtime |
//! | in `block_on` of a multi-thread runtime, in its `LocalSet`, on its blocking threads | on a helper thread | that runtime |
//! | in a current-thread runtime, on its blocking threads | on a helper thread | the runtime of this crate |
//! | inside another `sync`, or in [`unblock`] | in place | the same runtime |
//!
//! In each case the calling thread waits. The future always runs where blocking is allowed, so it may
//! itself block, call `sync`, run another runtime and drop it.
//!
//! One thing cannot work: a future that waits for something that only the blocked thread could do. In
//! a current-thread runtime, or a `LocalSet`, that is everything that belongs to it: its tasks, timers
//! and sockets. Such a call never returns; [`sync_timeout`] makes an error of it. Await the future
//! there, or call the sync code by [`unblock`].
//!
//! # The runtime
//! The first call that needs it starts one multi-thread tokio runtime for the program, with a worker
//! thread a processor (`ori-bridge`), which is never shut down. Up to four idle helper threads are kept
//! with it. There is no other global state.
//!
//! | module | what lives there |
//! |---|---|
//! | `call` | [`sync`], [`sync_on`], [`sync_timeout`], [`sync_local`] |
//! | `place` | where a future can be polled from here |
//! | `drive` | polling a future to its end on this thread |
//! | `runtime` | the one runtime |
//! | `sys` | helper threads: a closure that borrows, run elsewhere while the caller waits |
//! | `unblock` | [`unblock`]: sync code off the runtime's threads |
//! | `portal` | [`Portal`]: from any thread into a running runtime |
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tracing` | off | events of the runtime, for `tracing` |
//!
//! What is told, and under which names, stands in the
//! [guide](https://docs.rs/ori-rs/latest/ori/guide/tracing/index.html).
#![deny(unsafe_code)]

mod call;
mod drive;
mod place;
mod portal;
mod runtime;
#[expect(
    unsafe_code,
    reason = "a closure that borrows from the waiting caller goes to a thread that is reused"
)]
mod sys;
mod unblock;

pub use call::{sync, sync_local, sync_on, sync_timeout};
pub use ori_errors::{ErrorKind, OriError, Result};
pub use portal::{Portal, PortalTask};
pub use runtime::runtime;
pub use unblock::unblock;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
