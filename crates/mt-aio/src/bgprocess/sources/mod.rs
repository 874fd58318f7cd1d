//! What the postman waits for: the bell, what the child prints, and its end.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod face;

pub(super) use face::{Bell, End, wait, waiting};

/// What there is to do.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// A bit for each output in which there is something.
    pub(super) printed: usize,
    pub(super) has_ended: bool,
}
