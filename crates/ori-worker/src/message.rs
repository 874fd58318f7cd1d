//! The messages between a parent and its workers, and the error of an item as it travels.

use ori_errors::{ErrorKind, OriError};
use serde::{Deserialize, Serialize};

/// Raised whenever the bytes on the wire change their meaning.
pub(crate) const PROTOCOL: u32 = 1;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Worker: [`Hello`], with the status page as a file descriptor.
    Hello = 1,
    /// Parent: [`Setup`].
    Setup = 2,
    /// Worker: set up; or, with a [`Failure`], not.
    Ready = 3,
    /// Parent: [`ContextHead`] and one item, the context.
    Context = 4,
    /// Parent: the number of a context that is no longer needed.
    Forget = 5,
    /// Parent: [`JobHead`] and its items.
    Job = 6,
    /// Worker: [`ReplyHead`] and the results.
    Reply = 7,
    /// Worker: it takes no more jobs; what it did not answer has not begun.
    Retire = 8,
    /// Parent: end in an orderly way.
    Bye = 9,
}

impl Kind {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        const ALL: [Kind; 9] = [
            Kind::Hello,
            Kind::Setup,
            Kind::Ready,
            Kind::Context,
            Kind::Forget,
            Kind::Job,
            Kind::Reply,
            Kind::Retire,
            Kind::Bye,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// The first message, and the worker sends it.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    /// Of the executable's build: functions are sought by their place in it.
    pub(crate) build: u64,
    pub(crate) depth: u32,
}

/// What a worker must know before its first job.
#[derive(Serialize, Deserialize, Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) initializer: Option<Function>,
    /// Items after which the worker takes no more.
    pub(crate) max_items: Option<u64>,
    /// Resident bytes above which the worker takes no more.
    pub(crate) max_memory: Option<u64>,
}

/// Which function a worker shall call.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub(crate) enum Function {
    /// By the offset of its descriptor; the same build only.
    Here { offset: i64, name_hash: u64 },
    /// By its registered name; any build that has it with the same signature.
    Named { name: String, signature: u64 },
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct ContextHead {
    pub(crate) context: u64,
    pub(crate) function: Function,
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct JobHead {
    /// Counts up from 1 for each worker.
    pub(crate) job: u64,
    pub(crate) function: Function,
    pub(crate) context: Option<u64>,
    pub(crate) items: u32,
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct ReplyHead {
    pub(crate) job: u64,
    /// How many results follow: those of the next items of the job.
    pub(crate) items: u32,
    /// The job was marked to be skipped, and was.
    pub(crate) skipped: bool,
    /// How long these items took, in nanoseconds.
    pub(crate) nanos: u64,
}

/// The error of an item, a context or an initializer.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    kind: FailureKind,
    message: String,
    location: Option<String>,
}

#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
enum FailureKind {
    Panicked,
    Codec,
    Task,
    Validation,
    Other,
}

impl From<&OriError> for Failure {
    fn from(error: &OriError) -> Self {
        let kind = match error.kind() {
            ErrorKind::Panicked => FailureKind::Panicked,
            ErrorKind::Codec => FailureKind::Codec,
            ErrorKind::Task => FailureKind::Task,
            ErrorKind::Validation => FailureKind::Validation,
            _ => FailureKind::Other,
        };
        let message = match error.panic_message() {
            Some(message) => message.to_owned(),
            None => {
                // The causes are text from here on: they cannot travel as values.
                let mut message = error.to_string();
                let mut cause = std::error::Error::source(error);
                while let Some(inner) = cause {
                    message = format!("{message}: {inner}");
                    cause = inner.source();
                }
                message
            }
        };
        Self { kind, message, location: error.panic_location().map(str::to_owned) }
    }
}

impl From<Failure> for OriError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Panicked => return Self::panicked(failure.message, failure.location),
            FailureKind::Codec => ErrorKind::Codec,
            FailureKind::Task => ErrorKind::Task,
            FailureKind::Validation => ErrorKind::Validation,
            FailureKind::Other => ErrorKind::WorkerLost,
        };
        Self::new(kind, failure.message)
    }
}
