//! Helper threads: a closure that borrows, run elsewhere while the caller waits.
//!
//! `std::thread::scope` does the same without `unsafe`, at three times the cost: it starts a thread a
//! call.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};

/// So many helpers stay when they have nothing to do.
const KEPT: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run one closure at a time. Every closure gets one at once: none ever queues, so that
/// calls may nest to any depth.
#[derive(Debug)]
pub(crate) struct Helpers {
    idle: Mutex<Vec<SyncSender<(Job, Done)>>>,
}

impl Helpers {
    pub(crate) const fn new() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }

    /// Runs `f` on a helper and waits for it. A panic comes back as the payload.
    pub(crate) fn run<R: Send>(&'static self, f: impl FnOnce() -> R + Send) -> thread::Result<R> {
        let mut result: Option<thread::Result<R>> = None;
        {
            let slot = &mut result;
            let job: Box<dyn FnOnce() + Send + '_> =
                Box::new(move || *slot = Some(panic::catch_unwind(AssertUnwindSafe(f))));
            // SAFETY: only the lifetime changes. The job borrows from this frame, which does not end
            // before the job is consumed: `wait` returns after `Done` was dropped, which the helper
            // does after it ran or dropped the job, and nothing between here and the end of `wait` can
            // unwind out of this frame: `dispatch` and `wait` abort rather than panic.
            let job = unsafe { mem::transmute::<Box<dyn FnOnce() + Send + '_>, Job>(job) };
            let no_unwind = AbortOnUnwind;
            let flag = Arc::new(Flag { done: AtomicBool::new(false), waiting: thread::current() });
            self.dispatch(job, Done(Arc::clone(&flag)));
            flag.wait();
            mem::forget(no_unwind);
        }
        result.unwrap_or_else(|| Err(Box::new("no helper thread can be started") as Box<dyn Any + Send>))
    }

    /// Gives the job to an idle helper or to a new one. Where none can be started it is dropped.
    fn dispatch(&'static self, job: Job, done: Done) {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let work = match idle {
            Some(helper) => match helper.send((job, done)) {
                Ok(()) => return,
                Err(mpsc::SendError(work)) => work,
            },
            None => (job, done),
        };
        let new = thread::Builder::new().name("ori-bridge-sync".to_owned());
        // On an error the closure is dropped, and the job and `Done` with it.
        let _ = new.spawn(move || self.serve(work));
    }

    fn serve(&'static self, work: (Job, Done)) {
        let (sender, receiver) = mpsc::sync_channel(1);
        let mut next = Some(work);
        while let Some((job, done)) = next {
            // The job catches the panics of what it runs.
            job();
            {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < KEPT {
                    // Idle before the caller goes on, so that its next call finds a helper.
                    idle.push(sender.clone());
                } else {
                    return;
                }
            }
            drop(done);
            next = receiver.recv().ok();
        }
    }
}

/// Tells the waiting thread, when dropped, that its job is gone.
#[derive(Debug)]
struct Done(Arc<Flag>);

#[derive(Debug)]
struct Flag {
    done: AtomicBool,
    waiting: Thread,
}

impl Flag {
    fn wait(&self) {
        while !self.done.load(Ordering::Acquire) {
            thread::park();
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Release);
        self.0.waiting.unpark();
    }
}

struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}
