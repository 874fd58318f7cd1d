//! What is awaited never blocks the thread of the runtime that awaits it.
//!
//! Everything here runs on one thread, that of a current-thread runtime: an await that blocked it
//! would keep the one task from running that could end the wait.

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use futures_lite::{StreamExt as _, stream};
use ori::aio::path::Access;
use ori::aio::{self, AprocManager, BgProcess, Block, Context, HandleException, MessageHandler, Queue};
use ori::background::{ProcessPool, run_in_background_thread};
use ori::subprocess::{run_process, run_process_in_background};
use ori::{OriError, PoolChain, bridge};
use ori_test_support::{wait_until, within};

const LIMIT: Duration = Duration::from_secs(60);

/// Awaits `wait`, which cannot be ready before `end` was called; the thread stays free meanwhile.
#[expect(clippy::print_stdout, reason = "the last line of a test that hangs tells where")]
async fn free_while<T>(what: &str, wait: impl Future<Output = T>, end: impl FnOnce()) -> T {
    println!("{what}");
    let mut wait = pin!(wait);
    for _ in 0..50 {
        let poll = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx))).await;
        assert!(poll.is_pending(), "{what}: was ready before it was allowed to");
        tokio::task::yield_now().await;
    }
    end();
    wait.await
}

/// Two ends of a gate: a function that waits for it, and what opens it.
fn gate() -> (impl Fn() + Send + Sync + 'static, impl FnOnce()) {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Mutex::new(receiver);
    let wait = move || {
        let _ = receiver.lock().unwrap().recv();
    };
    (wait, move || drop(sender))
}

fn wait_for_file(path: PathBuf) -> bool {
    wait_until(LIMIT, || path.exists());
    true
}

/// A process in the background that waits for files.
struct Waits;

impl MessageHandler for Waits {
    type Context = ();
    type Message = PathBuf;
    type Reply = bool;

    fn start((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn child_handle_message(&mut self, path: PathBuf) -> Result<bool, String> {
        Ok(wait_for_file(path))
    }
}

async fn background_calls(dir: &Path) -> Result<(), OriError> {
    let (wait, open) = gate();
    let call = run_in_background_thread(wait)?;
    free_while("a call on a thread", call(), open).await?;

    let pool = ProcessPool::builder().max_workers(1).build()?;
    let file = dir.join("call");
    let call = pool.submit(wait_for_file, file.clone());
    assert!(free_while("a call in a process", call, || std::fs::write(&file, "").unwrap()).await?);

    let (wait, open) = gate();
    free_while("unblock", bridge::unblock(wait), open).await?;
    let queue = Queue::bounded(1);
    let other = queue.clone();
    let task = bridge::Portal::current()?.spawn(async move || aio::qget_aio(&other, Block::Forever).await);
    free_while("a task behind a portal", task, || queue.put(1).unwrap()).await??;
    // Its process ends when this drops it.
    bridge::unblock(move || drop(pool)).await
}

async fn chains() -> Result<(), OriError> {
    let (wait, open) = gate();
    let chain = PoolChain::new().add_threadpool(move |n: u64| (wait(), n).1);
    let mut results = chain.execute_stream(stream::iter(0..100))?;
    let first = free_while("a stream of thread stages", results.next(), open).await;
    assert_eq!(first.unwrap()?, 0);
    assert_eq!(results.count().await, 99);

    let queue = Queue::unbounded();
    let other = queue.clone();
    let chain = PoolChain::new().add_async(move |n: u64| {
        let queue = other.clone();
        async move { aio::qget_aio(&queue, Block::Forever).await.map(|gift: u64| gift + n) }
    });
    let mut results = chain.execute_stream(stream::iter([1]))?;
    let first = free_while("a stream of async stages", results.next(), || queue.put(10).unwrap()).await;
    assert_eq!(first.unwrap()??, 11);

    // Dropped while its function runs, which then ends by itself.
    let (wait, open) = gate();
    let chain = PoolChain::new().add_threadpool(move |n: u64| (wait(), n).1);
    let mut results = chain.execute_stream(stream::iter(0..100))?;
    assert!(futures_lite::future::poll_once(results.next()).await.is_none());
    drop(results);
    open();
    Ok(())
}

async fn commands(dir: &Path) -> Result<(), OriError> {
    let until = |file: &Path| {
        let script = "until [ -e \"$0\" ]; do sleep 0.01; done; echo ended";
        ["sh".into(), "-c".into(), script.into(), file.as_os_str().to_owned()]
    };
    let file = dir.join("command");
    let process = run_process_in_background(until(&file)).start()?;
    let exit = free_while("a command", process.wait(), || std::fs::write(&file, "").unwrap()).await?;
    assert!(exit.success());

    let file = dir.join("lines");
    let mut lines = run_process(until(&file)).lines()?;
    let line = free_while("a line", lines.next(), || std::fs::write(&file, "").unwrap()).await;
    assert_eq!(line.unwrap()?, "ended");
    Ok(())
}

async fn files_and_queues(dir: &Path) -> Result<(), OriError> {
    let cx = &Context::asynchronous();

    let pipe = dir.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = pipe.clone();
    let end = move || drop(std::thread::spawn(move || std::fs::write(writer, "text").unwrap()));
    assert_eq!(free_while("a file", aio::read_text(&pipe, None, cx), end).await?, "text");

    let file = dir.join("awaited");
    let appears = aio::wait_until_file_exists(&file, None, cx);
    free_while("a file that appears", appears, || std::fs::write(&file, "").unwrap()).await?;

    let held = aio::path::lock(&file, Access::Write, cx).await?;
    let lock = aio::path::lock(&file, Access::Read, cx);
    drop(free_while("a lock", lock, || drop(held)).await?);

    let queue = Queue::bounded(1);
    let get = aio::qget_aio(&queue, Block::Forever);
    assert_eq!(free_while("a get", get, || queue.put(1).unwrap()).await?, 1);
    queue.put(2)?;
    let put = aio::qput_aio(&queue, 3, Block::Forever);
    free_while("a put", put, || assert_eq!(queue.get().unwrap(), 2)).await?;

    let manager = AprocManager::new(1, HandleException::Raise);
    let gates: [Arc<Queue<()>>; 2] = [Arc::new(Queue::unbounded()), Arc::new(Queue::unbounded())];
    let aproc = |gate: &Arc<Queue<()>>| {
        let gate = gate.clone();
        async move { aio::qget_aio(&gate, Block::Forever).await }
    };
    manager.send(aproc(&gates[0])).await?;
    free_while("a send", manager.send(aproc(&gates[1])), || gates[0].put(()).unwrap()).await?;
    free_while("a cleanup", manager.cleanup(), || gates[1].put(()).unwrap()).await?;

    let process = Arc::new(bridge::unblock(|| BgProcess::<Waits>::start(())).await??);
    let file = dir.join("message");
    let reply = process.send(file.clone());
    assert!(free_while("a message", reply, || std::fs::write(&file, "").unwrap()).await?);
    bridge::unblock(move || drop(process)).await
}

#[test]
fn no_call_blocks_the_thread_of_a_runtime() {
    within(LIMIT, || {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            background_calls(dir.path()).await.unwrap();
            chains().await.unwrap();
            commands(dir.path()).await.unwrap();
            files_and_queues(dir.path()).await.unwrap();
        });
    });
}
