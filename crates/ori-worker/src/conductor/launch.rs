//! Starting a worker: this executable again, with one end of a socket pair as standard input.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::start::worker_arguments;
use crate::task::Task;

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
            max_workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
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

/// A process that was started and has not spoken yet.
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) socket: OwnedFd,
    /// Readable when the process has ended, even while something it left holds the socket.
    pub(super) end: OwnedFd,
}

/// Starts a worker.
///
/// # Errors
/// `Spawn`, with the executable.
pub(super) fn launch(options: &WorkerOptions) -> Result<Launched> {
    // Not by the path on disk, where another build may lie by now.
    let path = options.executable.clone().unwrap_or_else(|| "/proc/self/exe".into());
    try_launch(options, &path).map_err(|error| {
        let message = format!("cannot start a worker process ({error})");
        let mut spawn_error = OriError::new(ErrorKind::Spawn, message).with_source(error);
        if options.executable.is_some() {
            spawn_error = spawn_error.with_path(path);
        }
        spawn_error
    })
}

fn try_launch(options: &WorkerOptions, path: &PathBuf) -> io::Result<Launched> {
    let (socket, far_end) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    let mut command = Command::new(path);
    if let (None, Some(name)) = (&options.executable, std::env::args_os().next()) {
        command.arg0(name);
    }
    command.args(worker_arguments()).envs(options.env.iter().map(|(key, value)| (key, value)));
    // A group of its own: Ctrl-C in a terminal is for the parent, whose end ends the workers. No
    // `pre_exec`: with it the start would copy this process's page tables first.
    command.stdin(far_end).process_group(0);
    if let Some(outputs) = &options.outputs {
        let (stdout, stderr) = outputs()?;
        command.stdout(stdout).stderr(stderr);
    }
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(end) => Ok(Launched { child, socket, end }),
        Err(error) => {
            // Without it the end could not be waited for together with all else.
            child.kill()?;
            child.wait()?;
            Err(error.into())
        }
    }
}
