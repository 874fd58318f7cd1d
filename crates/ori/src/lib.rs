//! Concurrency no harder than a function call.
//!
//! Ori runs functions in the background and sends iterables through chains of pools. It brings the
//! Python package of the same name to Rust: same ideas, same names, bounded memory, one error type.
//! The [guide](guide/index.html) leads from other libraries to this one, and through its inside.
//!
//! # A chain
//!
//! A `PoolChain` is described stage by stage, each stage a function with a pool of workers, and
//! then run over anything that can be iterated. Results keep the order of the input.
//!
#![cfg_attr(feature = "poolchain", doc = "```")]
#![cfg_attr(not(feature = "poolchain"), doc = "```text")]
//! use ori::PoolChain;
//!
//! let chain = PoolChain::new()
//!     .add_threadpool(|line: &str| line.parse::<u64>()).fallible().name("parse")
//!     .add_threadpool(|n| n * 10).name("multiply");
//!
//! // All results, or the first error.
//! assert_eq!(chain.execute_eager(["1", "2"])?, [10, 20]);
//!
//! // Result by result, while the source is still going; an error belongs to one item.
//! for (line, result) in ["3", "x", "5"].into_iter().zip(chain.execute_lazy(["3", "x", "5"])?) {
//!     match result {
//!         Ok(n) => println!("{line}: {n}"),
//!         Err(error) => assert_eq!((error.stage(), error.item()), (Some("parse"), Some(1))),
//!     }
//! }
//! # Ok::<(), ori::OriError>(())
//! ```
//!
//! # A call in the background
//!
#![cfg_attr(feature = "background", doc = "```")]
#![cfg_attr(not(feature = "background"), doc = "```text")]
//! use ori::background::run_in_background_thread;
//!
//! let add = run_in_background_thread(|a: i32, b: i32| a + b)?;
//! let sum = add(1, 2); // runs on another thread from here on; wait for it, or `.await` it
//! assert_eq!(sum.result()?, 3);
//! # Ok::<(), ori::OriError>(())
//! ```
//!
//! # A command, line by line
//!
#![cfg_attr(feature = "subprocess", doc = "```")]
#![cfg_attr(not(feature = "subprocess"), doc = "```text")]
//! use ori::subprocess::run_process_in_background;
//!
//! let process = run_process_in_background(["ls", "-l", "/"])
//!     .stdout_function(|line: &str| println!("{line}")).start()?;
//! assert!(process.join()?.success()); // every line has been printed
//! # Ok::<(), ori::OriError>(())
//! ```
//!
//! # What goes wrong
//!
//! Every fallible function gives an [`OriError`]: its [`kind`](OriError::kind) tells the class of the
//! failure, its accessors stage, item, and where it panicked; `{error:#}` prints it with its causes.
//!
//! ```
//! use ori::{ErrorKind, OriError};
//!
//! fn is_worth_another_try(error: &OriError) -> bool {
//!     matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WorkerLost)
//! }
//! ```
//!
//! # Features
//!
//! Each module is a crate of its own; [`errors`] is always there. The last five are off by default.
//!
//! | feature | module | crate |
//! |---|---|---|
//! | `aio` | `aio`: files, JSON, queues, tasks, in sync and in async code | `mt-aio` |
//! | `async` | async stages and streams in `poolchain`; brings `bridge` | |
//! | `background` | `background`: thread pools, futures, functions that return at once | `ori-background` |
//! | `bridge` | `bridge`: sync code to async code and back; `sync` at the root | `ori-bridge` |
//! | `poolchain` | `poolchain`: chains of pools; `PoolChain` at the root | `ori-poolchain` |
//! | `subprocess` | `subprocess`: external commands with line callbacks | `ori-subprocess` |
//! | `worker` | `worker`: worker processes; `init`, `task`, `test_worker!` at the root | `ori-worker` |
//! | `trace` | what a run of a chain did, as a picture: an SVG, or a trace for Perfetto | |
//! | `progress` | a progress bar for the results of a chain | |
//! | `hdf5` | HDF5 files, in pure Rust | |
//! | `hdf5-c` | HDF5 files, by the library of the system | |
//! | `npz` | files of NumPy arrays | |
//! | `tracing` | spans and events of all crates, for `tracing`: see `guide::tracing` | |
#![forbid(unsafe_code)]

#[doc(inline)]
pub use {ori_errors as errors, ori_errors::ErrorKind, ori_errors::OriError, ori_errors::Result};

#[cfg(feature = "aio")]
#[doc(inline)]
pub use mt_aio as aio;
#[cfg(feature = "background")]
#[doc(inline)]
pub use ori_background as background;

#[cfg(feature = "poolchain")]
#[doc(inline)]
pub use {ori_poolchain as poolchain, ori_poolchain::PoolChain};

#[cfg(feature = "bridge")]
#[doc(inline)]
pub use {ori_bridge as bridge, ori_bridge::sync};

#[cfg(feature = "subprocess")]
#[doc(inline)]
pub use ori_subprocess as subprocess;

#[cfg(feature = "worker")]
#[doc(inline)]
pub use {ori_macros::task, ori_worker as worker, ori_worker::init, ori_worker::test_worker};

// Its examples use all of the default features.
#[cfg(all(any(doc, doctest), feature = "default"))]
pub mod guide;
