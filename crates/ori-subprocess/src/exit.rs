//! How a command ended: [`Exit`], and [`Output`] with what it wrote.

use std::borrow::Cow;
use std::process::ExitStatus;

use crate::system::signal_of;

/// How a command ended.
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// let exit = ori_subprocess::run_process_in_background(["sh", "-c", "exit 3"]).start()?.join()?;
/// assert_eq!((exit.code, exit.signal, exit.killed, exit.drained), (Some(3), None, false, true));
/// assert!(!exit.success());
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// What the command returned. `None` when a signal ended it, unless this program had stopped
    /// it and [`exit_code_on_killed`](crate::ProcessBuilder::exit_code_on_killed) says what to
    /// report instead.
    pub code: Option<i32>,
    /// The signal that ended the command.
    pub signal: Option<i32>,
    /// Whether this program had asked it to end, by `terminate`, `kill` or a time limit, before it
    /// ended.
    pub killed: bool,
    /// Whether all that was written to its pipes was read. False when another process that the
    /// command left behind kept a pipe open and wrote nothing for the whole
    /// [grace period](crate::ProcessBuilder::grace), or when a pipe could not be read.
    pub drained: bool,
}

impl Exit {
    /// Whether the exit code is 0.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert!(ori_subprocess::run_process_in_background(["true"]).start()?.join()?.success());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    pub(crate) fn new(status: ExitStatus, killed: bool, code_on_killed: Option<i32>, drained: bool) -> Self {
        let code = status.code().or(code_on_killed.filter(|_| killed));
        Self { code, signal: signal_of(status), killed, drained }
    }
}

/// What a command wrote, and how it ended.
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// let output = ori_subprocess::run_process(["printf", "a\\nb\\n"]).output()?;
/// assert_eq!(output.stdout, b"a\nb\n");
/// assert_eq!(output.stdout_text().lines().count(), 2);
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// All bytes of its standard output; empty where a function reads it.
    pub stdout: Vec<u8>,
    /// All bytes of its standard error; empty where a function reads it, or where it is merged.
    pub stderr: Vec<u8>,
}

impl Output {
    /// The standard output as text: what is not UTF-8 is replaced by U+FFFD.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert_eq!(ori_subprocess::run_process(["echo", "hi"]).output()?.stdout_text(), "hi\n");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// The standard error as text: what is not UTF-8 is replaced by U+FFFD.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert_eq!(ori_subprocess::run_process(["echo", "hi"]).output()?.stderr_text(), "");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}
