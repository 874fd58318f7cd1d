//! What comes from the workers: frames, and their ends.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ori_errors::__private::event;
use ori_errors::{ErrorKind, OriError, Result};

use super::core::{Core, Delivery};
use super::job::{Queued, Replies};
use super::member::{Doom, Member, Read, Stage};
use crate::frame::{Frame, broken, parse};
use crate::message::{Failure, Hello, Kind, PROTOCOL, ReplyHead};
use crate::sys::image::Image;

/// Reads of one socket in one turn, so that one worker cannot keep the others waiting.
const READS: usize = 32;
/// How often a worker may die before it has begun an item that is on its way to it, until the item
/// is held to be the cause.
const STRIKES: u32 = 5;
/// How long a worker that was replaced may take for its exit handlers.
const GRACE: Duration = Duration::from_secs(5);

impl Core {
    /// Reads what a worker has sent; all of it when the worker has ended.
    pub(super) fn read(&mut self, index: usize, ended: bool, now: Instant) {
        for turn in 0.. {
            let read = self.members[index].read();
            if let Err(error) = self.take_frames(index, now) {
                self.protocol_failed(index, &error, now);
                return;
            }
            let member = &mut self.members[index];
            match read {
                Ok(Read::Some) if ended || turn < READS => {}
                Ok(Read::Some | Read::All) => return,
                Ok(Read::End) => return member.closed(),
                Err(_) => return member.kill(Doom::Unusable),
            }
        }
    }

    fn protocol_failed(&mut self, index: usize, error: &OriError, now: Instant) {
        let member = &mut self.members[index];
        let was_starting = member.is_starting();
        member.is_closed = true;
        member.kill(Doom::Unusable);
        if was_starting {
            self.tell_of_failed_start(error);
            self.break_for_now(ErrorKind::Spawn, error.to_string(), now);
        }
    }

    fn take_frames(&mut self, index: usize, now: Instant) -> Result<()> {
        while let Some(frame) = self.members[index].next_frame()? {
            match frame.kind {
                Kind::Hello => self.greeted(index, &frame)?,
                Kind::Ready => self.ready(index, &frame, now)?,
                Kind::Reply => self.replied(index, frame)?,
                Kind::Retire => self.retired(index, now)?,
                Kind::Setup | Kind::Context | Kind::Forget | Kind::Job | Kind::Bye => {
                    return Err(broken("a parent's message came from a worker"));
                }
            }
        }
        Ok(())
    }

    fn greeted(&mut self, index: usize, frame: &Frame) -> Result<()> {
        let (hello, _) = parse::<Hello>(&frame.body)?;
        let same_build = Image::own().is_some_and(|image| image.identity() == hello.build);
        if hello.protocol != PROTOCOL {
            return Err(broken("the worker's executable was built with another version of `ori-worker`"));
        }
        if self.options.executable.is_none() && !same_build {
            return Err(broken("the worker's executable is another build"));
        }
        let setup = self.setup_message().to_vec();
        let member = &mut self.members[index];
        if member.page.is_none() || !matches!(member.stage, Stage::Starting) {
            return Err(broken("a greeting without a status page"));
        }
        member.send(Kind::Setup, &setup);
        member.stage = Stage::SettingUp;
        Ok(())
    }

    fn ready(&mut self, index: usize, frame: &Frame, now: Instant) -> Result<()> {
        let (failure, _) = parse::<Option<Failure>>(&frame.body)?;
        let member = &mut self.members[index];
        if !matches!(member.stage, Stage::SettingUp) {
            return Err(broken("a worker is ready twice"));
        }
        match failure {
            None => {
                member.stage = Stage::Ready;
                let (pid, started) = (member.pid(), member.started);
                self.failed_starts = 0;
                self.tell(move |span| {
                    let elapsed_s = now.saturating_duration_since(started).as_secs_f64();
                    event!(in span, DEBUG, "worker ready", pid = pid, elapsed_s = elapsed_s);
                });
            }
            Some(failure) => {
                member.say_goodbye(GRACE, now);
                let error = OriError::from(failure);
                self.tell_of_failed_start(&error);
                self.break_for_now(
                    error.kind(),
                    format!("the initializer of the workers failed: {error}"),
                    now,
                );
            }
        }
        Ok(())
    }

    fn replied(&mut self, index: usize, frame: Frame) -> Result<()> {
        let (reply, rest) = parse::<ReplyHead>(&frame.body)?;
        let at = frame.body.len() - rest.len();
        let member = &mut self.members[index];
        let pid = member.pid();
        let flight = member.first_flight(reply.job)?;
        if reply.skipped {
            if !flight.marked {
                return Err(broken("a worker skipped a job that it was not to skip"));
            }
            if let Some(queued) = member.skipped_first_flight() {
                self.requeue(queued);
            }
            return Ok(());
        }
        let peeked = std::mem::take(&mut flight.peeked);
        let Some(queued) = &mut flight.queued else {
            return Err(broken("a reply to a job that was taken back"));
        };
        let items = reply.items.checked_sub(peeked.items);
        let Some(items) = items.filter(|items| (1..=queued.items_left()).contains(items)) else {
            return Err(broken("a reply with a wrong number of results"));
        };
        let at = at + peeked.bytes;
        if at > frame.body.len() {
            return Err(broken("a reply without the results that its worker had"));
        }
        let nanos = reply.nanos.saturating_sub(peeked.nanos);
        let replies = Replies::new(frame.body, at, frame.tail, items, nanos).of_worker(pid);
        self.deliveries.push(Delivery::Replies(Arc::clone(&queued.job.sink), queued.next, replies));
        queued.advance(items);
        if queued.items_left() == 0 {
            member.end_first_flight();
        }
        Ok(())
    }

    fn retired(&mut self, index: usize, now: Instant) -> Result<()> {
        if self.options.max_items_per_worker.is_none() && self.options.max_memory_per_worker.is_none() {
            return Err(broken("a worker without a limit has reached it"));
        }
        let member = &mut self.members[index];
        member.say_goodbye(GRACE, now);
        let rest: Vec<Queued> = member.flights.drain(..).filter_map(|flight| flight.queued).collect();
        let pid = member.pid();
        rest.into_iter().rev().for_each(|queued| self.requeue(queued));
        self.publish_pids();
        self.tell(move |span| event!(in span, DEBUG, "worker retired", pid = pid));
        Ok(())
    }

    /// Puts a job back to the front, unless nobody wants it any more.
    fn requeue(&mut self, queued: Queued) {
        if queued.job.sink.is_wanted() {
            self.queue.push_front(queued);
        } else {
            self.fail_cancelled(queued);
        }
    }

    /// A worker has ended: saves what it has finished, and finds out what it was at.
    pub(super) fn bury(&mut self, index: usize, now: Instant) {
        let mut member = self.members.swap_remove(index);
        let status = match member.child.try_wait() {
            Ok(Some(status)) => status,
            // The kernel has reported the end; anything else cannot be helped by waiting.
            _ => ExitStatus::default(),
        };
        if member.is_starting() {
            let error =
                OriError::new(ErrorKind::Spawn, format!("it ended with {status} before it was ready"));
            self.start_failed(&error, now);
        } else if matches!(member.doom, Some(Doom::Unusable)) && matches!(member.stage, Stage::Starting) {
            let error = OriError::new(ErrorKind::Spawn, "it did not greet in time");
            self.start_failed(&error, now);
        }
        self.tell_of_end_of(&member, status);
        self.save_kept(&mut member);
        let place = member.page.as_ref().map(crate::sys::page::Page::place);
        let mut rest = Vec::new();
        for (position, flight) in std::mem::take(&mut member.flights).into_iter().enumerate() {
            let Some(mut queued) = flight.queued else { continue };
            let was_at = place.filter(|place| place.job == flight.number);
            let done = queued.next - flight.base;
            match (was_at, member.doom) {
                (Some(_), Some(Doom::Cancelled(number))) if number == flight.number => {
                    self.fail_cancelled(queued);
                    continue;
                }
                // When it went on in the last moment, the next item is not to blame.
                (Some(place), Some(Doom::Late(late, limit)))
                    if late == place && place.is_running() && place.item >= done =>
                {
                    let message = format!("took longer than {limit:?}");
                    let error = OriError::new(ErrorKind::TimedOut, message).with_pid(member.pid());
                    self.charge(&mut queued, error);
                }
                // One that broke the protocol may do so each time that it is at this item.
                (Some(place), None | Some(Doom::Unusable)) if place.is_running() && place.item >= done => {
                    self.charge(&mut queued, member.lost_error(status));
                }
                (_, None | Some(Doom::Unusable)) if position == 0 => {
                    queued.strikes += 1;
                    if queued.strikes >= STRIKES {
                        self.charge(&mut queued, member.lost_error(status));
                    }
                }
                _ => {}
            }
            if queued.items_left() > 0 {
                rest.push(queued);
            }
        }
        rest.into_iter().rev().for_each(|queued| self.requeue(queued));
        self.publish_pids();
    }

    fn tell_of_end_of(&mut self, member: &Member, status: ExitStatus) {
        use std::os::unix::process::ExitStatusExt;
        let (pid, exit_code, signal) = (member.pid(), status.code(), status.signal());
        let leaves = matches!(member.stage, Stage::Leaving { .. });
        if leaves || !matches!(member.doom, None | Some(Doom::Unusable)) {
            self.tell(move |span| {
                event!(in span, DEBUG, "worker ended", pid = pid, exit_code = exit_code, signal = signal);
            });
            return;
        }
        let place = member.page.as_ref().map(crate::sys::page::Page::place);
        let task = place.filter(|place| place.is_running()).and_then(|place| member.task_of(place.job));
        self.tell(move |span| {
            event!(
                in span, WARN, "worker lost",
                pid = pid, exit_code = exit_code, signal = signal, task = task
            );
        });
    }

    /// The next item of this job cost a worker: it is tried again, or this is its result.
    fn charge(&mut self, queued: &mut Queued, error: OriError) {
        queued.lost += 1;
        queued.strikes = 0;
        if queued.lost <= queued.job.retries {
            let (pid, task, kind) = (error.pid(), queued.job.task.name(), error.kind());
            let tries = queued.lost;
            self.tell(move |span| {
                event!(
                    in span, DEBUG, "task retried",
                    pid = pid, task = task, tries = tries, kind = kind.as_str()
                );
            });
            let sink = Arc::clone(&queued.job.sink);
            self.deliveries.push(Delivery::Retried(sink, queued.next, tries, error));
            return;
        }
        self.deliveries.push(Delivery::Failed(Arc::clone(&queued.job.sink), queued.next, error));
        queued.advance(1);
    }
}
