//! [`Driver`]: who drives the sockets, the conductor's own thread or one that waits for a result.
//!
//! A caller that starts one call and waits for it would be woken by the conductor, which was woken
//! by the worker: two switches of threads, each as long as the call itself. So a thread that waits
//! for the only job there is takes the conductor's place meanwhile. The conductor stands aside, and
//! looks now and then whether it is still not needed; it takes its place again when nobody has
//! helped for a moment, and at once when it is nudged.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::core::{Core, Delivery};
use super::inbox::{Command, Inbox};
use super::job::Queued;

/// How long the conductor stands aside after the last help.
const ASIDE: Duration = Duration::from_millis(1);

/// Drives the workers of a [`Conductor`](crate::Conductor) from a thread that waits for one of its
/// jobs.
///
/// A clone drives the same workers. It does not keep the conductor: when that is dropped, the jobs
/// are cancelled all the same.
#[derive(Clone)]
pub struct Driver(Arc<Place>);

struct Place {
    inbox: Arc<Inbox>,
    core: Mutex<Core>,
    post: Mutex<Post>,
    /// That a waiting thread has taken the conductor's place.
    helped: AtomicBool,
    /// That the conductor stands aside.
    aside: AtomicBool,
    /// Counts what helpers do.
    help: AtomicU64,
    nudged: Mutex<bool>,
    nudge: Condvar,
}

/// What is to be delivered. Its lock is taken while that of the core is held, never the other way.
#[derive(Default)]
struct Post {
    deliveries: Vec<Delivery>,
    /// That some thread is making deliveries.
    is_busy: bool,
}

impl Driver {
    pub(super) fn new(core: Core, inbox: Arc<Inbox>) -> Self {
        Self(Arc::new(Place {
            inbox,
            core: Mutex::new(core),
            post: Mutex::default(),
            helped: AtomicBool::new(false),
            aside: AtomicBool::new(false),
            help: AtomicU64::new(0),
            nudged: Mutex::new(false),
            nudge: Condvar::new(),
        }))
    }

    pub(super) fn inbox(&self) -> &Arc<Inbox> {
        &self.0.inbox
    }

    /// The conductor's own thread.
    pub(super) fn conduct(&self) {
        loop {
            if self.0.helped.load(Ordering::SeqCst) {
                self.stand_aside();
            }
            let mut core = self.lock();
            // Whoever helped a moment ago may wait for the lock next, and a turn can last for ever.
            if self.0.helped.load(Ordering::SeqCst) {
                continue;
            }
            core.turn(None);
            let ended = core.has_ended();
            if ended {
                core.tell_of_end();
            }
            self.deliver_from_aside(core);
            if ended {
                return;
            }
        }
    }

    fn stand_aside(&self) {
        let place = &*self.0;
        place.aside.store(true, Ordering::SeqCst);
        let mut help = place.help.load(Ordering::SeqCst);
        let mut nudged = place.nudged.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let is_helped = place.helped.load(Ordering::SeqCst);
            if *nudged && !is_helped {
                break;
            }
            nudged = place.nudge.wait_timeout(nudged, ASIDE).unwrap_or_else(PoisonError::into_inner).0;
            let last = std::mem::replace(&mut help, place.help.load(Ordering::SeqCst));
            if last == help && !place.helped.load(Ordering::SeqCst) {
                break;
            }
        }
        *nudged = false;
        place.aside.store(false, Ordering::SeqCst);
    }

    /// Hands a job over; `false` when no more are taken.
    pub(super) fn submit(&self, queued: Queued) -> bool {
        let place = &*self.0;
        if !place.inbox.push(Command::Submit(queued)) {
            return false;
        }
        // While the conductor stands aside, whoever has something to send sends it.
        if place.aside.load(Ordering::SeqCst)
            && !place.helped.load(Ordering::SeqCst)
            && let Ok(mut core) = place.core.try_lock()
        {
            place.help.fetch_add(1, Ordering::SeqCst);
            core.send();
            self.deliver_from_aside(core);
        }
        true
    }

    /// Drives until `done` or the deadline, if the only job is one that this thread waits for and
    /// no other thread drives in the same way; otherwise returns at once.
    ///
    /// `done` must not block, and becomes true by what a [`Sink`](crate::Sink) is told.
    pub fn drive(&self, done: impl Fn() -> bool, deadline: Option<Instant>) {
        let place = &*self.0;
        if done() || place.inbox.jobs() != 1 || place.helped.swap(true, Ordering::SeqCst) {
            return;
        }
        if !place.aside.load(Ordering::SeqCst) {
            place.inbox.call();
        }
        let mut core = self.lock();
        while !done() && !core.has_ended() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            core.turn(left);
            self.deliver(core);
            core = self.lock();
        }
        drop(core);
        place.help.fetch_add(1, Ordering::SeqCst);
        place.helped.store(false, Ordering::SeqCst);
        if place.inbox.jobs() > 0 || place.inbox.has_commands() {
            self.nudge();
        }
    }

    /// Calls the conductor back to its place: somebody waits who does not drive.
    pub fn nudge(&self) {
        let place = &*self.0;
        if place.aside.load(Ordering::SeqCst) {
            *place.nudged.lock().unwrap_or_else(PoisonError::into_inner) = true;
            place.nudge.notify_one();
        }
    }

    /// The same as [`deliver`](Self::deliver), in a thread that does not drive. One that has begun to
    /// drive meanwhile may have fallen asleep before what it waits for was delivered, and nothing
    /// else might wake it.
    fn deliver_from_aside(&self, core: MutexGuard<'_, Core>) {
        if self.deliver(core) && self.0.helped.load(Ordering::SeqCst) {
            self.0.inbox.call();
        }
    }

    /// Gives the lock back, then tells the sinks what came; false if there was nothing to tell, or
    /// another thread does it.
    ///
    /// One thread at a time does it, so that a sink hears of its items in order. What others have
    /// to deliver meanwhile, or a sink that calls back into here, is left to that thread.
    fn deliver(&self, mut core: MutexGuard<'_, Core>) -> bool {
        if core.deliveries.is_empty() {
            return false;
        }
        let mut post = self.post();
        post.deliveries.append(&mut core.deliveries);
        drop(core);
        if post.is_busy {
            return false;
        }
        post.is_busy = true;
        while !post.deliveries.is_empty() {
            let deliveries = std::mem::take(&mut post.deliveries);
            drop(post);
            deliveries.into_iter().for_each(Delivery::make);
            post = self.post();
        }
        post.is_busy = false;
        true
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.0.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("jobs", &self.0.inbox.jobs()).finish_non_exhaustive()
    }
}
