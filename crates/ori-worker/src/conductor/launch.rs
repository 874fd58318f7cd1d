//! Starting a worker: this executable again, with one end of a socket pair as standard input.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use ori_errors::{ErrorKind, OriError, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::options::WorkerOptions;
use crate::start::worker_arguments;

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
