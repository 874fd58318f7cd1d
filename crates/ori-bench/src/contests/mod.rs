//! The contests, one file a subject.

mod bridge;
mod files;
mod in_flight;
mod lines;
mod pool;
mod pool_bytes;
mod pool_start;
mod tasks;

use crate::contest::{Contest, Contestant, Unit};

/// All contests, in the order in which they run.
pub(crate) const CONTESTS: &[Contest] = &[
    pool::SERIAL,
    pool::PIPELINED,
    pool::BATCHES,
    pool::LONG,
    pool::SHORT,
    pool_bytes::ONE_WAY,
    pool_bytes::BOTH_WAYS,
    pool_start::SMALL,
    pool_start::LARGE,
    lines::LINES,
    bridge::READY,
    bridge::CURRENT_THREAD,
    in_flight::SLEEPS,
    in_flight::READY,
    files::SMALL_FILES,
    files::FILES_IN_FLIGHT,
    files::DURABLE_FILES,
    files::LARGE_FILE,
    files::JSON,
    tasks::ASYNC_QUEUE,
    tasks::MIXED_QUEUE,
    tasks::SMALL_TASKS,
    tasks::PROCESS,
];

/// What every contest has that says nothing else.
const TASK: Contest = Contest {
    id: "",
    title: "",
    item: "",
    items: 0,
    smoke_items: 0,
    unit: Unit::Time,
    ballast: 0,
    contestants: &[],
};

/// What every contestant has that says nothing else.
const PLAIN: Contestant = Contestant {
    name: "",
    about: "",
    peer: false,
    goal: None,
    missing: || None,
    prepare: |_| Box::new(|_| 0),
};
