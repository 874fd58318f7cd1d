//! [`WorkerOptions`]: how workers are started, and when they are replaced; [`processors`]: how many
//! there are unless told otherwise.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::Task;

/// How many processors this program may use: how many workers a pool has unless told otherwise.
///
/// The system is asked once, which takes it some twenty microseconds; a limit that changes while
/// the program runs is not seen. 1 where the system does not tell.
///
/// ```
/// assert!(ori_worker::processors() >= 1);
/// ```
#[must_use]
pub fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Makes standard output and standard error of one worker.
pub type Outputs = Arc<dyn Fn() -> io::Result<(Stdio, Stdio)> + Send + Sync>;

/// How a [`Conductor`](crate::Conductor) starts its workers, and when it replaces them.
#[derive(Clone)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// The most workers at a time. Default: the number of processors.
    pub max_workers: usize,
    /// Items after which a worker is replaced. Default: none.
    pub max_items_per_worker: Option<u64>,
    /// Resident bytes above which a worker is replaced after its item. Default: none.
    pub max_memory_per_worker: Option<u64>,
    /// What each worker does before its first item. Default: nothing.
    pub initializer: Option<Task>,
    /// Additional environment variables. Default: none.
    pub env: Vec<(OsString, OsString)>,
    /// Another executable, whose functions are found by name. Default: this one.
    pub executable: Option<PathBuf>,
    /// Standard output and standard error of each worker. Default: those of this process.
    pub outputs: Option<Outputs>,
    /// How long a worker may take from its start until it is ready, its initializer not counted.
    /// Default: 10 s.
    pub start_limit: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            max_workers: processors(),
            max_items_per_worker: None,
            max_memory_per_worker: None,
            initializer: None,
            env: Vec::new(),
            executable: None,
            outputs: None,
            start_limit: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for WorkerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerOptions").field("max_workers", &self.max_workers).finish_non_exhaustive()
    }
}
