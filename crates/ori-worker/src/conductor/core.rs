//! [`Core`]: the table of workers and jobs, and one turn of driving them.
//!
//! A turn takes in what other threads ask for, hands jobs to workers, writes, waits in one poll for
//! all sockets and process ends, reads, and notes what is to be delivered. Deliveries are made
//! after the turn, without the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ori_errors::__private::{Later, Span, event, later, span};
use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::inbox::{Command, Ending, Inbox};
use super::job::{JobId, Queued, Replies, Sink};
use super::launch::launch;
use super::member::{Doom, Member, Stage};
use crate::frame::{Spare, message};
use crate::message::{Function, Setup};
use crate::options::WorkerOptions;
use crate::task::Task;

/// Starts in a row that may fail before the tasks fail.
const FAILED_STARTS: u32 = 3;
/// How long tasks fail at once after that, until a start is tried again.
const BREAK: Duration = Duration::from_secs(1);
/// How long a worker that leaves may take for its exit handlers.
const GRACE: Duration = Duration::from_secs(5);
/// The same for an idle worker of a pool that is dropped, whose owner waits.
const SHORT_GRACE: Duration = Duration::from_millis(200);
/// How long a worker must have been at one item before its waiting jobs go to idle workers.
const STUCK: Duration = Duration::from_micros(300);

/// What a sink is to be told.
pub(super) enum Delivery {
    Replies(Arc<dyn Sink>, u32, Replies),
    Failed(Arc<dyn Sink>, u32, OriError),
    Retried(Arc<dyn Sink>, u32, u32, OriError),
    /// Something for a subscriber.
    Told(Later),
}

impl Delivery {
    pub(super) fn make(self) {
        match self {
            Self::Replies(sink, first, replies) => sink.replies(first, replies),
            Self::Failed(sink, item, error) => sink.failed(item, error),
            // Both may tell a subscriber, whose panic must not be the end of the conductor.
            Self::Retried(sink, item, tries, error) => {
                let _ = catch_panic(|| sink.retried(item, tries, &error));
            }
            Self::Told(tell) => {
                let _ = catch_panic(tell);
            }
        }
    }

    /// Of what a subscriber is told, once no lock is held.
    pub(super) fn told(tell: impl FnOnce() + Send + 'static) -> Option<Self> {
        later(tell).map(Self::Told)
    }
}

/// Why tasks fail without being tried.
struct Breaker {
    kind: ErrorKind,
    message: String,
    until: Instant,
}

pub(super) struct Core {
    pub(super) options: WorkerOptions,
    inbox: Arc<Inbox>,
    pub(super) queue: VecDeque<Queued>,
    pub(super) members: Vec<Member>,
    pub(super) deliveries: Vec<Delivery>,
    /// What the events of these workers belong to.
    pub(super) span: Span,
    /// How many workers were started so far.
    generation: u64,
    /// What every worker gets first; made before anything is started.
    setup: Vec<u8>,
    pub(super) failed_starts: u32,
    breaker: Option<Breaker>,
    ending: Option<Ending>,
    cancelled: usize,
    spare: Spare,
    last_work: Instant,
    /// That the next turn is to follow at once.
    again: bool,
}

impl Core {
    pub(super) fn new(options: WorkerOptions, inbox: Arc<Inbox>) -> Result<Self> {
        let mut setup = Setup {
            initializer: None,
            max_items: options.max_items_per_worker,
            max_memory: options.max_memory_per_worker,
        };
        if let Some(initializer) = options.initializer {
            setup.initializer = Some(match options.executable {
                None => initializer.here()?,
                Some(_) => initializer.by_name()?,
            });
        }
        let span = span!(DEBUG, "worker processes", max_workers = options.max_workers);
        event!(in &span, DEBUG, "pool started", max_workers = options.max_workers);
        Ok(Self {
            span,
            generation: 0,
            options,
            inbox,
            queue: VecDeque::new(),
            members: Vec::new(),
            deliveries: Vec::new(),
            setup: message(&setup),
            failed_starts: 0,
            breaker: None,
            ending: None,
            cancelled: 0,
            spare: Spare::default(),
            last_work: Instant::now(),
            again: false,
        })
    }

    /// Whether all is done and every process is gone, after an order to end.
    pub(super) fn has_ended(&self) -> bool {
        self.ending.is_some() && self.members.is_empty() && self.queue.is_empty()
    }

    /// The part of a turn that never waits: takes in what was asked for, and sends it off.
    pub(super) fn send(&mut self) -> Option<Duration> {
        let now = Instant::now();
        self.take_commands(now);
        self.hand_out(now);
        let pause = self.check_clocks(now);
        self.write();
        pause
    }

    /// One turn; sleeps until something happens, or for `longest`, unless there is something to
    /// deliver.
    pub(super) fn turn(&mut self, longest: Option<Duration>) {
        let pause = self.send();
        if self.has_ended() {
            return;
        }
        let pause = pause.map_or(longest, |pause| Some(longest.map_or(pause, |longest| longest.min(pause))));
        let busy = std::mem::take(&mut self.again) || !self.deliveries.is_empty();
        let may_sleep = !busy && self.inbox.falls_asleep();
        let ready = self.wait(if may_sleep { pause } else { Some(Duration::ZERO) });
        let now = Instant::now();
        for (index, (readable, ended)) in ready.into_iter().enumerate().rev() {
            if readable || ended {
                self.read(index, ended, now);
            }
            if ended {
                self.bury(index, now);
            }
        }
    }

    fn take_commands(&mut self, now: Instant) {
        for command in self.inbox.take() {
            match command {
                Command::Submit(queued) => self.queue.push_back(queued),
                Command::Cancel(id) => self.cancel(id),
                Command::Forget(context) => {
                    self.members.iter_mut().for_each(|member| member.forget_context(context));
                }
                Command::End(how) if self.ending < Some(how) => {
                    self.ending = Some(how);
                    self.tell(move |span| event!(in span, DEBUG, "pool closed", how = how.as_str()));
                }
                Command::End(_) => {}
            }
        }
        if self.cancelled * 2 > self.queue.len() {
            self.cancelled = 0;
            self.queue.retain(|queued| queued.job.sink.is_wanted());
        }
        match self.ending {
            Some(Ending::Kill) => {
                self.cancel_queue();
                for index in 0..self.members.len() {
                    while let Some(flight) = self.members[index].flights.pop_front() {
                        flight.queued.into_iter().for_each(|queued| self.fail_cancelled(queued));
                        self.members[index].kill(Doom::Unusable);
                    }
                    if self.members[index].is_starting() {
                        self.members[index].kill(Doom::Unusable);
                    }
                    self.members[index].say_goodbye(SHORT_GRACE, now);
                }
            }
            Some(Ending::CancelPending) => self.cancel_queue(),
            Some(Ending::Finish) | None => {}
        }
        if self.ending.is_some() && self.queue.is_empty() {
            for member in &mut self.members {
                if member.flights.is_empty() {
                    member.say_goodbye(GRACE, now);
                }
            }
        }
    }

    fn cancel(&mut self, id: JobId) {
        self.cancelled += 1;
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            let has_it = |queued: &Queued| queued.id == id;
            let Some(at) =
                member.flights.iter().position(|flight| flight.queued.as_ref().is_some_and(has_it))
            else {
                continue;
            };
            if let Some(queued) = member.take_back(at) {
                self.fail_cancelled(queued);
            } else {
                let number = member.flights[at].number;
                if member.page.as_ref().is_some_and(|page| page.place().job == number) {
                    member.kill(Doom::Cancelled(number));
                }
            }
        }
    }

    fn cancel_queue(&mut self) {
        while let Some(queued) = self.queue.pop_front() {
            self.fail_cancelled(queued);
        }
    }

    pub(super) fn fail_cancelled(&mut self, queued: Queued) {
        let message = match self.ending {
            Some(_) => {
                "cancelled: its pool was shut down or dropped before it had a result: keep the pool, or the \
                 function made of it, until the result is there"
            }
            None => "cancelled before it had a result",
        };
        self.fail_rest(queued, || OriError::new(ErrorKind::Cancelled, message));
    }

    /// The same error for each item that has no result yet.
    pub(super) fn fail_rest(&mut self, queued: Queued, error: impl Fn() -> OriError) {
        for item in queued.next..queued.job.items {
            self.deliveries.push(Delivery::Failed(Arc::clone(&queued.job.sink), item, error()));
        }
    }

    /// Gives jobs to workers, and starts workers for jobs.
    fn hand_out(&mut self, now: Instant) {
        self.mend(now);
        if let Some(breaker) = &self.breaker {
            let (kind, text) = (breaker.kind, breaker.message.clone());
            while let Some(queued) = self.queue.pop_front() {
                self.fail_rest(queued, || OriError::new(kind, text.clone()));
            }
            return;
        }
        // While others are about to join, nobody takes a long queue to himself.
        let starting = self.members.iter().filter(|member| member.is_starting()).count();
        let window = if starting > 0 { 2 } else { usize::MAX };
        while !self.queue.is_empty() {
            let max_items = self.options.max_items_per_worker;
            let with_room = self.members.iter_mut().filter(|member| member.has_room(window, max_items));
            let Some(member) = with_room.min_by_key(|member| member.flights.len()) else { break };
            let Some(queued) = self.queue.pop_front() else { break };
            if !queued.job.sink.is_wanted() {
                self.fail_cancelled(queued);
                continue;
            }
            match functions(&queued, &self.options) {
                Ok((function, init)) => {
                    if let (Some(context), Some(init)) = (&queued.job.context, init) {
                        member.send_context(context, init);
                    }
                    queued.job.sink.sent();
                    member.send_job(queued, function);
                    self.last_work = now;
                }
                Err(error) => {
                    let text = error.to_string();
                    self.fail_rest(queued, || OriError::new(error.kind(), text.clone()));
                }
            }
        }
        self.start_members(starting, now);
    }

    /// Starts one more worker when there is more to do than hands.
    fn start_members(&mut self, starting: usize, now: Instant) {
        let live = self.members.iter().filter(|member| member.is_starting() || member.is_ready()).count();
        let waiting = |member: &Member| member.flights.len().saturating_sub(1);
        let backlog = self.queue.len() + self.members.iter().map(waiting).sum::<usize>();
        let idle = self.members.iter().any(Member::is_idle);
        if live >= self.options.max_workers || starting >= backlog || idle {
            return;
        }
        match launch(&self.options) {
            Ok(launched) => {
                let member = Member::new(launched, self.spare.clone());
                self.generation += 1;
                let (pid, generation) = (member.pid(), self.generation);
                self.tell(move |span| {
                    event!(in span, DEBUG, "worker started", pid = pid, generation = generation);
                });
                self.members.push(member);
                self.publish_pids();
                if starting + 1 < backlog && live + 1 < self.options.max_workers {
                    // The next one in the next turn: between two starts the others are served.
                    self.again = true;
                }
            }
            // With a worker at hand the work goes on without another.
            Err(_) if live > 0 => {}
            Err(error) => {
                self.start_failed(&error, now);
                self.again = true;
            }
        }
    }

    /// Counts a start that failed; after too many in a row, the waiting tasks fail.
    pub(super) fn start_failed(&mut self, error: &OriError, now: Instant) {
        self.tell_of_failed_start(error);
        self.failed_starts += 1;
        if self.failed_starts >= FAILED_STARTS {
            let message = format!(
                "{FAILED_STARTS} worker processes in a row could not be made ready; the last: {error}"
            );
            self.break_for_now(ErrorKind::Spawn, message, now);
        }
    }

    pub(super) fn tell_of_end(&mut self) {
        let workers = self.generation;
        self.tell(move |span| event!(in span, DEBUG, "pool ended", workers = workers));
    }

    pub(super) fn tell_of_failed_start(&mut self, error: &OriError) {
        let error = error.to_string();
        self.tell(move |span| event!(in span, WARN, "start failed", error = error.as_str()));
    }

    /// Tells a subscriber, after this turn.
    pub(super) fn tell(&mut self, tell: impl FnOnce(&Span) + Send + 'static) {
        let span = self.span.clone();
        self.deliveries.extend(Delivery::told(move || tell(&span)));
    }

    pub(super) fn break_for_now(&mut self, kind: ErrorKind, message: String, now: Instant) {
        self.breaker = Some(Breaker { kind, message, until: now + BREAK });
    }

    fn mend(&mut self, now: Instant) {
        if self.breaker.as_ref().is_some_and(|breaker| breaker.until <= now) {
            self.breaker = None;
            // One more failure is enough to break again.
            self.failed_starts = FAILED_STARTS - 1;
        }
    }

    /// Kills what is late; fetches results that lie with a worker; moves jobs from stuck workers to
    /// idle ones. Gives the time until this is to be done again.
    fn check_clocks(&mut self, now: Instant) -> Option<Duration> {
        let mut pause: Option<Duration> = None;
        let mut wake_in = |time: Duration| pause = Some(pause.map_or(time, |pause| pause.min(time)));
        let idle = self.queue.is_empty() && self.members.iter().any(Member::is_idle);
        let mut taken_back = Vec::new();
        for member in &mut self.members {
            match member.stage {
                Stage::Starting => {
                    let left = (member.started + self.options.start_limit).saturating_duration_since(now);
                    if left.is_zero() { member.kill(Doom::Unusable) } else { wake_in(left) }
                }
                Stage::Leaving { since, grace } => {
                    let left = (since + grace).saturating_duration_since(now);
                    if left.is_zero() { member.kill(Doom::Unusable) } else { wake_in(left) }
                }
                Stage::SettingUp | Stage::Ready => {}
            }
            if let Some(time) = Self::peek(member, &mut self.deliveries, now) {
                wake_in(time);
            }
            let has_limit = |queued: &Queued| queued.job.limit.is_some();
            let limited = member.flights.iter().any(|flight| flight.queued.as_ref().is_some_and(has_limit));
            let helped = idle && member.flights.iter().filter(|flight| !flight.marked).count() > 1;
            if !member.is_ready() || !(limited || helped) {
                continue;
            }
            let Some((place, duration)) = member.look(now) else { continue };
            if limited {
                let current = member.flights.iter().find(|flight| flight.number == place.job);
                let limit = current.and_then(|flight| flight.queued.as_ref()?.job.limit);
                match limit.filter(|_| place.is_running()) {
                    Some(limit) if duration >= limit => {
                        member.kill(Doom::Late(place, limit));
                        let (span, pid) = (self.span.clone(), member.pid());
                        let task = member.task_of(place.job);
                        self.deliveries.extend(Delivery::told(move || {
                            let limit_s = limit.as_secs_f64();
                            event!(in &span, WARN, "task timed out", pid = pid, task = task, limit_s = limit_s);
                        }));
                        continue;
                    }
                    Some(limit) => wake_in((limit - duration).min(sample_time(limit))),
                    None => wake_in(Duration::from_millis(1)),
                }
            }
            if helped && place.is_running() && duration >= STUCK {
                taken_back.extend(member.take_back_half());
            } else if helped {
                wake_in(STUCK);
            }
        }
        if !taken_back.is_empty() {
            self.queue.extend(taken_back);
            self.hand_out(now);
        }
        if self.breaker.is_none() && self.spare_is_idle(now) {
            self.spare.clear();
        } else if self.last_work + BREAK > now {
            wake_in(BREAK);
        }
        pause
    }

    /// Whether the memory kept for long messages was not needed for a while.
    fn spare_is_idle(&self, now: Instant) -> bool {
        self.last_work + BREAK <= now && self.members.iter().all(|member| member.flights.is_empty())
    }

    fn write(&mut self) {
        for member in &mut self.members {
            // A socket that cannot be written to belongs to a worker that has ended, and that is
            // handled when the kernel reports it.
            if member.doom.is_none() && member.outbox.flush(&member.socket).is_err() {
                member.outbox = super::outbox::Outbox::default();
            }
        }
    }

    /// Sleeps until something happens; tells of each worker whether it can be read and whether it
    /// has ended.
    fn wait(&self, pause: Option<Duration>) -> Vec<(bool, bool)> {
        let mut sources = Vec::with_capacity(1 + 2 * self.members.len());
        sources.push(PollFd::new(&*self.inbox, PollFlags::IN));
        for member in &self.members {
            let mut flags = PollFlags::IN;
            if !member.outbox.is_empty() {
                flags |= PollFlags::OUT;
            }
            // A closed socket would be ready all the time.
            if member.is_closed {
                sources.push(PollFd::new(&member.end, PollFlags::empty()));
            } else {
                sources.push(PollFd::new(&member.socket, flags));
            }
            sources.push(PollFd::new(&member.end, PollFlags::IN));
        }
        let pause = pause.map(|pause| Timespec {
            tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(pause.subsec_nanos()),
        });
        // An interrupted poll is an early end of the pause; any other failure would be for want of
        // memory, and the next turn tries again.
        let _ = poll(&mut sources, pause.as_ref());
        self.inbox.awake(!sources[0].revents().is_empty());
        let happened = |source: &PollFd<'_>| {
            source.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
        };
        sources[1..].chunks(2).map(|pair| (happened(&pair[0]), happened(&pair[1]))).collect()
    }

    pub(super) fn publish_pids(&self) {
        let live = self.members.iter().filter(|member| member.is_starting() || member.is_ready());
        self.inbox.set_pids(live.map(Member::pid).collect());
    }

    pub(super) fn setup_message(&self) -> &[u8] {
        &self.setup
    }
}

/// How often a worker with this limit is looked at.
fn sample_time(limit: Duration) -> Duration {
    (limit / 8).clamp(Duration::from_millis(1), Duration::from_millis(100))
}

/// How a worker finds the function of a job, and that of its context.
fn functions(queued: &Queued, options: &WorkerOptions) -> Result<(Function, Option<Function>)> {
    let find = |task: Task| if options.executable.is_some() { task.by_name() } else { task.here() };
    let init = queued.job.context.as_ref().map(|context| find(context.init()));
    Ok((find(queued.job.task)?, init.transpose()?))
}
