//! The worker's side: greet, then run jobs one after the other until told to end.
//!
//! A worker is one thread that reads, runs and writes, with blocking calls: the parent never
//! blocks, so neither side can wait for the other in a circle. A second thread, the lifeline,
//! sleeps until the parent is gone.

mod calls;
mod lifeline;
mod replies;

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use ori_errors::{ErrorKind, OriError, Result};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

pub(crate) use calls::Calls;
pub(crate) use replies::FAILED;

use crate::frame::{Frame, FrameReader, Spare, broken, head, message, parse};
use crate::message::{ContextHead, Failure, Hello, JobHead, Kind, PROTOCOL, Setup};
use crate::start::{EXIT_BROKEN, complain, worker_is_ready};
use crate::sys::entry::exit_now;
use crate::sys::image::Image;
use crate::sys::page::Page;
use crate::task::find;
use calls::State;
use replies::Writer;

/// What stands before each item: its length.
const LENGTH: usize = 4;

/// Serves the parent at the other end of standard input; ends the process.
pub(crate) fn serve(depth: u32) -> ! {
    match Worker::greet(depth).and_then(|mut worker| worker.run()) {
        // Exit handlers run and standard output is flushed: this is an orderly end.
        Ok(()) => std::process::exit(0),
        Err(error) if error.kind() == ErrorKind::Closed => exit_now(0),
        Err(error) => {
            complain(&format!("{error:?}"));
            exit_now(EXIT_BROKEN);
        }
    }
}

/// Reads what a parent would send, until the end of the stream; replies go to another socket.
///
/// # Errors
/// When a message is not what it should be, and `Closed` at the end.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_until_end(socket: OwnedFd, replies: OwnedFd) -> Result<()> {
    let (page, _) = Page::create().map_err(io_error("cannot make a status page"))?;
    let writer = Writer::new(replies, page);
    Worker { socket, frames: FrameReader::new(Spare::default()), writer, contexts: HashMap::new() }.run()
}

struct Worker {
    socket: OwnedFd,
    frames: FrameReader,
    writer: Writer,
    contexts: HashMap<u64, Result<State, Failure>>,
}

impl Worker {
    /// Takes the socket over, tells the parent who this is, and starts the lifeline.
    fn greet(depth: u32) -> Result<Self> {
        let socket = take_socket().map_err(io_error("cannot take the socket over"))?;
        let (page, page_file) = Page::create().map_err(io_error("cannot make a status page"))?;
        let build = Image::own().map_or(0, Image::identity);
        let hello = message(&Hello { protocol: PROTOCOL, build, depth });
        send_with_file(&socket, &hello, &page_file).map_err(io_error("cannot greet the parent"))?;
        lifeline::start(&socket)?;
        let writer_socket = socket.try_clone().map_err(io_error("cannot share the socket"))?;
        Ok(Self {
            socket,
            frames: FrameReader::new(Spare::default()),
            writer: Writer::new(writer_socket, page),
            contexts: HashMap::new(),
        })
    }

    fn run(&mut self) -> Result<()> {
        loop {
            let frame = self.next_frame()?;
            match frame.kind {
                Kind::Setup => self.set_up(&frame)?,
                Kind::Context => self.keep_context(&frame)?,
                Kind::Forget => {
                    let (context, _) = parse::<u64>(&frame.body)?;
                    // Dropping a state runs user code.
                    let _ = ori_errors::catch_panic(|| self.contexts.remove(&context));
                }
                Kind::Job => self.run_job(&frame)?,
                Kind::Bye => return Ok(()),
                Kind::Hello | Kind::Ready | Kind::Reply | Kind::Retire => {
                    return Err(broken("a worker's message came from the parent"));
                }
            }
        }
    }

    fn next_frame(&mut self) -> Result<Frame> {
        loop {
            if let Some(frame) = self.frames.next()? {
                return Ok(frame);
            }
            match self.frames.fill(self.socket.as_fd()) {
                Ok(0) => return Err(OriError::new(ErrorKind::Closed, "the parent is gone")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io_error("cannot read from the parent")(error)),
            }
        }
    }

    fn set_up(&mut self, frame: &Frame) -> Result<()> {
        let (setup, _) = parse::<Setup>(&frame.body)?;
        // From here on tasks run, and these may use pools.
        worker_is_ready();
        self.writer.set_limits(setup.max_items, setup.max_memory);
        let failure = setup.initializer.and_then(|function| {
            let outcome = find(&function).and_then(|descriptor| {
                let mut calls = Calls::of_one(&[], &frame.tail, &mut self.writer);
                (descriptor.call)(&mut calls);
                calls.into_outcome()
            });
            outcome.err().map(|error| Failure::from(&error))
        });
        self.writer.send(Kind::Ready, &message(&failure))
    }

    fn keep_context(&mut self, frame: &Frame) -> Result<()> {
        let (head, body) = parse::<ContextHead>(&frame.body)?;
        let state = find(&head.function).and_then(|descriptor| {
            let mut calls = Calls::of_one(body, &frame.tail, &mut self.writer);
            (descriptor.call)(&mut calls);
            calls.into_state()
        });
        self.contexts.insert(head.context, state.map_err(|error| Failure::from(&error)));
        Ok(())
    }

    fn run_job(&mut self, frame: &Frame) -> Result<()> {
        let (head, body) = parse::<JobHead>(&frame.body)?;
        // Even where no item is looked at, the count is one of results.
        if head.items as usize > body.len() / LENGTH {
            return Err(broken("a message has fewer items than it says"));
        }
        if self.writer.is_retired() {
            // The parent learns from `Retire` that this has not begun.
            return Ok(());
        }
        if !self.writer.begin(head.job) {
            return self.writer.skip();
        }
        let state = match head.context {
            None => None,
            Some(number) => match self.contexts.get_mut(&number) {
                Some(Ok(state)) => Some(state),
                Some(Err(failure)) => {
                    let failure = failure.clone();
                    return self.writer.fail_all(head.items, &failure);
                }
                None => return Err(broken("a job before its context")),
            },
        };
        match find(&head.function) {
            Ok(descriptor) => {
                let mut calls = Calls::of_job(body, &frame.tail, head.items, state, &mut self.writer);
                (descriptor.call)(&mut calls);
                calls.finish()?;
                self.writer.finish()
            }
            Err(error) => self.writer.fail_all(head.items, &Failure::from(&error)),
        }
    }
}

/// The socket that came as standard input; reading standard input gives its end from now on.
fn take_socket() -> io::Result<OwnedFd> {
    let socket = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(socket)
}

fn send_with_file(socket: &OwnedFd, hello: &[u8], file: &OwnedFd) -> io::Result<()> {
    let mut bytes = head(Kind::Hello, hello.len(), 0).to_vec();
    bytes.extend_from_slice(hello);
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&files)), "there is room for one descriptor");
    let sent = rustix::net::sendmsg(socket, &[io::IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// For `map_err`: an error of kind `Io` with its cause.
fn io_error(what: &'static str) -> impl Fn(io::Error) -> OriError {
    move |error| OriError::new(ErrorKind::Io, what).with_source(error)
}
