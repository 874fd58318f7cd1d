//! What commands need of the system: process groups, signals, pipes that can be waited for.
//!
//! Only Unix has them. Elsewhere the same names do nothing, and nobody gets as far as calling them:
//! a command is refused with the other things that cannot be started.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "elsewhere.rs")]
mod face;

pub(crate) use face::*;
