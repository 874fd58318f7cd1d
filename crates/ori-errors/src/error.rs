//! [`OriError`]: what failed, where, and why.
//!
//! The public type is one pointer to a private record, so that a `Result<u64, OriError>` is two
//! words and an error costs an allocation only when it happens.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::ErrorKind;

/// The result of every fallible function of Ori.
///
/// ```
/// fn double(text: &str) -> ori_errors::Result<i64> {
///     use ori_errors::{ErrorKind, OriError};
///     let n: i64 = text
///         .parse()
///         .map_err(|error| OriError::new(ErrorKind::Codec, "not a number").with_source(error))?;
///     Ok(n * 2)
/// }
/// assert_eq!(double("21").unwrap(), 42);
/// assert!(double("x").is_err());
/// ```
pub type Result<T, E = OriError> = std::result::Result<T, E>;

/// What failed, where, and why.
///
/// Opaque and one word wide. [`kind`](Self::kind) tells the class of the failure; the accessors
/// tell the circumstances that are known. `Display` is one line without the underlying cause,
/// which [`source`](StdError::source) gives; `{error:#}` is the same line with its causes behind it.
///
/// Programs make one with [`OriError::new`] when they implement an executor of their own.
///
/// ```
/// use ori_errors::{ErrorKind, OriError};
///
/// let error = OriError::new(ErrorKind::ExitStatus, "exit status 2").with_command("tar").with_exit_code(2);
/// assert_eq!(error.kind(), ErrorKind::ExitStatus);
/// assert_eq!(error.exit_code(), Some(2));
/// assert_eq!(error.to_string(), "command `tar`: exit status 2");
/// assert_eq!(size_of::<OriError>(), size_of::<usize>());
///
/// let cause = std::io::Error::other("bad sector");
/// let error = OriError::new(ErrorKind::Io, "cannot read").with_path("a.txt").with_source(cause);
/// assert_eq!(format!("{error}"), "`a.txt`: cannot read");
/// assert_eq!(format!("{error:#}"), "`a.txt`: cannot read: bad sector");
/// ```
pub struct OriError(Box<Record>);

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Record {
    kind: ErrorKind,
    message: String,
    panic: Option<Panic>,
    item: Option<u64>,
    stage: Option<String>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    pid: Option<u32>,
    path: Option<PathBuf>,
    command: Option<String>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug)]
struct Panic {
    message: String,
    location: Option<String>,
}

impl OriError {
    /// An error of this kind. The message is a lower-case fragment that says what failed.
    ///
    /// ```
    /// use ori_errors::{ErrorKind, OriError};
    /// let error = OriError::new(ErrorKind::Closed, "the pool was shut down");
    /// assert_eq!(error.to_string(), "the pool was shut down");
    /// ```
    #[must_use]
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Record {
            kind,
            message: message.into(),
            panic: None,
            item: None,
            stage: None,
            exit_code: None,
            signal: None,
            pid: None,
            path: None,
            command: None,
            source: None,
        }))
    }

    /// A panic of user code, with its message and, where known, its place (`src/a.rs:3:5`).
    ///
    /// [`catch_panic`](crate::catch_panic) makes these; an executor that learns of a panic in
    /// another way uses this.
    ///
    /// ```
    /// let error = ori_errors::OriError::panicked("boom", Some("src/a.rs:3:5".into()));
    /// assert_eq!(error.panic_message(), Some("boom"));
    /// assert_eq!(error.to_string(), "panicked at src/a.rs:3:5: boom");
    /// ```
    #[must_use]
    #[cold]
    pub fn panicked(message: impl Into<String>, location: Option<String>) -> Self {
        let message = message.into();
        let line = match &location {
            Some(place) => format!("panicked at {place}: {message}"),
            None => format!("panicked: {message}"),
        };
        let mut error = Self::new(ErrorKind::Panicked, line);
        error.0.panic = Some(Panic { message, location });
        error
    }

    /// The class of the failure.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::Io, "disk full").kind(), ErrorKind::Io);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether an option or argument was bad (`OriValidationError`).
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert!(OriError::new(ErrorKind::Validation, "zero workers").is_validation());
    /// ```
    #[must_use]
    pub fn is_validation(&self) -> bool {
        self.kind() == ErrorKind::Validation
    }

    /// Whether a time limit passed.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert!(OriError::new(ErrorKind::TimedOut, "5s").is_timeout());
    /// ```
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::TimedOut
    }

    /// Whether the work was cancelled.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert!(OriError::new(ErrorKind::Cancelled, "pool dropped").is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.kind() == ErrorKind::Cancelled
    }

    /// Whether user code panicked.
    ///
    /// ```
    /// # use ori_errors::OriError;
    /// assert!(OriError::panicked("boom", None).is_panic());
    /// ```
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.kind() == ErrorKind::Panicked
    }

    /// Whether the worker process died.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// let error = OriError::new(ErrorKind::WorkerLost, "worker 71 was killed").with_pid(71).with_signal(9);
    /// assert!(error.is_worker_lost());
    /// ```
    #[must_use]
    pub fn is_worker_lost(&self) -> bool {
        self.kind() == ErrorKind::WorkerLost
    }

    /// What the panic said.
    ///
    /// ```
    /// # use ori_errors::OriError;
    /// assert_eq!(OriError::panicked("boom", None).panic_message(), Some("boom"));
    /// ```
    #[must_use]
    pub fn panic_message(&self) -> Option<&str> {
        self.0.panic.as_ref().map(|panic| panic.message.as_str())
    }

    /// Where the panic happened, as `file:line:column`.
    ///
    /// `None` when a panic hook that was set after Ori's first use hides it.
    ///
    /// ```
    /// let error = ori_errors::catch_panic(|| panic!("boom")).unwrap_err();
    /// assert!(error.panic_location().unwrap().contains(".rs:"));
    /// ```
    #[must_use]
    pub fn panic_location(&self) -> Option<&str> {
        self.0.panic.as_ref()?.location.as_deref()
    }

    /// The position in the input of the item that failed, from 0.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::Task, "no").with_item(3).item(), Some(3));
    /// ```
    #[must_use]
    pub fn item(&self) -> Option<u64> {
        self.0.item
    }

    /// The name of the stage that failed.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::Task, "no").with_stage("parse").stage(), Some("parse"));
    /// ```
    #[must_use]
    pub fn stage(&self) -> Option<&str> {
        self.0.stage.as_deref()
    }

    /// The exit code of the process that ended.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::ExitStatus, "no").with_exit_code(2).exit_code(), Some(2));
    /// ```
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        self.0.exit_code
    }

    /// The signal that ended the process.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::WorkerLost, "killed").with_signal(9).signal(), Some(9));
    /// ```
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.0.signal
    }

    /// The id of the process.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::WorkerLost, "killed").with_pid(71).pid(), Some(71));
    /// ```
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.0.pid
    }

    /// The file or folder.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// # use std::path::Path;
    /// let error = OriError::new(ErrorKind::Io, "not found").with_path("a.txt");
    /// assert_eq!(error.path(), Some(Path::new("a.txt")));
    /// ```
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The external command.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::Spawn, "not found").with_command("tar").command(), Some("tar"));
    /// ```
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.0.command.as_deref()
    }

    /// The same error, with the position of the item in the input.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::Task, "no").with_item(3).to_string(), "item 3: no");
    /// ```
    #[must_use]
    pub fn with_item(mut self, item: u64) -> Self {
        self.0.item = Some(item);
        self
    }

    /// The same error, with the name of the stage.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::Task, "no").with_stage("parse").to_string(), "stage `parse`: no");
    /// ```
    #[must_use]
    pub fn with_stage(mut self, stage: impl Into<String>) -> Self {
        self.0.stage = Some(stage.into());
        self
    }

    /// The same error, with the exit code of the process.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::ExitStatus, "no").with_exit_code(1).exit_code(), Some(1));
    /// ```
    #[must_use]
    pub fn with_exit_code(mut self, code: i32) -> Self {
        self.0.exit_code = Some(code);
        self
    }

    /// The same error, with the signal that ended the process.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::WorkerLost, "killed").with_signal(9).signal(), Some(9));
    /// ```
    #[must_use]
    pub fn with_signal(mut self, signal: i32) -> Self {
        self.0.signal = Some(signal);
        self
    }

    /// The same error, with the id of the process.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// assert_eq!(OriError::new(ErrorKind::WorkerLost, "killed").with_pid(71).pid(), Some(71));
    /// ```
    #[must_use]
    pub fn with_pid(mut self, pid: u32) -> Self {
        self.0.pid = Some(pid);
        self
    }

    /// The same error, with the file or folder.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// let error = OriError::new(ErrorKind::Io, "not found").with_path("a.txt");
    /// assert_eq!(error.to_string(), "`a.txt`: not found");
    /// ```
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// The same error, with the external command.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// let error = OriError::new(ErrorKind::Spawn, "not found").with_command("tra");
    /// assert_eq!(error.to_string(), "command `tra`: not found");
    /// ```
    #[must_use]
    pub fn with_command(mut self, command: impl Into<String>) -> Self {
        self.0.command = Some(command.into());
        self
    }

    /// The same error, with its cause, which `Display` does not repeat.
    ///
    /// ```
    /// # use ori_errors::{ErrorKind, OriError};
    /// use std::error::Error;
    /// let error = OriError::new(ErrorKind::Io, "cannot read").with_source(std::io::Error::other("bad sector"));
    /// assert_eq!(error.source().unwrap().to_string(), "bad sector");
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl fmt::Display for OriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { stage, item, command, path, .. } = &*self.0;
        let mut separator = "";
        if let Some(stage) = stage {
            write!(f, "stage `{stage}`")?;
            separator = ", ";
        }
        if let Some(item) = item {
            write!(f, "{separator}item {item}")?;
            separator = ", ";
        }
        if let Some(command) = command {
            write!(f, "{separator}command `{command}`")?;
            separator = ", ";
        }
        if let Some(path) = path {
            write!(f, "{separator}`{}`", path.display())?;
            separator = ", ";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        write!(f, "{}", self.0)?;
        let mut cause = self.source().filter(|_| f.alternate());
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Kind, line and chain of causes: what `unwrap` and `main` print.
impl fmt::Debug for OriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self:#}", self.kind())
    }
}

impl StdError for OriError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// Keeps the error as the inner error; the kind becomes the nearest [`io::ErrorKind`].
impl From<OriError> for io::Error {
    fn from(error: OriError) -> Self {
        let kind = match error.kind() {
            ErrorKind::Validation => io::ErrorKind::InvalidInput,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::Codec => io::ErrorKind::InvalidData,
            ErrorKind::Closed => io::ErrorKind::BrokenPipe,
            ErrorKind::QueueFull | ErrorKind::QueueEmpty | ErrorKind::Suspended => io::ErrorKind::WouldBlock,
            ErrorKind::WouldDeadlock => io::ErrorKind::Deadlock,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::Io | ErrorKind::Spawn => {
                match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
                    Some(source) => source.kind(),
                    None => io::ErrorKind::Other,
                }
            }
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
