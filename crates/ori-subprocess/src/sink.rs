//! Where the output of a command goes: a function, a buffer or a stream.

use std::cell::RefCell;
use std::error::Error as _;
use std::fmt;

use async_channel::Sender;
use memchr::memrchr;
use ori_errors::{ErrorKind, OriError, catch_panic};

use crate::lines::{Block, Line, Split, Splitter};

pub(crate) type BytesFunction = Box<dyn FnMut(&[u8]) + Send>;
pub(crate) type TextFunction = Box<dyn FnMut(&str) + Send>;
pub(crate) type LineFunction = Box<dyn FnMut(Line<'_>) + Send>;
pub(crate) type ExceptionFunction = Box<dyn FnMut(&OriError) + Send>;

/// How much of stderr is kept for the message of an error.
const TAIL: usize = 4 * 1024;

/// Where one stream of a command goes.
pub(crate) enum Sink {
    Bytes(BytesFunction),
    Text(TextFunction),
    Line(LineFunction),
    Collect(Vec<u8>),
    /// The end of it only.
    Tail(Vec<u8>),
    Stream(Sender<OwnedBlock>),
}

/// A block that has left the splitter's buffer.
#[derive(Debug)]
pub(crate) struct OwnedBlock {
    pub(crate) bytes: Vec<u8>,
    pub(crate) piece: bool,
}

/// The reader of a stream is gone.
#[derive(Debug)]
pub(crate) struct NobodyReads;

impl Sink {
    /// Gives on what the splitter has. At the end also the last line, which has no line feed.
    pub(crate) async fn take(
        &mut self,
        splitter: &mut Splitter,
        max_line: usize,
        at_end: bool,
        troubles: &Troubles,
    ) -> Result<(), NobodyReads> {
        match self {
            Self::Collect(all) => all.extend_from_slice(splitter.take_all()),
            Self::Tail(tail) => {
                tail.extend_from_slice(splitter.take_all());
                tail.drain(..tail.len().saturating_sub(TAIL));
            }
            _ => {
                while let Some(block) = splitter.next_block() {
                    self.give(block, max_line, troubles).await?;
                }
                if at_end {
                    let last_line = Block { bytes: splitter.take_all(), piece: false };
                    self.give(last_line, max_line, troubles).await?;
                }
            }
        }
        Ok(())
    }

    async fn give(
        &mut self,
        block: Block<'_>,
        max_line: usize,
        troubles: &Troubles,
    ) -> Result<(), NobodyReads> {
        let lines = Split::new(block, max_line);
        match self {
            Self::Bytes(function) => each(lines, troubles, |line| function(line.bytes())),
            Self::Line(function) => each(lines, troubles, function),
            Self::Text(function) => each_text(lines, troubles, function),
            Self::Stream(sender) if !block.bytes.is_empty() => {
                let block = OwnedBlock { bytes: block.bytes.to_vec(), piece: block.piece };
                return sender.send(block).await.map_err(|_| NobodyReads);
            }
            Self::Stream(_) | Self::Collect(_) | Self::Tail(_) => {}
        }
        Ok(())
    }

    /// The bytes that were kept.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Collect(bytes) | Self::Tail(bytes) => bytes,
            _ => Vec::new(),
        }
    }
}

/// Calls `function` for each line; one that panics costs its own line only.
fn each<'a>(mut lines: Split<'a>, troubles: &Troubles, mut function: impl FnMut(Line<'a>)) {
    while !lines.rest().is_empty() {
        // One guard for all the lines up to the next panic: a guard a line would double the cost.
        if let Err(panic) = catch_panic(|| lines.by_ref().for_each(&mut function)) {
            troubles.report(panic);
        }
    }
}

fn each_text(lines: Split<'_>, troubles: &Troubles, function: &mut TextFunction) {
    // Checking a block at once is several times cheaper than checking each of its short lines.
    let Ok(text) = std::str::from_utf8(lines.rest()) else {
        return each(lines, troubles, |line| function(&line.text()));
    };
    let mut from = 0;
    each(lines.clone(), troubles, |line| {
        let range = from..from + line.without_carriage_return().len();
        from += line.bytes().len() + usize::from(!line.is_piece());
        // Pieces end between characters unless the limit is shorter than a character.
        match text.get(range) {
            Some(line) => function(line),
            None => function(&line.text()),
        }
    });
}

/// What goes wrong while a command runs.
pub(crate) struct Troubles {
    function: RefCell<Option<ExceptionFunction>>,
    /// The first one, where no function wants to know.
    first: RefCell<Option<Failure>>,
    command: String,
    pid: u32,
}

/// Why waiting for a command gives an error. Each one who waits gets an [`OriError`] of their own.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
    panic: Option<(String, Option<String>)>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), panic: None }
    }

    pub(crate) fn of(error: &OriError) -> Self {
        let message = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let place = error.panic_location().map(str::to_owned);
        let panic = error.panic_message().map(|text| (text.to_owned(), place));
        Self { kind: error.kind(), message, panic }
    }

    pub(crate) fn error(&self) -> OriError {
        match &self.panic {
            Some((message, place)) => OriError::panicked(message.clone(), place.clone()),
            None => OriError::new(self.kind, self.message.clone()),
        }
    }
}

impl Troubles {
    pub(crate) fn new(command: String, pid: u32, function: Option<ExceptionFunction>) -> Self {
        Self { function: RefCell::new(function), first: RefCell::new(None), command, pid }
    }

    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// Tells the function, or keeps it for the one who waits.
    pub(crate) fn report(&self, error: OriError) {
        let function = self.function.take();
        let Some(mut function) = function else {
            self.first.borrow_mut().get_or_insert_with(|| Failure::of(&error));
            return;
        };
        let error = error.with_command(&self.command).with_pid(self.pid);
        // There is nobody left to tell of a panic in here; the panic hook has printed it.
        let _ = catch_panic(|| function(&error));
        self.function.replace(Some(function));
    }

    pub(crate) fn first(&self) -> Option<Failure> {
        self.first.borrow().clone()
    }
}

/// The last line that says something, for the message of an error.
pub(crate) fn last_line(tail: &[u8]) -> Option<String> {
    const LONGEST: usize = 300;
    let text = tail.trim_ascii_end();
    let line = &text[memrchr(b'\n', text).map_or(0, |at| at + 1)..];
    let line = &line[line.len().saturating_sub(LONGEST)..];
    (!line.is_empty()).then(|| String::from_utf8_lossy(line).into_owned())
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "bytes function",
            Self::Text(_) => "text function",
            Self::Line(_) => "line function",
            Self::Collect(_) => "collected",
            Self::Tail(_) => "the end of it",
            Self::Stream(_) => "stream",
        })
    }
}
