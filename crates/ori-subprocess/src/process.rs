//! [`BackgroundProcess`]: a command that runs, or has run.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener as _};
use ori_errors::{ErrorKind, OriError, Result};

use crate::Exit;
use crate::group::{Cause, Group};
use crate::pump::{Outcome, Pump};

/// A command that runs in the background.
///
/// Dropping it kills the command's process group at once (SIGKILL), with all that the command has
/// left behind in that group; it is reaped in the background, and dropping does not wait. To end a
/// command gently, [`terminate`](Self::terminate) it and [`join`](Self::join) it first; to let it
/// outlive its handle, [`detach`](Self::detach) it.
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// let process = ori_subprocess::run_process_in_background(["sleep", "100"]).start()?;
/// assert!(process.is_alive());
/// process.terminate();
/// assert_eq!(process.join()?.signal, Some(15));
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it kills the command"]
pub struct BackgroundProcess {
    shared: Arc<Shared>,
    detached: bool,
}

/// What the handle and the thread that serves the command share.
pub(crate) struct Shared {
    pub(crate) group: Arc<Group>,
    pid: u32,
    command: String,
    outcome: OnceLock<Outcome>,
    ended: Event,
}

impl Shared {
    pub(crate) fn new(pump: &Pump) -> Arc<Self> {
        Arc::new(Self {
            group: pump.group.clone(),
            pid: pump.child.id(),
            command: pump.troubles.command().to_owned(),
            outcome: OnceLock::new(),
            ended: Event::new(),
        })
    }

    pub(crate) fn end(&self, outcome: Outcome) {
        // There is one pump, and it ends once.
        let _ = self.outcome.set(outcome);
        self.ended.notify(usize::MAX);
    }

    pub(crate) fn result(&self, outcome: &Outcome) -> Result<Exit> {
        let Some(failure) = &outcome.failure else { return Ok(outcome.exit) };
        let mut error = failure.error().with_command(&self.command).with_pid(self.pid);
        if let Some(code) = outcome.exit.code {
            error = error.with_exit_code(code);
        }
        if let Some(signal) = outcome.exit.signal {
            error = error.with_signal(signal);
        }
        Err(error)
    }
}

impl BackgroundProcess {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, detached: false }
    }

    /// The process id of the command, which is also the number of its process group.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert!(ori_subprocess::run_process_in_background(["true"]).start()?.pid() > 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// Whether the command has not ended. Its last lines may still be on their way after its end.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["true"]).start()?;
    /// process.join()?;
    /// assert!(!process.is_alive());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.shared.group.leader_ended()
    }

    /// How it ended, once all its output has been handled.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["sleep", "100"]).start()?;
    /// assert_eq!(process.exit(), None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.shared.outcome.get().map(|outcome| outcome.exit)
    }

    /// The exit code, once the command has ended with one and all its output has been handled.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["false"]).start()?;
    /// process.join()?;
    /// assert_eq!(process.exit_code(), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        self.exit()?.code
    }

    /// Waits until the command has ended and every line has been handled.
    ///
    /// The functions given to the builder have been dropped then. May be called any number of
    /// times. This blocks; [`wait`](Self::wait) is for async code.
    ///
    /// # Errors
    /// `TimedOut` after a [`timeout`](crate::ProcessBuilder::timeout), `ExitStatus` after a failed
    /// [`check`](crate::ProcessBuilder::check); the first panic of your functions (`Panicked`) or
    /// the first failure of a pipe (`Io`) unless there is an
    /// [`exception_function`](crate::ProcessBuilder::exception_function). [`exit`](Self::exit)
    /// tells how the command ended in any of these cases.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert!(ori_subprocess::run_process_in_background(["true"]).start()?.join()?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn join(&self) -> Result<Exit> {
        loop {
            if let Some(outcome) = self.shared.outcome.get() {
                return self.shared.result(outcome);
            }
            let listener = self.shared.ended.listen();
            if self.shared.outcome.get().is_none() {
                listener.wait();
            }
        }
    }

    /// As [`join`](Self::join), for at most this long.
    ///
    /// # Errors
    /// Those of `join`; `TimedOut` when it still runs. It goes on then, and can be asked again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["sleep", "100"]).start()?;
    /// assert!(process.join_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// assert!(process.is_alive());
    /// # Ok(())
    /// # }
    /// ```
    pub fn join_timeout(&self, limit: Duration) -> Result<Exit> {
        let Some(deadline) = Instant::now().checked_add(limit) else { return self.join() };
        loop {
            if let Some(outcome) = self.shared.outcome.get() {
                return self.shared.result(outcome);
            }
            let listener = self.shared.ended.listen();
            if self.shared.outcome.get().is_none()
                && listener.wait_deadline(deadline).is_none()
                && self.shared.outcome.get().is_none()
            {
                let message = format!("still running after {limit:?}");
                return Err(OriError::new(ErrorKind::TimedOut, message)
                    .with_command(&self.shared.command)
                    .with_pid(self.shared.pid));
            }
        }
    }

    /// Waits, without blocking the thread, until the command has ended and every line has been
    /// handled. Works in every async runtime.
    ///
    /// # Errors
    /// Those of [`join`](Self::join).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing: the command runs on and can be waited for again.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let process = ori_subprocess::run_process_in_background(["true"]).start()?;
    /// assert!(process.wait().await?.success());
    /// # Ok::<(), ori_subprocess::OriError>(())
    /// # }).unwrap();
    /// ```
    pub async fn wait(&self) -> Result<Exit> {
        loop {
            if let Some(outcome) = self.shared.outcome.get() {
                return self.shared.result(outcome);
            }
            let listener = self.shared.ended.listen();
            if self.shared.outcome.get().is_none() {
                listener.await;
            }
        }
    }

    /// Asks the whole process group to end: SIGTERM now, SIGKILL after the
    /// [grace period](crate::ProcessBuilder::grace) to what is left then. Does not wait.
    ///
    /// A [`join`](Self::join) afterwards returns when nothing is left of the group. Processes that
    /// left the group by `setsid` or `setpgid` are not reached.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["sh", "-c", "sleep 100 & sleep 100"]).start()?;
    /// process.terminate();
    /// assert!(process.join()?.killed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn terminate(&self) {
        self.shared.group.terminate(Cause::Asked);
    }

    /// Ends the whole process group at once, by SIGKILL. Does not wait.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["sleep", "100"]).start()?;
    /// process.kill();
    /// assert_eq!(process.join()?.signal, Some(9));
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&self) {
        self.shared.group.kill();
    }

    /// Lets the command run on without a handle. Its functions are still called, its time limit
    /// still holds, and it is reaped at its end.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// ori_subprocess::run_process_in_background(["true"]).start()?.detach();
    /// # Ok(())
    /// # }
    /// ```
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl Drop for BackgroundProcess {
    fn drop(&mut self) {
        if !self.detached {
            self.shared.group.kill();
        }
    }
}

impl fmt::Debug for BackgroundProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundProcess")
            .field("command", &self.shared.command)
            .field("pid", &self.shared.pid)
            .field("exit", &self.exit())
            .finish_non_exhaustive()
    }
}
