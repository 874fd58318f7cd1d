//! Send an iterable through a chain of pools.
//!
//! A [`PoolChain`] is described stage by stage, each stage a function with a pool of workers, and
//! then run over anything that can be iterated. Results come in the order of the input, errors at
//! the position of their item, and no more is in memory than the chain's buffer.
//!
//! ```
//! use std::time::Duration;
//! use ori_poolchain::PoolChain;
//!
//! let results: Vec<String> = PoolChain::new()
//!     .add_threadpool(|n: u64| n * 10)
//!     .add_threadpool(|n| n.to_string()).chunksize(2).max_workers(3)
//!     .add_threadpool(|s| s + " is a number").timeout(Duration::from_secs(5))
//!     .execute_eager([1, 2, 3, 4, 5])?;
//! assert_eq!(results[4], "50 is a number");
//! # Ok::<(), ori_errors::OriError>(())
//! ```
//!
//! | to … | take |
//! |---|---|
//! | get results while the source is still going | [`PoolChain::execute_lazy`] |
//! | get a `Vec`, or the first error | [`PoolChain::execute_eager`] |
//! | borrow local variables | [`PoolChain::execute_eager_scoped`] |
//! | survive whatever a function does | [`PoolChain::add_processpool`] |
//! | test a chain without threads | [`PoolChain::execute_lazy_single_threaded`], [`PoolChain::execute_eager_single_threaded`] |
//! | go from and to async code | `PoolChain::execute_stream` (feature `async`) |
//! | show how far it is | `Results::progress` (feature `progress`) |
//! | see what is going on, and what limits it | [`Results::stats`], [`Results::watcher`] |
//! | see a run as a picture | `PoolChain::timeline`, `PoolChain::trace`, `Recorder` (feature `trace`) |
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `async` | off | async stages (`add_async`), runs from and to streams (`execute_stream`); brings tokio |
//! | `progress` | off | `Results::progress`: a bar on the terminal; brings indicatif |
//! | `trace` | off | `PoolChain::trace`, `timeline` and `record`: a run as a Chrome/Perfetto trace, or as an SVG; brings serde_json and tempfile |
//! | `tracing` | off | spans and events of runs, their workers and their losses, for `tracing` |
//!
//! What is told, and under which names, stands in the
//! [guide](https://docs.rs/ori-rs/latest/ori/guide/tracing/index.html).
//!
//! How a run works inside is told at the head of `engine/mod.rs`.
#![forbid(unsafe_code)]

#[cfg(feature = "async")]
mod async_chain;
mod chain;
mod engine;
mod execute;
mod function;
mod model;
mod options;
mod processes;
#[cfg(feature = "progress")]
mod progress;
#[cfg(feature = "trace")]
mod recorder;
mod results;
mod single;
mod stats;
#[cfg(feature = "async")]
mod stream;
mod threads;
mod watcher;

pub use chain::{Borrowing, Owned, PoolChain};
#[doc(hidden)]
pub use chain::{Lifetime, Stages};
#[cfg(feature = "progress")]
pub use progress::Progress;
#[cfg(feature = "trace")]
pub use recorder::Recorder;
pub use results::Results;
pub use stats::{Bottleneck, ChainStats, StageStats};
#[cfg(feature = "async")]
pub use stream::ResultStream;
pub use watcher::Watcher;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
