//! [`StageOptions`]: the options of one stage, and their checks.

use std::fmt;
use std::time::Duration;

use ori_background::Executor;
use ori_errors::{ErrorKind, OriError, Result};
use ori_worker::processors;

use crate::model::sync::Arc;
use crate::processes::Processes;

/// What the user asked for, for one stage.
#[derive(Clone)]
pub(crate) struct StageOptions {
    pub(crate) name: Arc<str>,
    pub(crate) max_workers: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) chunksize: Option<usize>,
    pub(crate) retries: u32,
    /// Where the stage runs, unless on threads of the chain.
    pub(crate) executor: Option<Arc<dyn Executor>>,
    /// The runtime of an async stage.
    #[cfg(feature = "async")]
    pub(crate) on_runtime: Option<OnRuntime>,
    /// The worker processes of a stage that runs there.
    pub(crate) processes: Option<Processes>,
    /// Items after which such a worker is replaced.
    pub(crate) max_tasks_per_worker: Option<usize>,
}

/// The runtime that the timers and sockets of an async stage belong to.
#[cfg(feature = "async")]
#[derive(Clone, Debug)]
pub(crate) enum OnRuntime {
    /// That of `ori-bridge`.
    Bridge,
    Given(tokio::runtime::Handle),
}

/// Futures in flight, unless the user said how many.
#[cfg(feature = "async")]
const FUTURES_IN_FLIGHT: usize = 100;

impl StageOptions {
    /// The defaults of the stage number `index` of a chain.
    pub(crate) fn new(index: usize, executor: Option<Arc<dyn Executor>>) -> Self {
        Self {
            name: format!("stage {}", index + 1).into(),
            max_workers: None,
            timeout: None,
            chunksize: None,
            retries: 0,
            executor,
            #[cfg(feature = "async")]
            on_runtime: None,
            processes: None,
            max_tasks_per_worker: None,
        }
    }

    /// The defaults of an async stage.
    #[cfg(feature = "async")]
    pub(crate) fn new_async(index: usize, runtime: OnRuntime) -> Self {
        let mut options = Self::new(index, None);
        options.on_runtime = Some(runtime);
        options.max_workers = Some(FUTURES_IN_FLIGHT);
        options
    }

    /// The runtime of an async stage; [`check`](Self::check) has seen to it that it is there.
    #[cfg(feature = "async")]
    pub(crate) fn runtime(&self) -> Option<tokio::runtime::Handle> {
        match self.on_runtime.as_ref()? {
            OnRuntime::Bridge => ori_bridge::runtime().ok().cloned(),
            OnRuntime::Given(handle) => Some(handle.clone()),
        }
    }

    /// Whether the function is async, so that what surrounds it runs elsewhere.
    pub(crate) fn is_async(&self) -> bool {
        #[cfg(feature = "async")]
        return self.on_runtime.is_some();
        #[cfg(not(feature = "async"))]
        false
    }

    /// How many user functions run at the same time.
    pub(crate) fn workers(&self) -> usize {
        match (self.max_workers, &self.executor) {
            (Some(workers), _) => workers,
            (None, Some(executor)) => executor.max_workers().max(1),
            (None, None) => processors(),
        }
    }

    /// How many threads run what belongs to the stage and runs neither as futures nor in a process.
    pub(crate) fn threads(&self) -> usize {
        if self.is_async() || self.processes.is_some() { processors() } else { self.workers() }
    }

    /// Whether two neighbouring stages can share their workers: a batch then stays in one worker
    /// and in its cache. Their options must be the same, and neither may be watched item by item.
    pub(crate) fn shares_workers(&self, other: &Self) -> bool {
        let plain = |stage: &Self| {
            stage.timeout.is_none()
                && stage.retries == 0
                && stage.executor.is_none()
                && stage.processes.is_none()
                && !stage.is_async()
        };
        plain(self)
            && plain(other)
            && self.max_workers == other.max_workers
            && self.chunksize == other.chunksize
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: &str| {
            Err(OriError::new(ErrorKind::Validation, format!("{what}, not 0")).with_stage(&*self.name))
        };
        match self {
            Self { max_workers: Some(0), .. } => refuse("max_workers must be at least 1"),
            Self { chunksize: Some(0), .. } => refuse("chunksize must be at least 1"),
            Self { timeout: Some(Duration::ZERO), .. } => refuse("timeout must be longer"),
            #[cfg(feature = "async")]
            Self { on_runtime: Some(OnRuntime::Bridge), .. } => ori_bridge::runtime().map(drop),
            Self { max_tasks_per_worker: Some(0), .. } => refuse("max_tasks_per_worker must be at least 1"),
            Self { max_tasks_per_worker: Some(_), processes: None, .. } => {
                let message = "max_tasks_per_worker is for stages in worker processes; use add_processpool";
                Err(OriError::new(ErrorKind::Validation, message).with_stage(&*self.name))
            }
            _ => Ok(()),
        }
    }

    /// Makes a stage in worker processes ready to run; none is started before there is work.
    pub(crate) fn prepare(&self) -> Result<()> {
        match &self.processes {
            Some(processes) => {
                let prepared = processes.prepare(self.workers(), self.max_tasks_per_worker);
                prepared.map_err(|error| error.with_stage(&*self.name))
            }
            None => Ok(()),
        }
    }
}

/// What the user asked for, for the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChainOptions {
    /// The most items between source and consumer.
    pub(crate) buffer: Option<usize>,
    pub(crate) unordered: bool,
    /// Who records the runs, and the files that they leave.
    #[cfg(feature = "trace")]
    pub(crate) recorder: Option<crate::Recorder>,
    #[cfg(feature = "trace")]
    pub(crate) files: crate::recorder::Files,
}

impl ChainOptions {
    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        match self.buffer {
            Some(0) => Err(OriError::new(ErrorKind::Validation, "buffer must be at least 1 item, not 0")),
            _ => Ok(()),
        }
    }

    /// Refuses what cannot be written at the end of a run.
    #[cfg_attr(
        not(feature = "trace"),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no files")
    )]
    pub(crate) fn prepare(&self) -> Result<()> {
        #[cfg(feature = "trace")]
        self.files.check()?;
        Ok(())
    }
}

impl fmt::Debug for StageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("name", &self.name)
            .field("max_workers", &self.max_workers)
            .field("timeout", &self.timeout)
            .field("chunksize", &self.chunksize)
            .field("retries", &self.retries)
            .field("own_executor", &self.executor.is_some())
            .field("processes", &self.processes.is_some())
            .finish()
    }
}
