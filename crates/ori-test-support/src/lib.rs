//! What the tests of the Ori crates share: deadlines instead of sleeps, counters of what a
//! program may leak, seeded naps, and a load that keeps every processor busy.
//!
//! ```
//! use std::time::Duration;
//! use ori_test_support::{wait_until, within};
//!
//! // A hang becomes a failure that names the line.
//! let sum = within(Duration::from_secs(10), || (1..=4).sum::<u32>());
//! assert_eq!(sum, 10);
//!
//! let worker = std::thread::spawn(|| ());
//! wait_until(Duration::from_secs(10), || worker.is_finished());
//! ```
//!
//! | module | what lives there |
//! |---|---|
//! | `deadline` | [`wait_until`], [`within`]: conditions and closures with a time limit |
//! | `counters` | [`threads`], [`open_files`], [`children`], [`zombies`]: what this process holds |
//! | `leaks` | [`LeakCheck`]: the counters are the same at the end as at the start |
//! | `alone` | [`alone`]: the body of a test in a process of its own |
//! | `random` | [`Random`], [`Naps`]: the same numbers and naps for the same seed |
//! | [`stress`] | what programs of random rounds share |
//! | `load` | [`BusyLoad`]: every processor busy while it lives |
#![forbid(unsafe_code)]

mod alone;
mod counters;
mod deadline;
mod leaks;
mod load;
mod random;
pub mod stress;

pub use alone::{alone, alone_with};
pub use counters::{children, open_files, threads, threads_named, zombies};
pub use deadline::{wait_until, within};
pub use leaks::LeakCheck;
pub use load::BusyLoad;
pub use random::{Naps, Random};
