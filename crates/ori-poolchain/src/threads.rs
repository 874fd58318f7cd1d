//! Where the stages of a run find their threads: the chain's own pool, a user's executor, or, for
//! closures that borrow, threads of a scope.

use std::collections::VecDeque;
use std::thread::{Builder, Scope};

use ori_background::Executor;
use ori_errors::{ErrorKind, OriError, Result};

use crate::engine::lock;
use crate::engine::workers::Spawn;
use crate::model::sync::{Arc, Condvar, Mutex, PoisonError};

/// An executor as a stage uses it.
pub(crate) struct OnExecutor(pub(crate) Arc<dyn Executor>);

impl Spawn<'static> for OnExecutor {
    fn spawn(&self, job: Box<dyn FnOnce() + Send>) -> Result<()> {
        self.0.execute(job)
    }
}

type Job<'j> = Box<dyn FnOnce() + Send + 'j>;

/// Threads that may borrow, started as they are needed and kept until [`close`](Self::close).
pub(crate) struct ScopedThreads<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    queue: Arc<ScopedQueue<'scope>>,
}

#[derive(Default)]
struct ScopedQueue<'j> {
    state: Mutex<ScopedState<'j>>,
    came: Condvar,
}

#[derive(Default)]
struct ScopedState<'j> {
    jobs: VecDeque<Job<'j>>,
    idle: usize,
    threads: usize,
    closed: bool,
}

impl<'scope, 'env> ScopedThreads<'scope, 'env> {
    pub(crate) fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Self { scope, queue: Arc::default() }
    }

    /// Lets the threads end when they have nothing to do.
    pub(crate) fn close(&self) {
        lock(&self.queue.state).closed = true;
        self.queue.came.notify_all();
    }
}

/// Closes them, however the scope is left.
pub(crate) struct CloseOnDrop<'a, 'scope, 'env>(pub(crate) &'a ScopedThreads<'scope, 'env>);

impl Drop for CloseOnDrop<'_, '_, '_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<'scope> Spawn<'scope> for ScopedThreads<'scope, '_> {
    fn spawn(&self, job: Job<'scope>) -> Result<()> {
        let mut state = lock(&self.queue.state);
        state.jobs.push_back(job);
        if state.jobs.len() <= state.idle {
            drop(state);
            self.queue.came.notify_one();
            return Ok(());
        }
        let queue = Arc::clone(&self.queue);
        let started = Builder::new()
            .name(format!("ori-chain-{}", state.threads))
            .spawn_scoped(self.scope, move || queue.serve());
        match started {
            Ok(_) => state.threads += 1,
            // The threads that there are will come to it.
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                let job = state.jobs.pop_back();
                drop(state);
                drop(job);
                return Err(OriError::new(ErrorKind::Spawn, "no thread could be started").with_source(error));
            }
        }
        Ok(())
    }
}

impl ScopedQueue<'_> {
    /// Runs jobs until the queue is closed.
    fn serve(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = lock(&self.state);
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}
