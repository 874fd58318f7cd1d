//! x
#![forbid(unsafe_code)]
mod aproc;
mod context;
mod delayed;
mod interactive;
mod json;
mod mode;
mod moves;
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
pub use context::Context;
pub use delayed::{DelayedWrite, json_save_delayed, write_binary_delayed, write_text_delayed};
pub use interactive::{Interactive, interactive};
pub use json::{json_load, json_save};
pub use mode::{Asynch, AsynchCall, AsynchFuture, Suspended, arun, arun2, srun, srun_with};
pub use moves::{safe_chmod, safe_chmod_and_rename, safe_rename, wait_until_file_exists};
pub use ori_errors::{ErrorKind, OriError, Result};
#[doc(inline)]
pub use path::{exists, make_dirs, relative_symlink, remove, rename, stat};
pub use pause::{sleep, yield_control};
pub use queue::{Block, PutError, Queue, qget_aio, qput_aio};
pub use read::{read_binary, read_text};
pub use tempdir::{TempDir, mkdtemp};
pub use write::{WriteOptions, write_binary, write_text};
