//! The limit that worker processes are held against: frames on a socket pair, and nothing else.
//!
//! No serialisation, no errors, no cancelling, no batches that grow: a child of this program on the
//! other end of `UnixStream::pair`, blocking calls, one `write` for each frame and large buffers for
//! reading. The figures say what the sockets and the scheduler of the machine give.

use std::env;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// The first argument of a child of [`Worker::start`].
const MARK: &str = "--raw-worker";
/// Before each body: its length.
const HEAD: usize = 8;
const BUFFER: usize = 128 * 1024;

/// What a worker does with the body of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// Adds 1 to each number in it.
    AddOne,
    /// Gives the number of bytes.
    Length,
    /// Gives it back.
    Echo,
}

impl Work {
    const ALL: [(Self, &'static str); 3] =
        [(Self::AddOne, "add-one"), (Self::Length, "length"), (Self::Echo, "echo")];
}

/// A child and this end of its socket.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    wire: Wire,
}

impl Worker {
    /// Starts this program again.
    pub(crate) fn start(work: Work) -> Self {
        let (near, far) = UnixStream::pair().expect("a socket pair");
        let name = Work::ALL.iter().find(|(known, _)| *known == work).map_or("", |(_, name)| name);
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        let command = command.args([MARK, name]).stdin(Stdio::from(OwnedFd::from(far)));
        let child = command.spawn().expect("this program can be started again");
        Self { child, wire: Wire::new(near) }
    }

    /// Sends a frame in one piece.
    pub(crate) fn send(&mut self, body: &[u8]) {
        self.wire.send(body).expect("the worker reads");
    }

    /// Waits for frames, and hands over all that are there; how many there were.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(&[u8])) -> usize {
        self.wire
            .receive(|_, body| {
                take(body);
                Ok(())
            })
            .expect("the worker answers")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // At the end of its input it ends.
        let _ = self.wire.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.child.wait();
    }
}

/// One end of a socket.
#[derive(Debug)]
struct Wire {
    socket: UnixStream,
    /// What is to be sent in one piece.
    out: Vec<u8>,
    buffer: Vec<u8>,
    /// Bytes in the buffer that are not used up.
    filled: usize,
}

impl Wire {
    fn new(socket: UnixStream) -> Self {
        Self { socket, out: Vec::new(), buffer: vec![0; BUFFER], filled: 0 }
    }

    fn send(&mut self, body: &[u8]) -> io::Result<()> {
        let head = (body.len() as u64).to_le_bytes();
        if body.len() > BUFFER {
            // Copying it together would cost more than another call.
            self.socket.write_all(&head)?;
            return self.socket.write_all(body);
        }
        self.out.clear();
        self.out.extend_from_slice(&head);
        self.out.extend_from_slice(body);
        self.socket.write_all(&self.out)
    }

    /// Reads until there is at least one frame; 0 frames at the end of the input.
    ///
    /// A frame that does not fit lets the buffer grow, and stays in it for the next: memory that is
    /// new costs more than the copy.
    fn receive(&mut self, mut take: impl FnMut(&mut Self, &[u8]) -> io::Result<()>) -> io::Result<usize> {
        let mut frames = 0;
        while frames == 0 {
            match self.socket.read(&mut self.buffer[self.filled..])? {
                0 => return Ok(0),
                read => self.filled += read,
            }
            let buffer = std::mem::take(&mut self.buffer);
            let mut at = 0;
            let mut needed = 0;
            while let Some((head, rest)) = buffer[at..self.filled].split_first_chunk::<HEAD>() {
                let length = u64::from_le_bytes(*head) as usize;
                let Some(body) = rest.get(..length) else {
                    needed = HEAD + length;
                    break;
                };
                take(self, body)?;
                at += HEAD + length;
                frames += 1;
            }
            self.buffer = buffer;
            self.buffer.copy_within(at..self.filled, 0);
            self.filled -= at;
            if self.buffer.len() < needed {
                self.buffer.resize(needed, 0);
            }
        }
        Ok(frames)
    }
}

/// In a child of [`Worker::start`], serves the parent and ends the process; returns in any other.
pub(crate) fn init() {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(MARK) {
        return;
    }
    let name = arguments.next().unwrap_or_default();
    let work = Work::ALL.iter().find(|(_, known)| *known == name).map(|(work, _)| *work);
    let served = work.is_some_and(|work| serve(work).is_ok());
    std::process::exit(i32::from(!served));
}

fn serve(work: Work) -> io::Result<()> {
    let mut wire = Wire::new(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?));
    let mut reply = Vec::new();
    let answer = |wire: &mut Wire, body: &[u8]| match work {
        Work::AddOne => {
            reply.clear();
            reply.extend(numbers(body).flat_map(|number| (number + 1).to_le_bytes()));
            wire.send(&reply)
        }
        Work::Length => wire.send(&(body.len() as u64).to_le_bytes()),
        Work::Echo => wire.send(body),
    };
    let mut answer = answer;
    while wire.receive(&mut answer)? > 0 {}
    Ok(())
}

/// The numbers in a body.
pub(crate) fn numbers(body: &[u8]) -> impl Iterator<Item = u64> {
    body.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")))
}
