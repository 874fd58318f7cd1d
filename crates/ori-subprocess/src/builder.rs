//! [`ProcessBuilder`]: which command, and what becomes of its input, output and end.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ori_errors::{OriError, Result};

use crate::sink::{ExceptionFunction, OwnedBlock, Sink};
use crate::{BackgroundProcess, Line, Lines, Output, launch};

const MAX_LINE: usize = 1024 * 1024;
const GRACE: Duration = Duration::from_secs(2);

/// A command to be run, with functions for its output.
///
/// Made by [`run_process_in_background`](crate::run_process_in_background) and
/// [`run_process`](crate::run_process); nothing runs before [`start`](Self::start),
/// [`output`](Self::output) or [`lines`](Self::lines). Dropping it does nothing.
///
/// What no function reads and nothing collects goes to the null device.
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// let sorted = ori_subprocess::run_process(["sort"]).stdin_bytes("b\na\n").check().output()?;
/// assert_eq!(sorted.stdout_text(), "a\nb\n");
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing runs before `start`, `output` or `lines`"]
pub struct ProcessBuilder {
    pub(crate) command: Vec<OsString>,
    pub(crate) current_dir: Option<PathBuf>,
    pub(crate) env: Vec<(OsString, Option<OsString>)>,
    pub(crate) env_clear: bool,
    pub(crate) stdin: Option<Vec<u8>>,
    pub(crate) stdout: Option<Sink>,
    pub(crate) stderr: Option<Sink>,
    pub(crate) merge_stderr: bool,
    pub(crate) exception: Option<ExceptionFunction>,
    pub(crate) exit_code_on_killed: Option<i32>,
    pub(crate) max_line_bytes: usize,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) check: bool,
    pub(crate) die_with_parent: bool,
}

impl ProcessBuilder {
    pub(crate) fn new<S: AsRef<OsStr>>(command: impl IntoIterator<Item = S>) -> Self {
        Self {
            command: command.into_iter().map(|word| word.as_ref().to_owned()).collect(),
            current_dir: None,
            env: Vec::new(),
            env_clear: false,
            stdin: None,
            stdout: None,
            stderr: None,
            merge_stderr: false,
            exception: None,
            exit_code_on_killed: None,
            max_line_bytes: MAX_LINE,
            time_limit: None,
            grace: GRACE,
            check: false,
            die_with_parent: false,
        }
    }

    /// Calls `function` for every line of standard output, as text.
    ///
    /// The line has neither its line feed nor a carriage return before it. Bytes that are not
    /// UTF-8 are replaced by U+FFFD. A last line without a line feed arrives too. A line that is
    /// longer than [`max_line_bytes`](Self::max_line_bytes) arrives in pieces.
    ///
    /// All functions of a command run on one thread of its own, one at a time. A slow function
    /// slows the command down, as a full pipe does. A function that panics loses its line only:
    /// see [`exception_function`](Self::exception_function).
    ///
    /// The last of the `stdout_…function` methods counts.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["echo", "hello"])
    ///     .stdout_function(|line: &str| assert_eq!(line, "hello"))
    ///     .start()?;
    /// assert!(process.join()?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdout_function(mut self, function: impl FnMut(&str) + Send + 'static) -> Self {
        self.stdout = Some(Sink::Text(Box::new(function)));
        self
    }

    /// As [`stdout_function`](Self::stdout_function), with the bytes as they were written, without
    /// the line feed.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// ori_subprocess::run_process_in_background(["printf", "\\377\\n"])
    ///     .stdout_bytes_function(|line: &[u8]| assert_eq!(line, [0xff]))
    ///     .start()?
    ///     .join()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdout_bytes_function(mut self, function: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.stdout = Some(Sink::Bytes(Box::new(function)));
        self
    }

    /// As [`stdout_function`](Self::stdout_function), with a [`Line`], which tells pieces of a long
    /// line from whole lines.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// ori_subprocess::run_process_in_background(["echo", "abcdef"])
    ///     .max_line_bytes(4)
    ///     .stdout_line_function(|line| assert_eq!(line.is_piece(), line.bytes() == b"abcd"))
    ///     .start()?
    ///     .join()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdout_line_function(mut self, function: impl FnMut(Line<'_>) + Send + 'static) -> Self {
        self.stdout = Some(Sink::Line(Box::new(function)));
        self
    }

    /// Calls `function` for every line of standard error; the rules are those of
    /// [`stdout_function`](Self::stdout_function).
    ///
    /// The two streams are two pipes: each keeps its own order, and which of two lines of
    /// different streams was first is not known. [`merge_stderr`](Self::merge_stderr) keeps it.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// ori_subprocess::run_process_in_background(["sh", "-c", "echo oops >&2"])
    ///     .stderr_function(|line| assert_eq!(line, "oops"))
    ///     .start()?
    ///     .join()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stderr_function(mut self, function: impl FnMut(&str) + Send + 'static) -> Self {
        self.stderr = Some(Sink::Text(Box::new(function)));
        self
    }

    /// As [`stderr_function`](Self::stderr_function), with the bytes as they were written.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// ori_subprocess::run_process_in_background(["sh", "-c", "echo oops >&2"])
    ///     .stderr_bytes_function(|line| assert_eq!(line, b"oops"))
    ///     .start()?
    ///     .join()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stderr_bytes_function(mut self, function: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.stderr = Some(Sink::Bytes(Box::new(function)));
        self
    }

    /// As [`stderr_function`](Self::stderr_function), with a [`Line`].
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// ori_subprocess::run_process_in_background(["sh", "-c", "echo oops >&2"])
    ///     .stderr_line_function(|line| assert!(!line.is_piece()))
    ///     .start()?
    ///     .join()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stderr_line_function(mut self, function: impl FnMut(Line<'_>) + Send + 'static) -> Self {
        self.stderr = Some(Sink::Line(Box::new(function)));
        self
    }

    /// Sends standard error into the pipe of standard output, so that the order in which the
    /// command wrote is kept. All lines go to the functions for standard output. Off by default.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let output = ori_subprocess::run_process(["sh", "-c", "echo a; echo b >&2; echo c"])
    ///     .merge_stderr()
    ///     .output()?;
    /// assert_eq!(output.stdout, b"a\nb\nc\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn merge_stderr(mut self) -> Self {
        self.merge_stderr = true;
        self
    }

    /// Calls `function` for everything that goes wrong after the start: a function of yours that
    /// panicked, a pipe that could not be read, a [`timeout`](Self::timeout), a failed
    /// [`check`](Self::check).
    ///
    /// By default there is none, and then a panic or a broken pipe is the error that
    /// [`join`](BackgroundProcess::join) gives. A time limit and a failed check are errors of
    /// `join` in any case. The command goes on after a panic; the original killed it.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let process = ori_subprocess::run_process_in_background(["echo", "hello"])
    ///     .stdout_function(|_| panic!("cannot log"))
    ///     .exception_function(|error| assert_eq!(error.panic_message(), Some("cannot log")))
    ///     .start()?;
    /// assert!(process.join()?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn exception_function(mut self, function: impl FnMut(&OriError) + Send + 'static) -> Self {
        self.exception = Some(Box::new(function));
        self
    }

    /// The [exit code](crate::Exit::code) to report for a command that this program stopped and
    /// that has no exit code of its own. By default there is none, where the original says 0.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["sleep", "100"])
    ///     .exit_code_on_killed(0)
    ///     .start()?;
    /// process.terminate();
    /// assert_eq!(process.join()?.code, Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn exit_code_on_killed(mut self, code: i32) -> Self {
        self.exit_code_on_killed = Some(code);
        self
    }

    /// The folder that the command runs in. By default that of this program.
    ///
    /// Give the program's own path as an absolute one then: whether a relative one is looked up
    /// before or after the change differs between systems.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert_eq!(ori_subprocess::run_process(["pwd"]).current_dir("/").output()?.stdout, b"/\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.current_dir = Some(path.into());
        self
    }

    /// Sets an environment variable of the command.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let output = ori_subprocess::run_process(["sh", "-c", "echo $COLOR"]).env("COLOR", "red").output()?;
    /// assert_eq!(output.stdout, b"red\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Leaves an environment variable out.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let output = ori_subprocess::run_process(["sh", "-c", "echo $HOME"]).env_remove("HOME").output()?;
    /// assert_eq!(output.stdout, b"\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Starts from an empty environment; only what [`env`](Self::env) sets is there.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let output = ori_subprocess::run_process(["/usr/bin/env"]).env_clear().env("A", "1").output()?;
    /// assert_eq!(output.stdout, b"A=1\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn env_clear(mut self) -> Self {
        self.env_clear = true;
        self
    }

    /// What the command reads from its standard input; then it sees the end.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert_eq!(ori_subprocess::run_process(["cat"]).stdin_bytes("hello").output()?.stdout, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdin_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Gives the command an empty standard input. This is the default: a command in a process group
    /// of its own may not read from the terminal.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// assert_eq!(ori_subprocess::run_process(["cat"]).stdin_null().output()?.stdout, b"");
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdin_null(mut self) -> Self {
        self.stdin = None;
        self
    }

    /// The longest line in bytes, without its line feed; 1 MiB by default.
    ///
    /// A longer one arrives in pieces of at most this length, cut between characters where it is
    /// text. This bounds the memory that a command without line feeds takes.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let lines = ori_subprocess::run_process(["echo", "abcdef"]).max_line_bytes(4).lines()?;
    /// assert_eq!(lines.into_iter().collect::<ori_subprocess::Result<Vec<_>>>()?, ["abcd", "ef"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Stops the command, as [`terminate`](BackgroundProcess::terminate) does, when it has not
    /// ended after this time. Waiting for it is then an error of kind `TimedOut`. None by default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let error = ori_subprocess::run_process(["sleep", "100"])
    ///     .timeout(Duration::from_millis(10))
    ///     .output()
    ///     .unwrap_err();
    /// assert!(error.is_timeout());
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// The grace period; 2 s by default. It is both
    ///
    /// * the time between SIGTERM and SIGKILL, when the command is stopped;
    /// * how long a pipe may be idle after the end of the command. Something that the command left
    ///   behind may keep the pipe open for ever; while it writes, it is read, and once it has
    ///   written nothing for this time, waiting ends and [`drained`](crate::Exit::drained) is false.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let exit = ori_subprocess::run_process(["sh", "-c", "sleep 100 & echo started"])
    ///     .grace(Duration::from_millis(10))
    ///     .output()?
    ///     .exit;
    /// assert_eq!((exit.code, exit.drained), (Some(0), false));
    /// # Ok(())
    /// # }
    /// ```
    pub fn grace(mut self, period: Duration) -> Self {
        self.grace = period;
        self
    }

    /// Makes an exit code other than 0 an error of kind `ExitStatus`. Off by default.
    ///
    /// Where nothing else reads standard error, the last line of it is in the message.
    ///
    /// ```
    /// let error = ori_subprocess::run_process(["sh", "-c", "echo no such user >&2; exit 2"])
    ///     .check()
    ///     .output()
    ///     .unwrap_err();
    /// assert_eq!(error.exit_code(), Some(2));
    /// assert!(error.to_string().contains("no such user"));
    /// ```
    pub fn check(mut self) -> Self {
        self.check = true;
        self
    }

    /// Has the system kill the command when this program dies, even by SIGKILL. Off by default,
    /// Linux only.
    ///
    /// It costs: the start then goes by fork and exec instead of `posix_spawn`, and copying the
    /// tables of a large program takes tens of milliseconds for each GiB. It reaches the command
    /// itself and not what the command has started. And it holds for the thread that starts the
    /// command, not for the program: therefore the command's own thread starts it, which lives as
    /// long as the command; [`output`](Self::output) uses the calling thread, which waits.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let process = ori_subprocess::run_process_in_background(["sleep", "100"]).die_with_parent().start()?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(target_os = "linux"))]
    /// # fn main() {}
    /// ```
    pub fn die_with_parent(mut self) -> Self {
        self.die_with_parent = true;
        self
    }

    /// Starts the command, and a thread that serves it until it ends.
    ///
    /// # Errors
    /// `Validation` for an empty command, a zero byte in it, a zero time limit or line length, or a
    /// function for a merged standard error. `Spawn` when the program is not found, is not
    /// executable or cannot be started, with command and path; `Unsupported` for an option that
    /// this system does not have.
    ///
    /// ```
    /// let error = ori_subprocess::run_process_in_background(["no-such-program"]).start().unwrap_err();
    /// assert_eq!(error.kind(), ori_subprocess::ErrorKind::Spawn);
    /// assert_eq!(error.command(), Some("no-such-program"));
    /// ```
    pub fn start(self) -> Result<BackgroundProcess> {
        launch::in_background(self)
    }

    /// Runs the command to its end on the calling thread, and collects what no function reads.
    ///
    /// This blocks. From async code use [`start`](Self::start) and
    /// [`wait`](BackgroundProcess::wait), or [`lines`](Self::lines).
    ///
    /// # Errors
    /// Those of [`start`](Self::start); `TimedOut` after a [`timeout`](Self::timeout), `ExitStatus`
    /// after a failed [`check`](Self::check), and the first of your functions' panics unless there
    /// is an [`exception_function`](Self::exception_function).
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let output = ori_subprocess::run_process(["echo", "hello"]).check().output()?;
    /// assert_eq!(output.stdout, b"hello\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn output(mut self) -> Result<Output> {
        self.stdout.get_or_insert_with(|| Sink::Collect(Vec::new()));
        if !self.merge_stderr {
            self.stderr.get_or_insert_with(|| Sink::Collect(Vec::new()));
        }
        launch::on_this_thread(self)
    }

    /// Starts the command and gives the lines of its standard output, as a stream for async code and
    /// as something to iterate over for sync code.
    ///
    /// A function for standard output is replaced. Lines that nobody takes wait in the pipe, and
    /// the command waits with them.
    ///
    /// # Errors
    /// Those of [`start`](Self::start). What goes wrong later is the last item.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let mut sum = 0;
    /// for line in ori_subprocess::run_process(["seq", "1", "100"]).check().lines()? {
    ///     sum += line?.parse::<u32>().unwrap();
    /// }
    /// assert_eq!(sum, 5050);
    /// # Ok(())
    /// # }
    /// ```
    pub fn lines(mut self) -> Result<Lines> {
        // A few blocks keep both sides busy.
        let (sender, receiver) = async_channel::bounded::<OwnedBlock>(4);
        let max_line = self.max_line_bytes;
        self.stdout = Some(Sink::Stream(sender));
        Ok(Lines::new(self.start()?, receiver, max_line))
    }

    /// The command as it is shown in errors.
    pub(crate) fn shown(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }
}

impl fmt::Debug for ProcessBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessBuilder")
            .field("command", &self.command)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}
