//! Run functions in the background.
//!
//! ```
//! use ori_background::run_in_background_thread;
//!
//! let add = run_in_background_thread(|a: i32, b: i32| a + b)?;
//! let sum = add(1, 2); // runs on another thread from here on
//! assert_eq!(sum.result()?, 3);
//! # Ok::<(), ori_errors::OriError>(())
//! ```
//!
//! [`run_in_background_thread`] makes any function of up to eight arguments one that returns a
//! [`BackgroundFuture`] at once. The future can be waited for, with or without a limit, awaited on
//! any async runtime, cancelled, or given a callback; [`wait`] and [`as_completed`] take several
//! together. [`ThreadPool`] runs closures, and [`Executor`] lets a pool that you already have take
//! its place.
//!
//! | module | what lives there |
//! |---|---|
//! | `background` | [`run_in_background`] and its kin: functions that return at once |
//! | `executor` | [`Executor`]: whatever can run jobs on threads other than the caller's |
//! | `future` | [`BackgroundFuture`] and its other side, [`Promise`]; [`wait`], [`as_completed`] |
//! | `linger` | looking a few microseconds before sleeping |
//! | `model` | the locks and threads of the standard library, or of a model checker |
//! | `process` | [`ProcessPool`]: functions in worker processes; [`run_in_background_process`] |
//! | `thread_pool` | [`ThreadPool`]: an elastic pool of threads |
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tracing` | off | spans and events of pools and their workers, for `tracing` |
//!
//! What is told, and under which names, stands in the
//! [guide](https://docs.rs/ori-rs/latest/ori/guide/tracing/index.html).
#![forbid(unsafe_code)]

mod background;
mod executor;
mod future;
mod linger;
mod model;
mod process;
mod thread_pool;

pub use background::{
    Background, BackgroundFn, RunsInBackground, run_in_background, run_in_background_thread,
};
pub use executor::{Executor, Job, Shutdown};
pub use future::{AsCompleted, BackgroundFuture, Promise, ReturnWhen, as_completed, wait};
pub use process::{ProcessFn, ProcessMap, ProcessPool, ProcessPoolBuilder, run_in_background_process};
pub use thread_pool::{Map, ThreadPool, ThreadPoolBuilder};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
