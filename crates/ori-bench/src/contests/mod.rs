//! The contests, one file a subject.

mod bridge;
mod in_flight;
mod lines;

use crate::contest::{Contest, Contestant};

/// All contests, in the order in which they run.
pub(crate) const CONTESTS: &[Contest] =
    &[lines::LINES, bridge::READY, bridge::CURRENT_THREAD, in_flight::SLEEPS, in_flight::READY];

/// What every contestant has that says nothing else.
const PLAIN: Contestant =
    Contestant { name: "", about: "", peer: false, goal: None, prepare: |_| Box::new(|| 0) };
