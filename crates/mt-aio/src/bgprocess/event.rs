//! [`BgEvent`]: what those who listen to a process are told.

use ori_errors::OriError;

/// Which stream of a child something was printed to.
///
/// ```
/// assert_ne!(mt_aio::OutputStream::Stdout, mt_aio::OutputStream::Stderr);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// What happens to a [`BgProcess`](crate::BgProcess): the messages of the original's output queue.
///
/// Requests are numbered in the order of sending; number 0 is the start.
///
/// ```
/// use mt_aio::BgEvent;
///
/// fn log(event: &BgEvent<'_>) {
///     match event {
///         BgEvent::Write { text, .. } => print!("{text}"),
///         BgEvent::Exit { error: Some(error) } => println!("died: {error}"),
///         other => println!("{other:?}"),
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Debug)]
pub enum BgEvent<'a> {
    /// A message was answered (`'returned'`).
    Returned {
        /// The number of the request.
        request: u64,
    },
    /// A message failed, and its sender is told (`'raised_exception'`).
    RaisedException {
        /// The number of the request.
        request: u64,
        /// What its sender gets.
        error: &'a OriError,
    },
    /// The child printed something (`'write'`).
    Write {
        /// Where to.
        stream: OutputStream,
        /// What; pieces of any length, never a part of a character.
        text: &'a str,
    },
    /// A message failed whose sender had stopped waiting (`'ignored_exception'`; the original sent
    /// this when Ctrl-C reached the child, which does not happen here).
    IgnoredException {
        /// The number of the request.
        request: u64,
        /// What its sender would have got.
        error: &'a OriError,
    },
    /// The child has ended; the last event (`'exit'`).
    Exit {
        /// Why, unless it was closed or dropped.
        error: Option<&'a OriError>,
    },
}

/// A function that listens.
pub(super) type Listener = Box<dyn FnMut(&BgEvent<'_>) + Send>;
