//! The names and types that programs outside of this repository rely on, used as they use them.
//!
//! Most of it proves its point by compiling: a call is given arguments of exactly the types that
//! are promised, and its result is bound to the type that is. What each call does is for the tests
//! of its own crate.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::iter::empty;
use std::path::Path;
use std::time::Duration;

use ori::background::{
    Background, BackgroundFuture, Executor, ProcessPool, ReturnWhen, Shutdown, ThreadPool, as_completed,
    run_in_background, run_in_background_process, run_in_background_thread, wait,
};
use ori::bridge::{Portal, sync_local, sync_on, sync_timeout, unblock};
use ori::poolchain::{ChainStats, ResultStream, Results};
use ori::subprocess::{BackgroundProcess, Exit, Output, run_process, run_process_in_background};
use ori::{ErrorKind, OriError, PoolChain, Result};

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

fn is_error<E: std::error::Error + Send + Sync + 'static>() -> usize {
    size_of::<E>()
}

#[test]
fn errors() {
    assert_eq!(is_error::<OriError>(), size_of::<usize>());
    let error: OriError = OriError::new(ErrorKind::Closed, "shut");
    let _: ErrorKind = error.kind();
    let _: [bool; 5] = [
        error.is_validation(),
        error.is_timeout(),
        error.is_cancelled(),
        error.is_panic(),
        error.is_worker_lost(),
    ];
    let _: (Option<&str>, Option<&str>) = (error.panic_message(), error.panic_location());
    let _: (Option<u64>, Option<&str>) = (error.item(), error.stage());
    let _: (Option<i32>, Option<i32>, Option<u32>) = (error.exit_code(), error.signal(), error.pid());
    let _: (Option<&Path>, Option<&str>) = (error.path(), error.command());
    let _: io::Error = error.into();
    let _: std::result::Result<u8, OriError> = Result::<u8>::Ok(1);
    let _: ori::errors::Result<u8, String> = Err(String::new());

    use ErrorKind::*;
    let kinds = [
        Validation,
        NoInteractiveProcessPools,
        Task,
        Panicked,
        TimedOut,
        Cancelled,
        WorkerLost,
        Codec,
        Spawn,
        ExitStatus,
        Closed,
        QueueFull,
        QueueEmpty,
        Suspended,
        WouldDeadlock,
        Io,
        Unsupported,
    ];
    let distinct: std::collections::HashSet<ErrorKind> = kinds.into_iter().collect();
    assert_eq!(distinct.len(), 17);
}

#[test]
fn workers() {
    ori::init();
    ori::worker::init();
    let _: (bool, u32) = (ori::worker::is_worker(), ori::worker::depth());
}

#[test]
fn bridge() -> Result<()> {
    let _: i32 = ori::sync(async { 1 });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let handle: &tokio::runtime::Handle = runtime.handle();
    let _: i32 = sync_on(handle, async { 1 });
    let _: i32 = sync_timeout(LONG, async { 1 })?;
    let single = std::rc::Rc::new(1);
    let _: i32 = sync_local(async move { *single })?;
    let result: Result<i32> = ori::sync(unblock(|| 1));
    result?;
    let portal: Portal = sync_on(handle, async { Portal::current() })?;
    let _: i32 = portal.call(async || 1)?;
    let spawned: Result<i32> = portal.spawn(async || 1).result();
    spawned?;
    Ok(())
}

#[test]
fn background() -> Result<()> {
    let add: Background<_> = run_in_background_thread(|a: i32, b: i32| a + b)?;
    let sum: BackgroundFuture<i32> = add(1, 2);
    assert_eq!(sum.result()?, 3);
    let _: &dyn Executor = add.executor();
    add.shutdown();

    let eight = run_in_background_thread(|_: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, h: u8| h)?;
    let mut future = eight(1, 2, 3, 4, 5, 6, 7, 8);
    let _: Result<u8> = future.result_timeout(LONG);
    let _: [bool; 3] = [future.is_done(), future.is_running(), future.is_cancelled()];
    let _: bool = future.cancel();
    future.on_done(|| {});
    future.detach();

    let pool: ThreadPool = ThreadPool::builder()
        .max_workers(2)
        .thread_name("read")
        .idle_timeout(LONG)
        .queue_limit(10)
        .build()?;
    let mut futures: Vec<BackgroundFuture<i32>> = (0..3).map(|n| pool.submit(move || n)).collect();
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        let _: (Vec<usize>, Vec<usize>) = wait(&mut futures, when, Some(SHORT));
    }
    let completed: Vec<(usize, Result<i32>)> = as_completed(futures).collect();
    assert_eq!(completed.len(), 3);
    let _: Vec<i32> = pool.map(|n: i32| n, 0..3).collect::<Result<_>>()?;
    let on_pool = run_in_background(|n: i32| n, pool.clone())?;
    let output: Result<i32> = ori::sync(async { on_pool(1).await });
    output?;
    for how in [Shutdown::Wait, Shutdown::CancelPending, Shutdown::Abandon] {
        pool.shutdown(how);
    }
    Ok(())
}

#[test]
fn processes() -> Result<()> {
    let double = run_in_background_process(|n: i32| n * 2)?;
    assert_eq!(double(2).result()?, 4);
    let pool: ProcessPool = ProcessPool::builder()
        .max_workers(1)
        .task_timeout(LONG)
        .max_tasks_per_worker(100)
        .max_memory_per_worker(1 << 40)
        .initializer(|| ())
        .retries(1)
        .env("ORI_CONTRACT", "1")
        .build()?;
    let sum: BackgroundFuture<String> = pool.submit(|(a, b): (i32, i32)| (a + b).to_string(), (1, 2));
    assert_eq!(sum.result()?, "3");
    let _: Vec<i32> = pool.map(|n: i32| n, 0..3).collect::<Result<_>>()?;
    let _ = pool.map_with("context".to_owned(), |context: &String, n: usize| context.len() + n, 0..2);
    let _: Vec<u32> = pool.worker_pids();
    let _ = ProcessPool::builder().executable("/bin/true");
    run_in_background(|n: i32| n, pool.clone())?(1).result()?;
    pool.shutdown(Shutdown::Wait);
    Ok(())
}

#[test]
fn chains() -> Result<()> {
    let results: Vec<String> = PoolChain::new()
        .add_threadpool(|n: u64| n * 10)
        .add_processpool(|n| n.to_string())
        .chunksize(2)
        .max_workers(3)
        .add_threadpool(|s| s + " is a number")
        .timeout(LONG)
        .execute_eager([1, 2, 3, 4, 5])?;
    assert_eq!(results[4], "50 is a number");

    let chain: PoolChain<u64, usize> = PoolChain::new()
        .add(|n: u64| n + 1, ThreadPool::builder().build()?)
        .add_async(async |n: u64| n + 1)
        .add_threadpool_init(Vec::new, |seen: &mut Vec<u64>, n: u64| {
            seen.push(n);
            n
        })
        .retries(1)
        .name("remember")
        .add_processpool_init(
            7_usize,
            |context: usize| context,
            |state: &mut usize, n: u64| *state + n as usize,
        )
        .max_tasks_per_worker(1000)
        .buffer(100)
        .unordered();
    let lazy: Results<usize> = chain.execute_lazy(0..3)?;
    let _: ChainStats = lazy.stats();
    lazy.cancel();
    let items: Vec<Result<usize>> = lazy.collect();
    assert!(items.len() <= 3);
    let _: ResultStream<usize> = chain.execute_stream(futures_lite::stream::iter(0..3))?;
    let _: Vec<usize> = chain.execute_eager_single_threaded(empty())?;
    let mut single = chain.execute_lazy_single_threaded(0..3)?;
    let _: Option<Result<usize>> = single.next();

    let base = 1;
    let scoped = PoolChain::new().add_threadpool(|n: u64| n + base);
    let _: Vec<u64> = scoped.execute_eager_scoped(0..3)?;
    Ok(())
}

/// Any error that can be shown will do, also one that is nothing else.
#[test]
fn fallible_chains() -> Result<()> {
    fn parse<E: Display + Send + 'static>(
        error: impl Fn() -> E + Send + Sync + 'static,
    ) -> PoolChain<u8, u8> {
        PoolChain::new().add_threadpool(move |n: u8| if n == 0 { Err(error()) } else { Ok(n) }).fallible()
    }
    let own = || OriError::new(ErrorKind::Io, "disk");
    for chain in [parse(|| "text"), parse(String::new), parse(own), parse(|| fmt_only(1))] {
        let error = chain.execute_lazy([0])?.next().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.item()), (ErrorKind::Task, Some(0)));
    }
    Ok(())
}

fn fmt_only(code: u8) -> impl Display + Send {
    struct Code(u8);
    impl Display for Code {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "code {}", self.0)
        }
    }
    Code(code)
}

#[cfg(unix)]
#[test]
fn commands() -> Result<()> {
    let process: BackgroundProcess = run_process_in_background(["ls", "/"])
        .stdout_function(|_: &str| {})
        .stderr_function(|_| {})
        .exception_function(|_: &OriError| {})
        .exit_code_on_killed(0)
        .start()?;
    let _: (u32, bool) = (process.pid(), process.is_alive());
    let exit: Exit = process.join()?;
    let _: (Option<i32>, Option<i32>, bool, bool) = (exit.code, exit.signal, exit.killed, exit.drained);
    let _: Exit = process.join_timeout(LONG)?;
    let ended: Result<Exit> = ori::sync(process.wait());
    ended?;
    process.terminate();
    process.kill();

    let output: Output = run_process(["cat"])
        .current_dir("/")
        .env("ORI_CONTRACT", "1")
        .stdin_bytes("text")
        .merge_stderr()
        .max_line_bytes(100)
        .timeout(LONG)
        .grace(SHORT)
        .check()
        .output()?;
    assert_eq!(output.stdout, b"text");
    let _ = run_process(["cat"]).stdin_null().stdout_bytes_function(|_: &[u8]| {}).die_with_parent();
    Ok(())
}

/// Something to be awaited that gives this.
pub(crate) fn gives<T>(_: &impl Future<Output = T>) {}
