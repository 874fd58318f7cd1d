//! [`Reel`]: a run's recording in the hands of its execution, until the run's files are written.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "async")]
use std::sync::Mutex;
#[cfg(feature = "async")]
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ori_errors::Result;

use super::file::Files;
use super::picture::Picture;
use super::recording::Recording;
#[cfg(feature = "async")]
use crate::engine::lock;
use crate::engine::tape::Tape;
use crate::engine::workers::Spawn;
use crate::options::{ChainOptions, StageOptions};
use crate::{ChainStats, Watcher};

pub(crate) struct Reel<'e> {
    /// If somebody wants to know.
    recording: Option<Arc<Recording>>,
    /// Until they are written.
    files: Option<Files>,
    /// Where they are written for a consumer that must not be blocked.
    spawner: Arc<dyn Spawn<'e> + 'e>,
    may_block: bool,
    #[cfg(feature = "async")]
    writing: Option<Arc<Mutex<Writing>>>,
}

/// Files that another thread writes.
#[cfg(feature = "async")]
#[derive(Default)]
struct Writing {
    done: Option<Result<()>>,
    waker: Option<Waker>,
}

impl<'e> Reel<'e> {
    pub(crate) fn new(
        options: &ChainOptions,
        stages: &[StageOptions],
        started: Instant,
        spawner: Arc<dyn Spawn<'e> + 'e>,
        may_block: bool,
    ) -> Self {
        let files = (!options.files.is_empty()).then(|| options.files.clone());
        let is_wanted = options.recorder.is_some() || files.is_some();
        let recording = is_wanted.then(|| Arc::new(Recording::new(stages, started)));
        if let (Some(recorder), Some(recording)) = (&options.recorder, &recording) {
            recorder.add(Arc::clone(recording));
        }
        Self {
            recording,
            files,
            spawner,
            may_block,
            #[cfg(feature = "async")]
            writing: None,
        }
    }

    /// Where the meter of this stage tells what happens.
    pub(crate) fn tape(&self, stage: usize) -> Tape {
        self.recording
            .as_ref()
            .map(|recording| Tape::new(Arc::clone(&recording.tracks[stage])))
            .unwrap_or_default()
    }

    /// A batch has come out: notes how many items wait where, now and then.
    #[inline]
    pub(crate) fn sample(&self, depths: impl FnOnce() -> (u64, Vec<u64>)) {
        if let Some(recording) = &self.recording {
            recording.sample(depths);
        }
    }

    pub(crate) fn watch(&self, watcher: impl FnOnce() -> Watcher) {
        if let Some(recording) = &self.recording {
            recording.watch(watcher());
        }
    }

    /// The run is over, with these figures.
    pub(crate) fn ends(&self, stats: impl FnOnce() -> ChainStats) {
        if let Some(recording) = &self.recording {
            recording.ends(stats);
        }
    }

    /// What is to be written, once.
    fn take(&mut self) -> Option<impl FnOnce() -> Result<()> + Send + use<>> {
        let (files, recording) = (self.files.take()?, Arc::clone(self.recording.as_ref()?));
        Some(move || files.write(&Picture::of(&[recording])))
    }

    /// Writes the files of a run that is over, in this thread.
    pub(crate) fn write(&mut self) -> Result<()> {
        self.take().map_or(Ok(()), |write| write())
    }

    /// Writes them if that was not done, when there is nobody left to be told of an error.
    pub(crate) fn write_unheard(&mut self) {
        if self.may_block {
            let _ = self.write();
        } else if let Some(write) = self.take() {
            let _ = self.spawner.spawn(Box::new(move || drop(write())));
        }
    }

    /// Writes them in another thread; the waker is woken when that is done.
    #[cfg(feature = "async")]
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Some(write) = self.take() {
            let writing = Arc::<Mutex<Writing>>::default();
            let here = Arc::clone(&writing);
            self.spawner.spawn(Box::new(move || {
                let done = write();
                let mut writing = lock(&here);
                writing.done = Some(done);
                let waker = writing.waker.take();
                drop(writing);
                waker.into_iter().for_each(Waker::wake);
            }))?;
            self.writing = Some(writing);
        }
        let Some(writing) = &self.writing else { return Poll::Ready(Ok(())) };
        let mut writing = lock(writing);
        match writing.done.take() {
            Some(done) => {
                writing.waker = None;
                drop(writing);
                self.writing = None;
                Poll::Ready(done)
            }
            None => {
                writing.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Reel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reel").field("files", &self.files).finish_non_exhaustive()
    }
}
