//! [`Map`]: the results of a function over an iterator, in input order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use ori_errors::{ErrorKind, Result};

use super::ThreadPool;
use crate::{BackgroundFuture, Job};

/// The iterator that [`ThreadPool::map`] gives.
///
/// Dropping it cancels the tasks that have not begun, and does not wait for those that run.
///
/// ```
/// let pool = ori_background::ThreadPool::builder().build()?;
/// let mut squares = pool.map(|n: u64| n * n, 1..);
/// assert_eq!(squares.next().unwrap()?, 1);
/// drop(squares);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[must_use = "the results come out of this iterator only"]
pub struct Map<F, I, R> {
    pool: ThreadPool,
    f: Arc<F>,
    items: I,
    ahead: usize,
    tasks: VecDeque<BackgroundFuture<R>>,
    /// The job of the last task, when the pool had no room for it.
    refused: Option<Job>,
    exhausted: bool,
}

impl<F, I, R> Map<F, I, R>
where
    I: Iterator,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    I::Item: Send + 'static,
    R: Send + 'static,
{
    pub(super) fn new(pool: ThreadPool, f: F, items: I) -> Self {
        let ahead = pool.core.options.max_workers.saturating_mul(4).clamp(64, 1_024);
        let f = Arc::new(f);
        let tasks = VecDeque::with_capacity(ahead);
        let mut map = Self { pool, f, items, ahead, tasks, refused: None, exhausted: false };
        map.fill();
        map
    }

    /// Reads ahead as far as it may and as the pool has room.
    fn fill(&mut self) {
        if let Some(job) = self.refused.take() {
            self.push(job);
        }
        while self.tasks.len() < self.ahead && self.refused.is_none() && !self.exhausted {
            let Some(item) = self.items.next() else {
                self.exhausted = true;
                return;
            };
            let (promise, future) = BackgroundFuture::pair();
            let f = Arc::clone(&self.f);
            self.tasks.push_back(future);
            self.push(Box::new(move || promise.run(move || f(item))));
        }
    }

    fn push(&mut self, job: Job) {
        match self.pool.core.push(job) {
            Err((error, job)) if error.kind() == ErrorKind::QueueFull && self.tasks.len() > 1 => {
                // There is room again at the latest when the tasks before it are done.
                self.refused = Some(job);
            }
            Err((error, job)) => {
                super::core::discard([job]);
                self.tasks.pop_back();
                self.tasks.push_back(BackgroundFuture::ready(Err(error)));
            }
            Ok(()) => {}
        }
    }
}

impl<F, I, R> Iterator for Map<F, I, R>
where
    I: Iterator,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    I::Item: Send + 'static,
    R: Send + 'static,
{
    type Item = Result<R>;

    fn next(&mut self) -> Option<Self::Item> {
        self.fill();
        let result = self.tasks.pop_front()?.result();
        Some(result)
    }
}

impl<F, I, R> Drop for Map<F, I, R> {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.cancel();
        }
    }
}

impl<F, I, R> fmt::Debug for Map<F, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}
