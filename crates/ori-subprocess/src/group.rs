//! The process group of a command, and the right to signal it.
//!
//! A command leads a group of its own, so that a signal reaches what it has started as well. The
//! number of a group may be given to another one once the group is empty, so every signal is sent
//! under a lock that also covers the moment in which the leader is reaped: while the leader is not
//! reaped, or something else is left in the group, the number is ours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use async_io::Timer;
use futures_lite::FutureExt as _;

use crate::members;
use crate::system::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long an init process that reaps its orphans takes for it.
const ORPHAN_REAPED: Duration = Duration::from_millis(4);

#[derive(Debug)]
pub(crate) struct Group {
    id: Pid,
    grace: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The leader is not yet reaped.
    leader: bool,
    /// Something other than the leader was there when we last looked, after its end.
    others: bool,
    stopped: Option<Cause>,
    alarm: Option<Alarm>,
}

/// Why a group was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Asked,
    TimeLimit,
}

/// Something to do later, on the thread that drives the timers: neither a callback that blocks the
/// command's own thread nor a program that never waits holds it up.
#[derive(Debug)]
struct Alarm {
    timer: Timer,
    at: Instant,
    action: Action,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Stop,
    Kill,
}

impl Group {
    /// The group of a leader that has just been started.
    pub(crate) fn new(leader: u32, grace: Duration, time_limit: Option<Duration>) -> Arc<Self> {
        let id = i32::try_from(leader).ok().and_then(Pid::from_raw);
        let group = Arc::new(Self {
            id: id.expect("the system gave out this process id"),
            grace,
            state: Mutex::new(State { leader: true, others: false, stopped: None, alarm: None }),
        });
        if let Some(limit) = time_limit {
            group.set_alarm(&mut group.state(), limit, Action::Stop);
        }
        group
    }

    /// SIGTERM now, SIGKILL after the grace period if anything is left then.
    pub(crate) fn terminate(self: &Arc<Self>, cause: Cause) {
        self.terminate_locked(&mut self.state(), cause);
    }

    fn terminate_locked(self: &Arc<Self>, state: &mut State, cause: Cause) {
        if state.is_gone() || state.stopped.is_some() {
            return;
        }
        state.stopped = Some(cause);
        // A signal to a group that is just ending has nothing to do.
        let _ = kill_process_group(self.id, Signal::TERM);
        // A stopped process acts on SIGTERM only when it goes on.
        let _ = kill_process_group(self.id, Signal::CONT);
        self.set_alarm(state, self.grace, Action::Kill);
    }

    /// SIGKILL now.
    pub(crate) fn kill(&self) {
        self.kill_locked(&mut self.state());
    }

    fn kill_locked(&self, state: &mut State) {
        if state.is_gone() {
            return;
        }
        state.stopped.get_or_insert(Cause::Asked);
        state.alarm = None;
        let _ = kill_process_group(self.id, Signal::KILL);
    }

    /// Polls what reaps the leader, under the lock.
    pub(crate) fn poll_reap<T>(&self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let mut state = self.state();
        let polled = poll();
        if polled.is_ready() {
            state.leader = false;
            state.others = true;
            self.look(&mut state);
        }
        polled
    }

    /// Whether the leader has ended.
    pub(crate) fn leader_ended(&self) -> bool {
        !self.state().leader
    }

    pub(crate) fn stopped(&self) -> Option<Cause> {
        self.state().stopped
    }

    /// Waits, after a stop, until nothing of the group runs: the alarm sees to it.
    pub(crate) async fn gone_if_stopped(&self) {
        let mut pause = Duration::from_millis(1);
        loop {
            {
                let mut state = self.state();
                self.look(&mut state);
                if state.is_gone() || state.stopped.is_none() {
                    return;
                }
            }
            // Init reaps an orphan within a millisecond, or it does not care: then only zombies may
            // be left, which is worth the cost of finding out.
            if pause > ORPHAN_REAPED && !members::any_runs(self.id) {
                return;
            }
            Timer::after(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// The command has ended: its time limit means nothing any more.
    pub(crate) fn lift_time_limit(&self) {
        let mut state = self.state();
        if state.stopped.is_none() {
            state.alarm = None;
        }
    }

    /// Once the leader is reaped and nothing else is left, the number is never used again.
    fn look(&self, state: &mut State) {
        if !state.leader && state.others {
            state.others = test_kill_process_group(self.id).is_ok();
        }
        if state.is_gone() {
            state.alarm = None;
        }
    }

    fn set_alarm(self: &Arc<Self>, state: &mut State, after: Duration, action: Action) {
        // A time that no clock reaches needs no alarm.
        let Some(at) = Instant::now().checked_add(after) else { return };
        let mut alarm = Alarm { timer: Timer::at(at), at, action };
        let waker = Waker::from(Arc::new(AlarmBell(Arc::downgrade(self))));
        if alarm.timer.poll(&mut Context::from_waker(&waker)).is_ready() {
            return self.act(state, action);
        }
        state.alarm = Some(alarm);
    }

    fn act(self: &Arc<Self>, state: &mut State, action: Action) {
        match action {
            Action::Stop => self.terminate_locked(state, Cause::TimeLimit),
            Action::Kill => self.kill_locked(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock; if something did, the state would still be true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_gone(&self) -> bool {
        !self.leader && !self.others
    }
}

#[derive(Debug)]
struct AlarmBell(Weak<Group>);

impl Wake for AlarmBell {
    fn wake(self: Arc<Self>) {
        let Some(group) = self.0.upgrade() else { return };
        let mut state = group.state();
        // An alarm that was replaced while it went off is not the one that is set now.
        if let Some(alarm) = state.alarm.take_if(|alarm| alarm.at <= Instant::now()) {
            group.act(&mut state, alarm.action);
        }
    }
}
