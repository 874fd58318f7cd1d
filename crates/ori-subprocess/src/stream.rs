//! [`Lines`]: the lines of a command, for async code and for `for` loops.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_channel::Receiver;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use ori_errors::Result;

use crate::lines::{Block, Split};
use crate::sink::OwnedBlock;
use crate::{BackgroundProcess, Exit};

/// The lines of a command's standard output: a stream, and what a `for` loop can go over.
///
/// Async code takes lines with `StreamExt::next` of the futures crates; sync code with a `for` loop
/// or [`into_iter`](IntoIterator::into_iter), which gives a [`BlockingLines`].
///
/// Lines are text as [`stdout_function`](crate::ProcessBuilder::stdout_function) gives it. What goes
/// wrong is the last item: an error of [`BackgroundProcess::join`].
///
/// Dropping it kills the command as dropping a [`BackgroundProcess`] does.
///
/// ```
/// use futures_lite::StreamExt as _;
///
/// # futures_lite::future::block_on(async {
/// let mut lines = ori_subprocess::run_process(["printf", "a\\nb"]).lines()?;
/// assert_eq!(lines.next().await.transpose()?.as_deref(), Some("a"));
/// assert_eq!(lines.next().await.transpose()?.as_deref(), Some("b"));
/// assert!(lines.next().await.is_none());
/// # Ok::<(), ori_subprocess::OriError>(())
/// # }).unwrap();
/// ```
#[must_use = "dropping it kills the command"]
pub struct Lines {
    process: Arc<BackgroundProcess>,
    blocks: Pin<Box<Receiver<OwnedBlock>>>,
    block: OwnedBlock,
    /// Where the next line begins in the block.
    at: usize,
    max_line: usize,
    end: End,
}

enum End {
    /// Lines may come.
    Lines,
    /// All lines are out; the end of the command is awaited.
    Waiting(BoxFuture<'static, Result<Exit>>),
    /// Over.
    Over,
}

impl Lines {
    pub(crate) fn new(process: BackgroundProcess, blocks: Receiver<OwnedBlock>, max_line: usize) -> Self {
        Self {
            process: Arc::new(process),
            blocks: Box::pin(blocks),
            block: OwnedBlock { bytes: Vec::new(), piece: false },
            at: 0,
            max_line,
            end: End::Lines,
        }
    }

    /// The command itself.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let lines = ori_subprocess::run_process(["yes"]).lines()?;
    /// lines.process().terminate();
    /// assert!(lines.process().join()?.killed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn process(&self) -> &BackgroundProcess {
        &self.process
    }

    /// The next line of the block that is here.
    fn next_here(&mut self) -> Option<String> {
        let block = Block { bytes: &self.block.bytes[self.at..], piece: self.block.piece };
        let mut lines = Split::new(block, self.max_line);
        let line = lines.next()?;
        self.at = self.block.bytes.len() - lines.rest().len();
        Some(String::from_utf8_lossy(line.without_carriage_return()).into_owned())
    }

    fn take(&mut self, block: OwnedBlock) {
        self.block = block;
        self.at = 0;
    }
}

impl Stream for Lines {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<String>>> {
        let this = &mut *self;
        loop {
            if let Some(line) = this.next_here() {
                return Poll::Ready(Some(Ok(line)));
            }
            match &mut this.end {
                End::Lines => match ready!(this.blocks.as_mut().poll_next(cx)) {
                    Some(block) => this.take(block),
                    None => {
                        let process = this.process.clone();
                        this.end = End::Waiting(Box::pin(async move { process.wait().await }));
                    }
                },
                End::Waiting(wait) => {
                    let end = ready!(wait.as_mut().poll(cx));
                    this.end = End::Over;
                    return Poll::Ready(end.err().map(Err));
                }
                End::Over => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("process", &self.process).finish_non_exhaustive()
    }
}

impl IntoIterator for Lines {
    type Item = Result<String>;
    type IntoIter = BlockingLines;

    fn into_iter(self) -> BlockingLines {
        BlockingLines(self)
    }
}

/// The lines of a command's standard output, for sync code: an iterator that blocks until the next
/// line is there.
///
/// Dropping it kills the command as dropping a [`BackgroundProcess`] does.
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// let lines = ori_subprocess::run_process(["seq", "1", "9"]).lines()?;
/// let even: Vec<String> = lines.into_iter().skip(1).step_by(2).collect::<ori_subprocess::Result<_>>()?;
/// assert_eq!(even, ["2", "4", "6", "8"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping it kills the command"]
pub struct BlockingLines(Lines);

impl BlockingLines {
    /// The command itself.
    ///
    /// ```
    /// # fn main() -> ori_subprocess::Result<()> {
    /// let mut lines = ori_subprocess::run_process(["yes"]).lines()?.into_iter();
    /// assert_eq!(lines.next().transpose()?.as_deref(), Some("y"));
    /// lines.process().terminate();
    /// # Ok(())
    /// # }
    /// ```
    pub fn process(&self) -> &BackgroundProcess {
        self.0.process()
    }
}

impl Iterator for BlockingLines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        let lines = &mut self.0;
        loop {
            if let Some(line) = lines.next_here() {
                return Some(Ok(line));
            }
            match lines.blocks.recv_blocking() {
                Ok(block) => lines.take(block),
                Err(_) if matches!(lines.end, End::Over) => return None,
                Err(_) => {
                    lines.end = End::Over;
                    return lines.process.join().err().map(Err);
                }
            }
        }
    }
}
