//! The one error type of the Ori crates.
//!
//! Every fallible function of Ori returns [`OriError`]: opaque, one word wide, `Send + Sync +
//! 'static`. Ask [`OriError::kind`] what happened, and the accessors where: the position of the
//! item in the input, the name of the stage, the exit code and so on, each `None` where it does
//! not apply.
//!
//! ```
//! use ori_errors::{ErrorKind, OriError};
//!
//! let error = OriError::new(ErrorKind::TimedOut, "took longer than 5s")
//!     .with_stage("download")
//!     .with_item(17);
//! assert!(error.is_timeout());
//! assert_eq!(error.item(), Some(17));
//! assert_eq!(error.to_string(), "stage `download`, item 17: took longer than 5s");
//! ```
//!
//! | module | what lives there |
//! |---|---|
//! | `error` | [`OriError`]: what failed, where, and why |
//! | `kind` | [`ErrorKind`]: the classes of failure that programs tell apart |
//! | `observe` | what the other crates tell a `tracing` subscriber |
//! | `unwind` | [`catch_panic`]: user code that panics becomes an error with its source location |
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tracing` | off | nothing here: the crates that have this feature pass it on |
#![forbid(unsafe_code)]

mod error;
mod kind;
mod observe;
mod unwind;

pub use error::{OriError, Result};
pub use kind::ErrorKind;
pub use unwind::catch_panic;

/// For the other crates of Ori.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "tracing")]
    pub use crate::observe::tracing;
    pub use crate::observe::{Later, Span, later};
    pub use crate::{__event as event, __span as span};
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
