//! [`wait`] and [`as_completed`]: several futures at once.
//!
//! Each future of a group is given the group as its waiter. A task that is settled puts its
//! position into the group and unparks the one thread that waits: nothing is polled.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use ori_errors::Result;

use super::BackgroundFuture;
use super::shared::{Phase, Waiter};
use crate::model::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::model::thread::{self, Thread};

/// When [`wait`] returns.
///
/// ```
/// use ori_background::{ReturnWhen, ThreadPool, wait};
///
/// let pool = ThreadPool::builder().max_workers(2).build()?;
/// let mut futures = [pool.submit(|| 1), pool.submit(|| 2)];
/// let (done, _) = wait(&mut futures, ReturnWhen::FirstCompleted, None);
/// assert!(!done.is_empty());
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[non_exhaustive]
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// As soon as one future is done or cancelled.
    FirstCompleted,
    /// As soon as one future is done with an error; a cancelled one does not count, as in Python's
    /// `concurrent.futures`. When none fails: as soon as all are done.
    FirstError,
    /// When all are done or cancelled.
    AllCompleted,
}

/// What settled tasks tell the thread that waits for them.
pub(super) struct Group {
    state: Mutex<GroupState>,
}

#[derive(Default)]
struct GroupState {
    settled: VecDeque<(usize, Phase)>,
    sleeper: Option<Thread>,
}

impl Group {
    fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn announce(&self, index: usize, phase: Phase) {
        let mut state = self.lock();
        state.settled.push_back((index, phase));
        let sleeper = state.sleeper.take();
        drop(state);
        if let Some(thread) = sleeper {
            thread.unpark();
        }
    }

    /// The next settled task; `None` when `deadline` passed before there was one.
    fn next(&self, deadline: Option<Instant>) -> Option<(usize, Phase)> {
        loop {
            let mut state = self.lock();
            if let Some(entry) = state.settled.pop_front() {
                return Some(entry);
            }
            state.sleeper = Some(thread::current());
            drop(state);
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

impl<T> BackgroundFuture<T> {
    fn join(&self, group: &Arc<Group>, index: usize) {
        let mut state = self.shared.lock();
        let phase = state.phase;
        let previous = if phase.is_settled() {
            None
        } else {
            state.waiter.replace(Waiter::Group(Arc::clone(group), index))
        };
        drop(state);
        drop(previous);
        if phase.is_settled() {
            group.announce(index, phase);
        } else {
            self.nudge();
        }
    }

    fn leave(&self) {
        let mut state = self.shared.lock();
        let previous = state.waiter.take();
        drop(state);
        drop(previous);
    }
}

/// Blocks until as many of `futures` are done as `when` says, at most for `limit`.
///
/// Gives the positions of those that are done (or cancelled), and of those that are not, each in
/// ascending order, as they are when it returns; a limit that passes is not an error. Nothing is
/// cancelled and no result is taken. No futures: returns at once.
///
/// ```
/// use ori_background::{ReturnWhen, ThreadPool, wait};
///
/// let pool = ThreadPool::builder().max_workers(2).build()?;
/// let mut futures = [pool.submit(|| 1), pool.submit(|| 2)];
/// let (done, not_done) = wait(&mut futures, ReturnWhen::AllCompleted, None);
/// assert_eq!((done, not_done), (vec![0, 1], vec![]));
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub fn wait<T>(
    futures: &mut [BackgroundFuture<T>],
    when: ReturnWhen,
    limit: Option<Duration>,
) -> (Vec<usize>, Vec<usize>) {
    // A limit beyond the clock's range is no limit.
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let group = Group::new();
    for (index, future) in futures.iter().enumerate() {
        future.join(&group, index);
    }
    for _ in 0..futures.len() {
        let Some((_, phase)) = group.next(deadline) else { break };
        match when {
            ReturnWhen::FirstCompleted => break,
            ReturnWhen::FirstError if phase == Phase::Failed => break,
            ReturnWhen::FirstError | ReturnWhen::AllCompleted => {}
        }
    }
    futures.iter().for_each(BackgroundFuture::leave);
    (0..futures.len()).partition(|index| futures[*index].is_done())
}

/// Gives the position and the result of each future as it is done, those that are done already
/// first.
///
/// `next` blocks until there is one. Dropping the iterator lets the tasks run on and drops their
/// results.
///
/// ```
/// use ori_background::{ThreadPool, as_completed};
///
/// let pool = ThreadPool::builder().max_workers(2).build()?;
/// let futures = (0..3u64).map(|n| pool.submit(move || n * n));
/// let mut squares = as_completed(futures)
///     .map(|(position, square)| Ok((position, square?)))
///     .collect::<ori_errors::Result<Vec<_>>>()?;
/// squares.sort();
/// assert_eq!(squares, [(0, 0), (1, 1), (2, 4)]);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
pub fn as_completed<T>(futures: impl IntoIterator<Item = BackgroundFuture<T>>) -> AsCompleted<T> {
    let group = Group::new();
    let futures: Vec<_> = futures.into_iter().map(Some).collect();
    for (index, future) in futures.iter().flatten().enumerate() {
        future.join(&group, index);
    }
    AsCompleted { group, left: futures.len(), futures }
}

/// The iterator that [`as_completed`] gives.
///
/// Dropping it lets the tasks run on and drops their results.
///
/// ```
/// let mut none = ori_background::as_completed::<u8>([]);
/// assert!(none.next().is_none());
/// ```
#[must_use = "the results come out of this iterator only"]
pub struct AsCompleted<T> {
    group: Arc<Group>,
    /// `None` where the result was given.
    futures: Vec<Option<BackgroundFuture<T>>>,
    left: usize,
}

impl<T> Iterator for AsCompleted<T> {
    type Item = (usize, Result<T>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            let (index, _) = self.group.next(None)?;
            if let Some(future) = self.futures[index].take() {
                self.left -= 1;
                return Some((index, future.result()));
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}

impl<T> FusedIterator for AsCompleted<T> {}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}
