//! [`Recorder`]: what runs of a chain did, as pictures.
//!
//! ```text
//! Meter ─► Tape ─► Track (a stage) ┐
//!                  Track           ├─ Recording (a run) ─┐
//! consumer ──────► depths          ┘                     ├─ Recorder ─► Picture ─┬─► trace: JSON
//!                                    Recording ──────────┘                       └─► timeline: SVG
//! ```
//!
//! * [`track`]: a stage's spans and marks, in bounded memory.
//! * [`recording`]: one run: its tracks, how many items wait where, and its statistics.
//! * [`reel`]: a run's recording in the hands of its execution, and the files that it leaves.
//! * [`picture`]: all that was recorded, at one moment and on one axis of time.
//! * [`trace`], [`timeline`]: the two ways to write it down; [`svg`], [`axis`] and [`bars`] serve the
//!   second.
//! * [`file`](mod@file): whole files or none.

mod axis;
mod bars;
mod file;
mod picture;
mod recording;
mod reel;
mod svg;
mod timeline;
mod trace;
mod track;

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ori_errors::{ErrorKind, OriError, Result};

use crate::chain::{Lifetime, PoolChain};
use crate::engine::lock;
pub(crate) use file::Files;
use picture::Picture;
use recording::Recording;
pub(crate) use reel::Reel;
pub(crate) use track::{MarkKind, Span, Track, Who};

/// The most runs that a recorder keeps.
const MOST_RUNS: usize = 16;

/// Records what runs of chains do, to write it down as a picture, while they go on or after (feature
/// `trace`).
///
/// Give it to chains with [`PoolChain::record`], as many as you like. The runs are shown side by side
/// on one axis of time, so that chains that feed one another can be seen together; a recorder keeps the
/// last 16 runs. For one run there is [`PoolChain::timeline`] and [`PoolChain::trace`], which need no
/// recorder.
///
/// Each stage is a group of lanes, one for each worker: a thread, a process, a future in flight, or
/// whoever takes the results, while it runs a batch itself. A batch is a span on a lane. Workers that
/// were lost, retries and errors are marks.
///
/// **Its memory is bounded**, however long a run: of each stage it keeps at most 16,384 spans and 3,072
/// marks, about 2 MiB. When there are more, neighbours on a lane become one span that says how many
/// batches it holds and how much of its time was work; so a picture of a week is coarser than one of a
/// second, and no larger.
///
/// A clone is another handle on the same recorder. **Dropping it** forgets what was recorded, as soon as
/// the runs are over that still write to it.
///
/// ```
/// use ori_poolchain::{PoolChain, Recorder};
///
/// let recorder = Recorder::new();
/// let chain = PoolChain::new()
///     .add_threadpool(|n: u64| n * n).name("square")
///     .add_threadpool(|n: u64| n.to_string()).name("write").max_workers(1)
///     .record(&recorder);
/// chain.execute_eager(0..1000)?;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let (timeline, trace) = (folder.path().join("run.svg"), folder.path().join("run.json"));
/// recorder.write_timeline(&timeline)?; // open it in a browser
/// recorder.write_trace(&trace)?; // open it in ui.perfetto.dev, or in chrome://tracing
/// # assert!(std::fs::read_to_string(timeline).unwrap().contains("square"));
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[derive(Clone, Default)]
pub struct Recorder {
    /// The oldest first.
    runs: Arc<Mutex<VecDeque<Arc<Recording>>>>,
}

impl Recorder {
    /// A recorder without a run.
    ///
    /// ```
    /// let recorder = ori_poolchain::Recorder::new();
    /// assert!(recorder.write_trace("run.json").unwrap_err().is_validation()); // nothing to write
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes what was recorded so far as a trace in the Chrome format, for <https://ui.perfetto.dev>
    /// (which reads it in the browser and sends it nowhere) or `chrome://tracing`.
    ///
    /// Each stage is a process of the trace and each worker a thread. A span is a batch and says which
    /// items it held; arrows lead from a batch to the batches of the next stage that hold its items.
    /// Counters tell how many items waited before each stage. Times are in microseconds since the first
    /// run began.
    ///
    /// The file is complete or not there: a file of this name is replaced when the new one is whole. It
    /// has at most about 12 MB for each stage.
    ///
    /// # Errors
    /// `Io`, with the path, when it cannot be written; `Validation` when there was no run yet.
    ///
    /// ```
    /// use ori_poolchain::{PoolChain, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).record(&recorder);
    /// let mut results = chain.execute_lazy(0..)?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("run.json");
    /// assert_eq!(results.next().unwrap()?, 1);
    /// recorder.write_trace(&path)?; // the run goes on
    /// assert_eq!(results.next().unwrap()?, 2);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn write_trace(&self, path: impl AsRef<Path>) -> Result<()> {
        let picture = self.picture()?;
        file::write(path.as_ref(), |out| trace::write(&picture, out))
    }

    /// Writes what was recorded so far as a picture that a person can read: an SVG file for any browser,
    /// light or dark as the reader likes it.
    ///
    /// Stages are rows, and their workers lanes with a bar where they were busy. Beside each stage stands
    /// how much of its time its workers were busy, waited for input, and waited for output; the stage
    /// that limits the run ([`ChainStats::bottleneck`](crate::ChainStats::bottleneck)) stands out.
    /// Workers that were lost are marks that say why when the pointer rests on them.
    ///
    /// The file is complete or not there, as with [`write_trace`](Self::write_trace), and has less than
    /// 500 kB for up to 16 stages.
    ///
    /// # Errors
    /// `Io`, with the path, when it cannot be written; `Validation` when there was no run yet.
    ///
    /// ```
    /// use ori_poolchain::{PoolChain, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).record(&recorder);
    /// chain.execute_eager(0..100)?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("run.svg");
    /// recorder.write_timeline(&path)?;
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn write_timeline(&self, path: impl AsRef<Path>) -> Result<()> {
        let picture = self.picture()?;
        file::write(path.as_ref(), |out| timeline::write(&picture, out))
    }

    fn picture(&self) -> Result<Picture> {
        let runs: Vec<_> = lock(&self.runs).iter().cloned().collect();
        if runs.is_empty() {
            let message = "nothing was recorded; give the recorder to a chain with record, and run the chain";
            return Err(OriError::new(ErrorKind::Validation, message));
        }
        Ok(Picture::of(&runs))
    }

    /// Keeps a run that begins, and forgets the oldest one if there are too many.
    fn add(&self, recording: Arc<Recording>) {
        let mut runs = lock(&self.runs);
        if runs.len() == MOST_RUNS {
            runs.pop_front();
        }
        runs.push_back(recording);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("runs", &lock(&self.runs).len()).finish()
    }
}

/// Pictures of runs (feature `trace`).
impl<I, O, B: Lifetime> PoolChain<I, O, B> {
    /// Lets `recorder` record the runs of this chain; see [`Recorder`]. Single-threaded runs are not
    /// recorded.
    ///
    /// It costs a run some 0.1 µs a batch, and a batch takes 64 µs where you do not choose its size.
    ///
    /// ```
    /// use ori_poolchain::{PoolChain, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).record(&recorder);
    /// assert_eq!(chain.execute_eager([1, 2])?, [2, 3]);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn record(mut self, recorder: &Recorder) -> Self {
        self.options.recorder = Some(recorder.clone());
        self
    }

    /// Writes a trace of each run to this file when the run ends, as [`Recorder::write_trace`] does.
    ///
    /// The run is over when its last result was taken, or when its results are dropped; the next run of
    /// the chain replaces the file. That a file can be made in the folder is checked when a run starts:
    /// if not, the run's error is of kind `Io` and has the path, and nothing was started. If the file
    /// cannot be written at the end, that is the last result of a lazy run, and the error of an eager
    /// one. Where results are dropped before their end, nobody is told: use a [`Recorder`] if you must
    /// know. A stream that is dropped leaves the writing to a thread of the chain and does not wait for
    /// it. Single-threaded runs write nothing.
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("run.json");
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).trace(&path);
    /// assert_eq!(chain.execute_eager(0..100)?.len(), 100);
    /// assert!(path.exists());
    ///
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).trace("no/such/folder/run.json");
    /// let error = chain.execute_lazy(0..100).unwrap_err();
    /// assert_eq!(error.path(), Some("no/such/folder/run.json".as_ref()));
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn trace(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.files.trace = Some(path.into());
        self
    }

    /// Draws each run into this SVG file when the run ends, as [`Recorder::write_timeline`] does. For when
    /// it is written, and what happens if it cannot be, see [`trace`](Self::trace).
    ///
    /// ```
    /// use ori_poolchain::PoolChain;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("run.svg");
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).name("add").timeline(&path);
    /// for result in chain.execute_lazy(0..100)? {
    ///     result?;
    /// }
    /// assert!(std::fs::read_to_string(&path).unwrap().contains("add"));
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    pub fn timeline(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.files.timeline = Some(path.into());
        self
    }
}
