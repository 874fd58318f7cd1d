//! Run external commands in the background: every line arrives, and nothing is left behind.
//!
//! ```
//! use ori_subprocess::{OriError, run_process_in_background};
//!
//! # fn main() -> Result<(), OriError> {
//! let process = run_process_in_background(["ls", "-l", "/"])
//!     .stdout_function(|line: &str| println!("{line}"))
//!     .stderr_function(|line: &str| eprintln!("{line}"))
//!     .exception_function(|error: &OriError| eprintln!("{error}"))
//!     .start()?;
//! let exit = process.join()?;
//! assert!(exit.success() && exit.drained);
//! # Ok(())
//! # }
//! ```
//!
//! Three ways to run a command, with one builder:
//!
//! | | the output | the caller |
//! |---|---|---|
//! | [`start`](ProcessBuilder::start) | goes to functions, line by line | goes on, with a [`BackgroundProcess`] to wait for or to stop |
//! | [`output`](ProcessBuilder::output) | is collected | waits |
//! | [`lines`](ProcessBuilder::lines) | is a stream and an iterator | takes line after line |
//!
//! # A command is a list of words
//! A shell string is not accepted, because a file name with a space or a quote would change what it
//! does. To run what a user has typed, split it into words with a crate such as `shlex`; where pipes
//! and globs are wanted, name the shell.
//!
//! ```
//! # fn main() -> ori_subprocess::Result<()> {
//! let words = shlex::split("printf '%s %s' 'a b' c").expect("the quotes are closed");
//! assert_eq!(ori_subprocess::run_process(words).output()?.stdout, b"a b c");
//!
//! let output = ori_subprocess::run_process(["sh", "-c", "seq 1 3 | wc -l"]).output()?;
//! assert_eq!(output.stdout_text().trim(), "3");
//! # Ok(())
//! # }
//! ```
//!
//! # What ends when
//! A command leads a process group of its own, and whatever stops it stops the group: `terminate`,
//! `kill`, a time limit, the drop of the handle, the end of `output`. A process that must outlive the
//! command leaves the group (`setsid`). Ctrl-C in a terminal reaches the program and not the command:
//! the program's end does not end the command unless the program drops the handle or
//! [`die_with_parent`](ProcessBuilder::die_with_parent) is set.
//!
//! Waiting ends when the command has ended and its pipes are at their end. Something that the command
//! left behind can keep a pipe open; then waiting ends when the pipe has been idle for the grace
//! period, however long it was busy before.
//!
//! # Threads and descriptors
//! A command that runs has one thread, on which its functions are called, and up to three file
//! descriptors (four while it is given input). Two more threads, shared by all commands and idle
//! between them, wait for timers and pipes; they are those of the crates async-io and async-process.
//!
//! | module | what lives there |
//! |---|---|
//! | `builder` | [`ProcessBuilder`]: which command, and what becomes of its output |
//! | `validation` | what is refused before anything is started |
//! | `launch` | from a builder to a command that runs |
//! | `pump` | what runs while a command runs |
//! | `lines` | the line splitter, and [`Line`] |
//! | `sink` | where the output goes |
//! | `stream` | [`Lines`]: the lines as a stream and as an iterator |
//! | `group` | the process group, and the right to signal it |
//! | `members` | whether anything in a group still runs |
//! | `process` | [`BackgroundProcess`]: the handle |
//! | `exit` | [`Exit`] and [`Output`] |
//! | `system` | what differs between Unix and other systems |
//! | `sys` | what runs between fork and exec |
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tracing` | off | a span and events for each command, for `tracing` |
//!
//! What is told, and under which names, stands in the
//! [guide](https://docs.rs/ori-rs/latest/ori/guide/tracing/index.html).
//!
//! For Unix. Elsewhere it compiles, and a command that is started is an error of kind
//! [`Unsupported`](ErrorKind::Unsupported): there are no process groups, without which what a
//! command has started could not be stopped.
#![deny(unsafe_code)]

use std::ffi::OsStr;

mod builder;
mod exit;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod launch;
mod lines;
mod members;
mod process;
mod pump;
mod sink;
mod stream;
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "`pre_exec` is unsafe, and only it runs between fork and exec")]
mod sys;
mod system;
mod validation;

pub use builder::ProcessBuilder;
pub use exit::{Exit, Output};
pub use lines::Line;
pub use ori_errors::{ErrorKind, OriError, Result};
pub use process::BackgroundProcess;
pub use stream::{BlockingLines, Lines};

/// A command, given as a list of words, to be started in the background.
///
/// The first word is the program, looked up in `PATH` unless it has a `/`. See [`ProcessBuilder`] for
/// its options; nothing runs before [`start`](ProcessBuilder::start).
///
/// Where the original gives a `multiprocessing.Process`, `start` gives a [`BackgroundProcess`]; and
/// functions may be closures, since they stay in this process.
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// let process = ori_subprocess::run_process_in_background(["seq", "1", "3"])
///     .stdout_function(|line: &str| println!("{line}"))
///     .start()?;
/// assert!(process.join()?.success());
/// # Ok(())
/// # }
/// ```
pub fn run_process_in_background<S: AsRef<OsStr>>(command: impl IntoIterator<Item = S>) -> ProcessBuilder {
    ProcessBuilder::new(command)
}

/// A command, given as a list of words, to be run to its end.
///
/// The same builder as that of [`run_process_in_background`]; the name goes with
/// [`output`](ProcessBuilder::output) and [`lines`](ProcessBuilder::lines).
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// let output = ori_subprocess::run_process(["echo", "hello"]).check().output()?;
/// assert_eq!(output.stdout_text(), "hello\n");
/// # Ok(())
/// # }
/// ```
pub fn run_process<S: AsRef<OsStr>>(command: impl IntoIterator<Item = S>) -> ProcessBuilder {
    ProcessBuilder::new(command)
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
