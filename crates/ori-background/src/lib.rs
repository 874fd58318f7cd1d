//! Run functions in the background.
#![forbid(unsafe_code)]

mod executor;

pub use executor::{Executor, Job, Shutdown};
