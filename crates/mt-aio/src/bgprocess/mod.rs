//! [`BgProcess`]: a process in the background that holds a state and answers messages.
//!
//! The process is a worker of `ori-worker`: this executable, started again. Each message is a job
//! with a number, so a reply finds its sender whatever else is under way. One thread of this
//! process, in `postman`, takes what the child writes and what it replies, in that order, and runs
//! the functions that listen.
//!
//! | module | what lives there |
//! |---|---|
//! | this one | [`BgProcess`], [`MessageHandler`] |
//! | `event` | [`BgEvent`]: what listeners are told |
//! | `request` | a message under way, and what becomes of its reply |
//! | `postman` | the thread that takes output and replies |
//! | `output` | what comes out of the child, as text |
//! | `sources` | what the postman waits for |

mod event;
mod output;
mod postman;
mod request;
mod sources;

use std::fmt;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result};
use ori_worker::{Conductor, Job, Task, WorkerOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

pub use self::event::{BgEvent, OutputStream};
use self::postman::{Note, Postman};
use self::request::Request;
use crate::operation::runtime;
use crate::wait::wait_here;

/// What a [`BgProcess`] holds in its child, and how it answers: the original's subclass.
///
/// ```
/// struct Sum(u64);
///
/// impl mt_aio::MessageHandler for Sum {
///     type Context = u64;
///     type Message = u64;
///     type Reply = u64;
///
///     fn start(first: u64) -> Result<Self, String> {
///         Ok(Sum(first))
///     }
///
///     fn child_handle_message(&mut self, n: u64) -> Result<u64, String> {
///         self.0 = self.0.checked_add(n).ok_or("too large")?;
///         Ok(self.0)
///     }
/// }
/// ```
pub trait MessageHandler: Sized + 'static {
    /// What the child is started with.
    type Context: Serialize + DeserializeOwned + 'static;
    /// What is sent to the child.
    type Message: Serialize + DeserializeOwned + 'static;
    /// What comes back.
    type Reply: Serialize + DeserializeOwned + Send + 'static;

    /// Makes the handler. Runs in the child, once.
    ///
    /// # Errors
    /// A text that says why not; [`BgProcess::start`] returns it.
    fn start(context: Self::Context) -> Result<Self, String>;

    /// Answers one message. Runs in the child, one message at a time, in the order of sending.
    ///
    /// # Errors
    /// A text that says why not; [`BgProcess::send`] returns it. The child goes on.
    fn child_handle_message(&mut self, message: Self::Message) -> Result<Self::Reply, String>;
}

/// A process in the background that holds a state and answers messages.
///
/// What it prints to its standard output and error, through Rust or otherwise, comes to
/// [`on_output`](Self::on_output). [`init`](crate::init) must be the first line of `main`.
/// It never outlives this process, however that ends.
///
/// A child that dies is not started again, for its state is gone: the sends under way fail at once,
/// with its exit code or signal, and so does every later one.
///
/// Dropping it ends the child, busy or not, and waits until it is gone: a fraction of a second, and
/// as long as a listening function takes. Linux only, so far.
///
/// ```
/// # struct Sum(u64);
/// # impl mt_aio::MessageHandler for Sum {
/// #     type Context = u64;
/// #     type Message = u64;
/// #     type Reply = u64;
/// #     fn start(first: u64) -> Result<Self, String> { Ok(Sum(first)) }
/// #     fn child_handle_message(&mut self, n: u64) -> Result<u64, String> {
/// #         self.0 = self.0.checked_add(n).ok_or("too large")?;
/// #         Ok(self.0)
/// #     }
/// # }
/// # fn main() {
/// # mt_aio::init();
/// // With the handler of the example above:
/// let sum = mt_aio::BgProcess::<Sum>::start(1).unwrap();
/// # futures_lite::future::block_on(async {
/// assert_eq!(sum.send(20).await.unwrap(), 21);
/// assert_eq!(sum.send(21).await.unwrap(), 42);
/// assert!(sum.send(u64::MAX).await.unwrap_err().to_string().contains("too large"));
/// # });
/// # }
/// ```
#[must_use = "the child ends when this is dropped"]
pub struct BgProcess<H: MessageHandler> {
    conductor: Arc<Conductor>,
    context: ori_worker::Context,
    postman: Postman,
    pid: u32,
    requests: AtomicU64,
    handler: PhantomData<fn() -> H>,
}

impl<H: MessageHandler> BgProcess<H> {
    /// Starts the child and makes its handler.
    ///
    /// Blocks the thread until the handler's [`start`](MessageHandler::start) has returned: a few
    /// milliseconds, and what `start` takes. In async code call it by `ori::bridge::unblock` or
    /// `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// What `start` returned, as an error of kind `Task`, or `Panicked`; `WorkerLost` when the child
    /// died in it. `NoInteractiveProcessPools` where processes cannot be started, `Unsupported` on
    /// systems other than Linux, `Spawn` when this one could not be started, `Codec` when the context
    /// cannot be encoded.
    ///
    /// ```
    /// # struct Never;
    /// # impl mt_aio::MessageHandler for Never {
    /// #     type Context = String;
    /// #     type Message = ();
    /// #     type Reply = ();
    /// #     fn start(path: String) -> Result<Self, String> { Err(format!("no model in {path}")) }
    /// #     fn child_handle_message(&mut self, _: ()) -> Result<(), String> { Ok(()) }
    /// # }
    /// # fn main() {
    /// # mt_aio::init();
    /// let error = mt_aio::BgProcess::<Never>::start("nowhere".into()).unwrap_err();
    /// assert!(error.to_string().contains("no model in nowhere"));
    /// # }
    /// ```
    pub fn start(context: H::Context) -> Result<Self> {
        ori_worker::check_ready()?;
        let failed =
            |error| OriError::new(ErrorKind::Spawn, "cannot capture the child's output").with_source(error);
        let (postman, mail) = postman::hire().map_err(failed)?;
        let mut options = WorkerOptions::default();
        options.max_workers = 1;
        let (pipes, is_started) = (mail.clone(), AtomicBool::new(false));
        options.outputs = Some(Arc::new(move || {
            // The state was in the first process: another one would answer without it.
            if is_started.swap(true, Ordering::SeqCst) {
                pipes.put(Note::Gone);
                return Err(io::Error::other("the child process is gone, and its state with it"));
            }
            let (stdout, child_stdout) = io::pipe()?;
            let (stderr, child_stderr) = io::pipe()?;
            pipes.put(Note::Pipes([stdout, stderr]));
            Ok((child_stdout.into(), child_stderr.into()))
        }));
        let conductor = Arc::new(Conductor::start(options)?);
        let context = conductor.context(Task::init(H::start), &context)?;
        let postman = postman.begin(mail, conductor.clone())?;
        let requests = AtomicU64::new(0);
        let mut process = Self { conductor, context, postman, pid: 0, requests, handler: PhantomData };
        let ready = process.post::<_, u32>(Task::with_state(greet::<H>), &())?;
        process.pid = wait_here(Self::answer(ready))?;
        process.postman.watch(process.pid);
        Ok(process)
    }

    /// Sends a message and waits for the reply.
    ///
    /// What the child printed before it replied has been given to those who listen when this
    /// returns. (C code of the child that buffers its output has to flush it.)
    ///
    /// # Errors
    /// What the handler returned, as an error of kind `Task`, or `Panicked`; `WorkerLost` when the
    /// child died, now or before; `Codec` when message or reply cannot be encoded; `Closed` after
    /// [`close`](Self::close), `Cancelled` when it is closed meanwhile.
    ///
    /// # Cancel safety
    /// A message that was sent is handled even if the future is dropped; its reply is thrown away,
    /// and its error is a [`BgEvent::IgnoredException`]. Others get their own replies.
    ///
    /// ```
    /// # struct Echo;
    /// # impl mt_aio::MessageHandler for Echo {
    /// #     type Context = ();
    /// #     type Message = String;
    /// #     type Reply = String;
    /// #     fn start((): ()) -> Result<Self, String> { Ok(Echo) }
    /// #     fn child_handle_message(&mut self, text: String) -> Result<String, String> { Ok(text) }
    /// # }
    /// # fn main() {
    /// # mt_aio::init();
    /// let echo = mt_aio::BgProcess::<Echo>::start(()).unwrap();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(echo.send("hello".into()).await.unwrap(), "hello");
    /// # });
    /// # }
    /// ```
    pub async fn send(&self, message: H::Message) -> Result<H::Reply> {
        let reply = self.post(Task::with_state(handle::<H>), &message)?;
        // It is on its way; what is kept of it is not needed.
        drop(message);
        Self::answer(reply).await
    }

    /// [`send`](Self::send) that waits for at most `limit`: the original's `recv_timeout`.
    ///
    /// # Errors
    /// `TimedOut` when no reply came; the child goes on with the message, and a later send gets its
    /// own reply. `Unsupported` outside a tokio runtime. Otherwise as [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    ///
    /// ```
    /// # struct Slow;
    /// # impl mt_aio::MessageHandler for Slow {
    /// #     type Context = ();
    /// #     type Message = u64;
    /// #     type Reply = ();
    /// #     fn start((): ()) -> Result<Self, String> { Ok(Slow) }
    /// #     fn child_handle_message(&mut self, seconds: u64) -> Result<(), String> {
    /// #         std::thread::sleep(std::time::Duration::from_secs(seconds));
    /// #         Ok(())
    /// #     }
    /// # }
    /// # fn main() {
    /// # mt_aio::init();
    /// # use std::time::Duration;
    /// let slow = mt_aio::BgProcess::<Slow>::start(()).unwrap();
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let error = slow.send_timeout(3600, Duration::from_millis(5)).await.unwrap_err();
    /// assert!(error.is_timeout());
    /// # });
    /// # }
    /// ```
    pub async fn send_timeout(&self, message: H::Message, limit: Duration) -> Result<H::Reply> {
        runtime()?;
        match tokio::time::timeout(limit, self.send(message)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let message = format!("no reply within {limit:?}");
                Err(OriError::new(ErrorKind::TimedOut, message).with_pid(self.pid))
            }
        }
    }

    /// Has `function` called with what the child prints, as it comes.
    ///
    /// Output from before the first call of this or [`on_event`](Self::on_event) is given to it
    /// first, the last MiB of it. Bytes that are not UTF-8 are replaced. The function runs on a
    /// thread of this process's own; while it runs, replies wait, and a child that prints a lot
    /// does, too. Its panics are contained.
    ///
    /// ```
    /// # struct Talker;
    /// # impl mt_aio::MessageHandler for Talker {
    /// #     type Context = ();
    /// #     type Message = ();
    /// #     type Reply = ();
    /// #     fn start((): ()) -> Result<Self, String> { Ok(Talker) }
    /// #     fn child_handle_message(&mut self, _: ()) -> Result<(), String> {
    /// #         println!("working");
    /// #         Ok(())
    /// #     }
    /// # }
    /// # fn main() {
    /// # mt_aio::init();
    /// use std::sync::{Arc, Mutex};
    ///
    /// let talker = mt_aio::BgProcess::<Talker>::start(()).unwrap();
    /// let heard = Arc::new(Mutex::new(String::new()));
    /// let ear = heard.clone();
    /// talker.on_output(move |_stream, text| ear.lock().unwrap().push_str(text));
    /// # futures_lite::future::block_on(async {
    /// talker.send(()).await.unwrap();
    /// # });
    /// assert_eq!(*heard.lock().unwrap(), "working\n");
    /// # }
    /// ```
    pub fn on_output(&self, mut function: impl FnMut(OutputStream, &str) + Send + 'static) {
        self.on_event(move |event| {
            if let BgEvent::Write { stream, text } = event {
                function(*stream, text);
            }
        });
    }

    /// Has `function` called with all that happens: replies, errors, output, the end. As
    /// [`on_output`](Self::on_output).
    ///
    /// ```
    /// # struct Echo;
    /// # impl mt_aio::MessageHandler for Echo {
    /// #     type Context = ();
    /// #     type Message = ();
    /// #     type Reply = ();
    /// #     fn start((): ()) -> Result<Self, String> { Ok(Echo) }
    /// #     fn child_handle_message(&mut self, _: ()) -> Result<(), String> { Ok(()) }
    /// # }
    /// # fn main() {
    /// # mt_aio::init();
    /// use mt_aio::BgEvent;
    ///
    /// let echo = mt_aio::BgProcess::<Echo>::start(()).unwrap();
    /// let (tell, told) = std::sync::mpsc::channel();
    /// echo.on_event(move |event| {
    ///     if let BgEvent::Exit { error } = event {
    ///         tell.send(error.is_none()).unwrap();
    ///     }
    /// });
    /// drop(echo);
    /// assert!(told.recv().unwrap());
    /// # }
    /// ```
    pub fn on_event(&self, function: impl FnMut(&BgEvent<'_>) + Send + 'static) {
        self.postman.put(Note::Listen(Box::new(function)));
    }

    /// The process id of the child.
    ///
    /// ```no_run
    /// # fn show<H: mt_aio::MessageHandler>(process: mt_aio::BgProcess<H>) {
    /// println!("the model lives in process {}", process.pid());
    /// # }
    /// ```
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends the child, busy or not, and waits until it is gone, as dropping does. Sends under way
    /// are `Cancelled`, later ones `Closed`. Closing twice is fine.
    ///
    /// # Errors
    /// `WorkerLost` when the child had died before.
    ///
    /// ```no_run
    /// # fn end<H: mt_aio::MessageHandler>(process: mt_aio::BgProcess<H>) {
    /// process.close().expect("it was alive");
    /// # }
    /// ```
    pub fn close(&self) -> Result<()> {
        let died = self.postman.mail().death();
        self.postman.close();
        self.conductor.abandon();
        self.postman.retire();
        died.map_or(Ok(()), Err)
    }

    /// Puts a message on its way.
    fn post<M: Serialize, R>(&self, task: Task, message: &M) -> Result<oneshot::Receiver<Result<R>>>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.postman.check()?;
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let (request, reply) = Request::new(number, self.postman.mail());
        let mut job = Job::new(task, request);
        job.push(message)?;
        let submitted =
            self.conductor.submit(self.conductor.reserve(), job.with_context(self.context.clone()));
        submitted.map_err(|error| self.postman.mail().explain(error))?;
        Ok(reply)
    }

    async fn answer<R>(reply: oneshot::Receiver<Result<R>>) -> Result<R> {
        let lost = || OriError::new(ErrorKind::Cancelled, "the process was closed before it replied");
        reply.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl<H: MessageHandler> Drop for BgProcess<H> {
    fn drop(&mut self) {
        // That it had died before was told to its senders.
        let _ = self.close();
    }
}

impl<H: MessageHandler> fmt::Debug for BgProcess<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BgProcess").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// The first request: tells whether the handler was made, and who the child is.
fn greet<H: MessageHandler>(handler: &mut Result<H, String>, (): ()) -> Result<u32, String> {
    let _flush = Flush;
    handler.as_ref().map(|_| std::process::id()).map_err(String::clone)
}

fn handle<H: MessageHandler>(
    handler: &mut Result<H, String>,
    message: H::Message,
) -> Result<H::Reply, String> {
    let _flush = Flush;
    handler.as_mut().map_err(|why| why.clone())?.child_handle_message(message)
}

/// Lines that were begun go out before the reply does.
struct Flush;

impl Drop for Flush {
    fn drop(&mut self) {
        // Output that the handler closed needs no flush.
        let _ = io::stdout().flush();
    }
}
