//! A sink that keeps what comes, and conductors for tests.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use ori_errors::{OriError, Result};
use ori_worker::{Conductor, Job, Replies, Sink, Task, WorkerOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Keeps the replies of a job until all items have a result.
#[derive(Default)]
pub(crate) struct Collect {
    parts: Mutex<Vec<(u32, Part)>>,
    changed: Condvar,
}

enum Part {
    Replies(Replies),
    Failed(OriError),
}

impl Sink for Collect {
    fn replies(&self, first: u32, replies: Replies) {
        self.parts.lock().unwrap().push((first, Part::Replies(replies)));
        self.changed.notify_all();
    }

    fn failed(&self, item: u32, error: OriError) {
        self.parts.lock().unwrap().push((item, Part::Failed(error)));
        self.changed.notify_all();
    }
}

impl Collect {
    /// Waits for the results of all `items` items; fails when one has none or two.
    pub(crate) fn results<R: DeserializeOwned>(&self, items: u32) -> Vec<Result<R>> {
        let start = Instant::now();
        let mut parts = self.parts.lock().unwrap();
        let count = |parts: &[(u32, Part)]| -> usize {
            parts
                .iter()
                .map(|(_, part)| if let Part::Replies(replies) = part { replies.len() } else { 1 })
                .sum()
        };
        while count(&parts) < items as usize {
            let left = LIMIT.checked_sub(start.elapsed()).expect("the results came in time");
            parts = self.changed.wait_timeout(parts, left).unwrap().0;
        }
        let mut results = Vec::new();
        for (first, part) in parts.drain(..) {
            assert_eq!(first as usize, results.len(), "results come in order, each once");
            match part {
                Part::Failed(error) => results.push(Err(error)),
                Part::Replies(mut replies) => {
                    while let Some(result) = replies.decode_next() {
                        results.push(result);
                    }
                }
            }
        }
        assert_eq!(results.len(), items as usize);
        results
    }
}

pub(crate) fn conductor(max_workers: usize) -> Conductor {
    let mut options = WorkerOptions::default();
    options.max_workers = max_workers;
    Conductor::start(options).unwrap()
}

/// A job of these items and its sink.
pub(crate) fn job<T: Serialize>(task: Task, items: impl IntoIterator<Item = T>) -> (Job, Arc<Collect>) {
    let sink = Arc::new(Collect::default());
    let mut job = Job::new(task, Arc::clone(&sink) as Arc<dyn Sink>);
    for item in items {
        job.push(&(item,)).unwrap();
    }
    (job, sink)
}

/// Runs a job to its end.
pub(crate) fn run<T: Serialize, R: DeserializeOwned>(
    conductor: &Conductor,
    task: Task,
    items: impl IntoIterator<Item = T>,
) -> Vec<Result<R>> {
    let (job, sink) = job(task, items);
    let count = job.items();
    conductor.submit(conductor.reserve(), job).unwrap();
    sink.results(count)
}
