//! The postman: the one thread that takes what a child prints and what it replies.
//!
//! Replies come by the conductor, output by pipes. Whatever was printed before a reply lies in the
//! pipes when the reply is here, so the postman empties them first: those who listen hear things in
//! the order in which they happened. No user code runs on the conductor.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use ori_worker::{Conductor, Replies};

use super::event::{BgEvent, Listener, OutputStream};
use super::output::Output;
use super::request::Settle;
use super::sources::{Bell, End, Ready, wait};

/// How much output is kept for the first who listens, in bytes.
const KEPT: usize = 1 << 20;

/// What the postman is to do.
pub(super) enum Note {
    /// The child's output begins.
    Pipes([io::PipeReader; 2]),
    /// A request has its result.
    Reply(Box<dyn Settle>, Result<Replies>),
    /// Somebody wants to hear what happens.
    Listen(Listener),
    /// The child to watch.
    Watch(u32),
    /// The child is gone: another one would be started.
    Gone,
    /// The process was closed, and the child is gone.
    Stop,
}

/// Where notes are left for the postman.
pub(super) struct Mail {
    state: Mutex<State>,
    /// Readable when there are notes.
    bell: Bell,
}

#[derive(Default)]
struct State {
    notes: VecDeque<Note>,
    /// Requests without a result.
    under_way: usize,
    is_closed: bool,
    death: Option<Death>,
}

/// How a child died by itself.
#[derive(Clone)]
struct Death {
    pid: u32,
    exit_code: Option<i32>,
    signal: Option<i32>,
}

impl Death {
    fn error(&self) -> OriError {
        let pid = self.pid;
        let error = match (self.exit_code, self.signal) {
            (Some(code), _) => {
                OriError::new(ErrorKind::WorkerLost, format!("process {pid} has ended with exit code {code}"))
                    .with_exit_code(code)
            }
            (None, Some(signal)) => {
                OriError::new(ErrorKind::WorkerLost, format!("process {pid} was killed by signal {signal}"))
                    .with_signal(signal)
            }
            (None, None) => OriError::new(ErrorKind::WorkerLost, format!("process {pid} has ended")),
        };
        error.with_pid(pid)
    }
}

impl Mail {
    pub(super) fn put(&self, note: Note) {
        self.state().notes.push_back(note);
        self.bell.ring();
    }

    pub(super) fn sent(&self) {
        self.state().under_way += 1;
    }

    pub(super) fn settled(&self) {
        self.state().under_way -= 1;
    }

    /// How the child died, if it died by itself.
    pub(super) fn death(&self) -> Option<OriError> {
        self.state().death.as_ref().map(Death::error)
    }

    /// The same error, unless what it tells of comes of the death of the child.
    pub(super) fn explain(&self, error: OriError) -> OriError {
        let comes_of_it = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed | ErrorKind::Spawn);
        match self.death() {
            Some(death) if comes_of_it => death,
            _ => error,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A postman who has not begun.
pub(super) struct Hired;

pub(super) fn hire() -> io::Result<(Hired, Arc<Mail>)> {
    let bell = Bell::new()?;
    Ok((Hired, Arc::new(Mail { state: Mutex::default(), bell })))
}

impl Hired {
    pub(super) fn begin(self, mail: Arc<Mail>, conductor: Arc<Conductor>) -> Result<Postman> {
        let round = Round {
            mail: mail.clone(),
            conductor,
            outputs: Vec::new(),
            child: None,
            pid: 0,
            voice: Voice::default(),
        };
        let thread = thread::Builder::new().name("mt-aio-postman".into()).spawn(move || round.run());
        let failed = |error| {
            OriError::new(ErrorKind::Spawn, "cannot start the thread for its output").with_source(error)
        };
        Ok(Postman { mail, thread: Mutex::new(Some(thread.map_err(failed)?)) })
    }
}

/// The handle of the thread.
pub(super) struct Postman {
    mail: Arc<Mail>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Postman {
    pub(super) fn mail(&self) -> &Arc<Mail> {
        &self.mail
    }

    pub(super) fn put(&self, note: Note) {
        self.mail.put(note);
    }

    pub(super) fn watch(&self, pid: u32) {
        self.put(Note::Watch(pid));
    }

    /// Whether the child takes messages.
    pub(super) fn check(&self) -> Result<()> {
        let state = self.mail.state();
        match &state.death {
            Some(death) => Err(death.error()),
            None if state.is_closed => Err(OriError::new(ErrorKind::Closed, "the process was closed")),
            None => Ok(()),
        }
    }

    pub(super) fn close(&self) {
        self.mail.state().is_closed = true;
    }

    /// Waits until the thread is through with what is left.
    pub(super) fn retire(&self) {
        self.put(Note::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // One who listens may hold the last handle.
            if thread.thread().id() != thread::current().id() {
                // A panic there is a fault of ours, which the hook has printed.
                let _ = thread.join();
            }
        }
    }
}

/// What the thread works on.
struct Round {
    mail: Arc<Mail>,
    conductor: Arc<Conductor>,
    outputs: Vec<Output>,
    /// Readable when the child has ended.
    child: Option<End>,
    pid: u32,
    voice: Voice,
}

impl Round {
    fn run(mut self) {
        let mut is_over = false;
        let mut is_told = false;
        while !is_over {
            let Ready { printed, has_ended } = wait(&self.mail.bell, &self.outputs, self.child.as_ref());
            // Before the pipes are emptied: what a reply follows is in them then.
            let notes = std::mem::take(&mut self.mail.state().notes);
            self.empty(printed);
            for note in notes {
                is_over |= self.follow(note);
            }
            if has_ended {
                self.child = None;
                // Otherwise the conductor tells what the child died of, with the first result.
                if self.mail.state().under_way == 0 {
                    self.bury(None);
                }
            }
            let death = self.mail.death();
            if !is_told && (is_over || (death.is_some() && self.mail.state().under_way == 0)) {
                is_told = true;
                // The last words. What it has started may go on for ever.
                for _ in 0..64 {
                    self.empty(0);
                }
                self.voice.tell(&BgEvent::Exit { error: death.as_ref() });
            }
        }
    }

    /// Takes what the outputs hold. Those in `printed` are known to be readable, or at their end.
    fn empty(&mut self, printed: usize) {
        let mut index = 0;
        let voice = &mut self.voice;
        self.outputs.retain_mut(|output| {
            let is_ready = printed & 1 << index != 0;
            index += 1;
            if !is_ready && !output.is_waiting() {
                return true;
            }
            match output.take() {
                Some(text) if text.is_empty() => true,
                Some(text) => {
                    voice.tell(&BgEvent::Write { stream: output.stream, text: &text });
                    true
                }
                None => false,
            }
        });
    }

    /// Does what a note says; true if that was the last.
    fn follow(&mut self, note: Note) -> bool {
        match note {
            Note::Pipes([stdout, stderr]) => {
                self.outputs = vec![
                    Output::new(stdout, OutputStream::Stdout),
                    Output::new(stderr, OutputStream::Stderr),
                ];
                self.empty(0);
            }
            Note::Reply(request, result) => {
                if let Err(error) = &result
                    && error.is_worker_lost()
                {
                    self.bury(Some(error));
                }
                let result = result.map_err(|error| self.mail.explain(error));
                self.mail.settled();
                let voice = &mut self.voice;
                request.settle(result, &mut |event| voice.tell(event));
            }
            Note::Listen(listener) => self.voice.listen(listener),
            Note::Watch(pid) => {
                self.pid = pid;
                self.child = End::of(pid);
                if self.child.is_none() {
                    self.bury(None);
                }
            }
            Note::Gone => self.bury(None),
            Note::Stop => return true,
        }
        false
    }

    /// Notes that the child has died, and gives up what was meant for it.
    fn bury(&mut self, error: Option<&OriError>) {
        {
            let mut state = self.mail.state();
            if state.is_closed {
                return;
            }
            let death = Death {
                pid: error.and_then(OriError::pid).unwrap_or(self.pid),
                exit_code: error.and_then(OriError::exit_code),
                signal: error.and_then(OriError::signal),
            };
            match &mut state.death {
                // That it is gone may be known before it is known of what.
                Some(known) if error.is_some() => return *known = death,
                Some(_) => return,
                None => state.death = Some(death),
            }
        }
        self.conductor.abandon();
    }
}

/// Those who listen, and what was said before there were any.
#[derive(Default)]
struct Voice {
    listeners: Vec<Listener>,
    kept: VecDeque<(OutputStream, String)>,
    kept_bytes: usize,
}

impl Voice {
    fn tell(&mut self, event: &BgEvent<'_>) {
        if let (true, BgEvent::Write { stream, text }) = (self.listeners.is_empty(), event) {
            self.kept.push_back((*stream, (*text).to_owned()));
            self.kept_bytes += text.len();
            while self.kept_bytes > KEPT {
                let oldest = self.kept.pop_front().map_or(0, |(_, text)| text.len());
                self.kept_bytes -= oldest;
            }
        }
        for listener in &mut self.listeners {
            // The panic has been printed; the others listen on.
            let _ = catch_panic(|| listener(event));
        }
    }

    fn listen(&mut self, listener: Listener) {
        self.listeners.push(listener);
        for (stream, text) in std::mem::take(&mut self.kept) {
            self.tell(&BgEvent::Write { stream, text: &text });
        }
        self.kept_bytes = 0;
    }
}
