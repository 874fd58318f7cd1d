//! One function for both worlds: routines for files, JSON, paths, queues and tasks that run inside
//! and outside an async runtime.
//!
//! An *asyn* function is an `async fn` that takes a [`Context`], which says in what mode it runs. In
//! **async mode** it is awaited in a tokio runtime, and gives way whenever it has to wait. In
//! **sync mode** it is run by [`srun`] on the thread that calls it, to the end, without any
//! runtime. The body is written once:
//!
//! ```
//! use std::path::Path;
//! use mt_aio::{Context, Result, WriteOptions, json_load, json_save, srun};
//!
//! async fn count_visit(path: &Path, cx: &Context) -> Result<u64> {
//!     let visits = if mt_aio::exists(path, cx).await? { json_load(path, cx).await? } else { 0 };
//!     json_save(path, &(visits + 1), WriteOptions::new(), cx).await?;
//!     Ok(visits + 1)
//! }
//!
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("visits.json");
//! // A plain function calls it ..
//! assert_eq!(srun(async |cx| count_visit(&path, cx).await)?, 1);
//!
//! // .. and so does a task.
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! runtime.block_on(async {
//!     assert_eq!(count_visit(&path, &Context::asynchronous()).await?, 2);
//!     Ok::<_, mt_aio::OriError>(())
//! })?;
//! # Ok::<_, mt_aio::OriError>(())
//! ```
//!
//! # Files
//! A file that is written here is either the old one or the whole new one, for every reader and
//! after every crash: see [`write_binary`]. Each operation is one call of the standard library in
//! sync mode, and one trip to tokio's blocking threads in async mode. An operation that finds no
//! free file descriptor waits for one, for up to thirty seconds.
//!
//! # Modules
//! | module | what lives there |
//! |---|---|
//! | `context`, `mode` | [`Context`]; [`srun`], [`srun_with`], [`arun`], [`arun2`], [`Asynch`], [`Suspended`] |
//! | `operation`, `wait` | one operation in either mode; waiting without a runtime |
//! | `pause` | [`sleep`], [`yield_control`] |
//! | `read`, `write`, `json` | [`read_binary`], [`read_text`], [`write_binary`], [`write_text`], [`json_load`], [`json_save`] |
//! | `delayed` | [`write_binary_delayed`], [`write_text_delayed`], [`json_save_delayed`] |
//! | `staged` | a file that appears whole or not at all |
//! | `moves` | [`safe_chmod`], [`safe_rename`], [`safe_chmod_and_rename`], [`wait_until_file_exists`] |
//! | [`path`] | [`exists`], [`remove`], [`make_dirs`], [`rename`], [`stat`], [`relative_symlink`], [`path::lock`] |
//! | `tempdir` | [`mkdtemp`] |
//! | `queue` | [`Queue`], [`qput_aio`], [`qget_aio`] |
//! | `aproc` | [`AprocManager`] |
//! | `bgprocess` | [`BgProcess`]; Linux only, `Unsupported` elsewhere |
//! | `npz`, `hdf5` | files of arrays |
//! | `report` | where an error goes that nobody waits for |
//! | `interactive` | [`interactive()`](interactive()) |
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | `tracing` | what nobody waits for is reported to `tracing`, not on the standard error stream; events of the process of a [`BgProcess`] |
//! | `npz` | `npz_load`, `npz_save`: files of NumPy arrays |
//! | `hdf5` | `create_file_h5`, `CreateFileH5`: HDF5 files in pure Rust; needs Rust 1.89 |
//! | `hdf5-c` | the same in module `hdf5_c`, over the HDF5 library of the system (1.8.4 or later) |
//!
//! All are off by default.
#![forbid(unsafe_code)]

mod aproc;
mod bgprocess;
mod context;
mod delayed;
#[cfg(any(feature = "hdf5", feature = "hdf5-c"))]
mod hdf5;
mod interactive;
mod json;
mod mode;
mod moves;
#[cfg(feature = "npz")]
mod npz;
mod operation;
pub mod path;
mod pause;
mod queue;
mod read;
mod report;
mod staged;
mod tempdir;
mod wait;
mod write;

pub use aproc::{AprocManager, AprocOutput, HandleException};
pub use bgprocess::{BgEvent, BgProcess, MessageHandler, OutputStream};
pub use context::Context;
pub use delayed::{DelayedWrite, json_save_delayed, write_binary_delayed, write_text_delayed};
#[cfg(feature = "hdf5")]
pub use hdf5::pure::{CreateFileH5, create_file_h5};
pub use interactive::{Interactive, interactive};
pub use json::{json_load, json_save};
pub use mode::{Asynch, AsynchCall, AsynchFuture, Suspended, arun, arun2, srun, srun_with};
pub use moves::{safe_chmod, safe_chmod_and_rename, safe_rename, wait_until_file_exists};
#[cfg(feature = "npz")]
pub use npz::{Npz, ReadableElement, WritableElement, npz_load, npz_save};
pub use ori_errors::{ErrorKind, OriError, Result};
pub use ori_worker::{init, test_worker};
#[doc(inline)]
pub use path::{exists, make_dirs, relative_symlink, remove, rename, stat};
pub use pause::{sleep, yield_control};
pub use queue::{Block, PutError, Queue, qget_aio, qput_aio};
pub use read::{read_binary, read_text};
pub use tempdir::{TempDir, mkdtemp};
pub use write::{WriteOptions, write_binary, write_text};

/// HDF5 files over the HDF5 library of the system: the crate hdf5-metno (feature `hdf5-c`).
#[cfg(feature = "hdf5-c")]
pub mod hdf5_c {
    #[doc(inline)]
    pub use crate::hdf5::c::{CreateFileH5, create_file_h5};
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
