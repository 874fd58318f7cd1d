//! Writes that are started now and awaited later, or never: [`DelayedWrite`].

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{self, Poll, ready};

use bytes::Bytes;
use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::operation::runtime;
use crate::write::write_now;
use crate::{Context, WriteOptions, json, report};

/// Starts writing a file and returns at once: the original's `file_write_delayed=True`.
///
/// In sync mode the file is written before this returns, and the [`DelayedWrite`] is ready.
///
/// ```
/// use mt_aio::{Context, WriteOptions, write_binary_delayed};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a.bin");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// runtime.block_on(async {
///     let cx = Context::asynchronous();
///     let write = write_binary_delayed(&path, vec![0; 1 << 20], WriteOptions::new(), &cx);
///     // .. something else meanwhile ..
///     assert_eq!(write.await.unwrap(), 1 << 20);
/// });
/// ```
pub fn write_binary_delayed(
    path: impl AsRef<Path>,
    data: impl Into<Bytes>,
    options: WriteOptions,
    cx: &Context,
) -> DelayedWrite {
    DelayedWrite::start(path.as_ref(), Ok(data.into()), options, cx)
}

/// Starts writing a text file and returns at once. As [`write_binary_delayed`].
///
/// ```
/// use mt_aio::{WriteOptions, srun, write_text_delayed};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a.txt");
/// let bytes = srun(async |cx| write_text_delayed(&path, "abc", WriteOptions::new(), cx).await);
/// assert_eq!(bytes.unwrap(), 3);
/// ```
pub fn write_text_delayed(
    path: impl AsRef<Path>,
    text: impl Into<String>,
    options: WriteOptions,
    cx: &Context,
) -> DelayedWrite {
    DelayedWrite::start(path.as_ref(), Ok(text.into().into()), options, cx)
}

/// Encodes a value, starts writing it as a JSON file and returns. As [`write_binary_delayed`].
///
/// A value that cannot be encoded is an error of the [`DelayedWrite`].
///
/// ```
/// use mt_aio::{WriteOptions, json_save_delayed, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a.json");
/// let bytes = srun(async |cx| json_save_delayed(&path, &[1, 2], WriteOptions::new(), cx).await);
/// assert_eq!(bytes.unwrap(), 5);
/// ```
pub fn json_save_delayed<T: Serialize + ?Sized>(
    path: impl AsRef<Path>,
    value: &T,
    options: WriteOptions,
    cx: &Context,
) -> DelayedWrite {
    let path = path.as_ref();
    DelayedWrite::start(path, json::encode(path, value, options).map(Bytes::from), options, cx)
}

/// A write that was started; awaiting it gives the number of bytes.
///
/// Dropping it does not stop the write. One that was dropped and fails is reported: to `tracing`
/// with the feature of that name, on the standard error stream otherwise. A runtime that ends
/// before the write began does it while it ends.
///
/// # Cancel safety
/// Awaiting `&mut write` can be cancelled and taken up again.
///
/// ```
/// use mt_aio::{Context, WriteOptions, write_text_delayed};
///
/// let write = write_text_delayed("/no/such/folder/a.txt", "", WriteOptions::new(), &Context::sync());
/// assert!(futures_lite::future::block_on(write).is_err());
/// ```
#[must_use = "its error is only reported, not returned, unless it is awaited"]
#[derive(Debug)]
pub struct DelayedWrite {
    /// Gone once the outcome was given.
    outcome: Option<oneshot::Receiver<Result<u64>>>,
}

impl DelayedWrite {
    fn start(path: &Path, data: Result<Bytes>, options: WriteOptions, cx: &Context) -> Self {
        let (sender, outcome) = oneshot::channel();
        let runtime = cx.is_async().then(runtime).transpose();
        // An error that is known already takes the same way as one that turns up later.
        let (data, runtime) = match (data, runtime) {
            (Ok(data), Ok(runtime)) => (Ok(data), runtime),
            (Err(error), _) | (_, Err(error)) => (Err(error), None),
        };
        let write = Write { path: path.to_owned(), data, options };
        let pending = Pending { parts: Some((write, sender)) };
        match runtime {
            Some(runtime) => drop(runtime.spawn_blocking(move || pending.finish())),
            None => pending.finish(),
        }
        Self { outcome: Some(outcome) }
    }
}

impl Future for DelayedWrite {
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Result<u64>> {
        let receiver = self.outcome.as_mut().expect("polled after it was ready");
        let received = ready!(Pin::new(receiver).poll(task));
        self.outcome = None;
        let lost = |_| Err(OriError::new(ErrorKind::Cancelled, "the write was thrown away"));
        Poll::Ready(received.unwrap_or_else(lost))
    }
}

impl Drop for DelayedWrite {
    fn drop(&mut self) {
        if let Some(outcome) = &mut self.outcome {
            // From here on the writer reports; what it has sent already is reported here.
            outcome.close();
            if let Ok(Err(error)) = outcome.try_recv() {
                report_failure(&error);
            }
        }
    }
}

struct Write {
    path: PathBuf,
    data: Result<Bytes>,
    options: WriteOptions,
}

/// A write and the way back to its [`DelayedWrite`]. Is done when it is dropped, at the latest: a
/// runtime that ends drops what it has not begun.
struct Pending {
    parts: Option<(Write, oneshot::Sender<Result<u64>>)>,
}

impl Pending {
    fn finish(mut self) {
        self.run();
    }

    fn run(&mut self) {
        let Some((Write { path, data, options }, sender)) = self.parts.take() else { return };
        let outcome = data.and_then(|data| catch_panic(|| write_now(&path, &data, options))?);
        if let Err(Err(error)) = sender.send(outcome) {
            report_failure(&error);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.run();
    }
}

fn report_failure(error: &OriError) {
    report::unseen("a delayed write failed", error);
}
