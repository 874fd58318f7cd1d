//! [`ErrorKind`]: the classes of failure that programs tell apart.

use std::fmt;

/// What kind of failure an [`OriError`](crate::OriError) is.
///
/// New kinds may be added: match with a `_` arm.
///
/// ```
/// use ori_errors::{ErrorKind, OriError};
///
/// let error = OriError::new(ErrorKind::Validation, "max_workers must be at least 1, not 0");
/// match error.kind() {
///     ErrorKind::Validation => {} // a mistake in the program: nothing was started
///     ErrorKind::WorkerLost | ErrorKind::TimedOut => { /* worth another try */ }
///     _ => return,
/// }
/// ```
#[non_exhaustive]
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An option or an argument that cannot work; nothing was started (`OriValidationError`).
    Validation,
    /// Worker processes were asked for where the program cannot be started again as a worker
    /// (`OriNoInteractiveProcessPools`).
    NoInteractiveProcessPools,
    /// The user's own function said `Err` for this item.
    Task,
    /// The user's own function panicked.
    Panicked,
    /// A time limit passed.
    TimedOut,
    /// Cancelled before it ran, or while it ran.
    Cancelled,
    /// The worker process that ran it died.
    WorkerLost,
    /// A value could not be encoded or decoded.
    Codec,
    /// A thread, a process or a command could not be started.
    Spawn,
    /// A command ended with an exit status that means failure.
    ExitStatus,
    /// The pool, queue or chain was shut down before.
    Closed,
    /// A bounded queue has no room.
    QueueFull,
    /// A queue has nothing to give.
    QueueEmpty,
    /// A function that was called synchronously would have had to wait.
    Suspended,
    /// Waiting here could never end.
    WouldDeadlock,
    /// Input or output failed.
    Io,
    /// This platform or build cannot do it.
    Unsupported,
}

impl ErrorKind {
    /// The kind in words, as a lower-case fragment.
    ///
    /// ```
    /// assert_eq!(ori_errors::ErrorKind::TimedOut.as_str(), "time limit passed");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "bad option or argument",
            Self::NoInteractiveProcessPools => "worker processes cannot be started here",
            Self::Task => "task failed",
            Self::Panicked => "task panicked",
            Self::TimedOut => "time limit passed",
            Self::Cancelled => "cancelled",
            Self::WorkerLost => "worker lost",
            Self::Codec => "value could not be encoded or decoded",
            Self::Spawn => "could not be started",
            Self::ExitStatus => "command failed",
            Self::Closed => "already shut down",
            Self::QueueFull => "queue is full",
            Self::QueueEmpty => "queue is empty",
            Self::Suspended => "synchronous call would have to wait",
            Self::WouldDeadlock => "waiting here could never end",
            Self::Io => "input or output failed",
            Self::Unsupported => "not supported here",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
