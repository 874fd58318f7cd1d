//! [`init`]: what a start of this executable is, an ordinary one or a worker's.

use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use ori_errors::{ErrorKind, OriError, Result};

use crate::message::PROTOCOL;
use crate::sys::image::Image;

/// How deep workers may start workers.
const DEPTH_LIMIT: u32 = 3;
/// The exit code of a worker that cannot go on: it was started by something else than a pool.
pub(crate) const EXIT_BROKEN: i32 = 70;
/// What a worker's first argument is.
pub(crate) const MARK: &str = "--ori-worker";

/// That `init` ran, in an ordinary start.
static READY: AtomicBool = AtomicBool::new(false);

/// Lets this program start worker processes: call it in the first line of `main`.
///
/// Workers are this same executable, started again. In an ordinary start this only notes that it
/// ran. In a worker it never returns: it runs what the parent asks for, and ends the process when
/// the parent is done or gone. What stands before it in `main` runs in each worker too.
///
/// Test binaries use [`test_worker!`](crate::test_worker) instead.
///
/// ```
/// ori_worker::init();
/// // .. the program ..
/// ```
pub fn init() {
    if let Some(depth) = worker_depth() {
        serve_as_worker(depth);
    }
    READY.store(true, Ordering::Release);
}

/// What `test_worker!` calls before `main`.
pub(crate) fn init_before_main() {
    if let Some(depth) = worker_depth() {
        crate::sys::entry::ignore_broken_pipes();
        serve_as_worker(depth);
    }
    READY.store(true, Ordering::Release);
}

fn serve_as_worker(depth: u32) -> ! {
    let stdin = std::io::stdin();
    if !rustix::net::sockopt::socket_domain(stdin.as_fd())
        .is_ok_and(|domain| domain == rustix::net::AddressFamily::UNIX)
    {
        complain(&format!("`{MARK}` is for worker processes, which a pool starts"));
        crate::sys::entry::exit_now(EXIT_BROKEN);
    }
    crate::worker::serve(depth)
}

/// Says why this process ends. The parent may be gone, so nobody else can.
pub(crate) fn complain(what: &str) {
    use std::io::Write;
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "ori worker: {what}");
}

/// Whether this process is a worker.
///
/// ```
/// assert!(!ori_worker::is_worker());
/// ```
#[must_use]
pub fn is_worker() -> bool {
    depth() > 0
}

/// How many workers there are from the first parent to here: 0 in an ordinary program, 1 in its
/// workers, 2 in theirs.
///
/// ```
/// assert_eq!(ori_worker::depth(), 0);
/// ```
#[must_use]
pub fn depth() -> u32 {
    worker_depth().unwrap_or(0)
}

/// The depth that the arguments of this process tell, if they are a worker's.
fn worker_depth() -> Option<u32> {
    static DEPTH: OnceLock<Option<u32>> = OnceLock::new();
    *DEPTH.get_or_init(|| {
        let mut arguments = std::env::args_os().skip(1);
        if arguments.next()? != MARK {
            return None;
        }
        let (protocol, depth) =
            arguments.next()?.to_str()?.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        // Another protocol is refused by the parent, which reads it in the greeting.
        let _: u32 = protocol.parse().ok()?;
        let depth = depth.parse().ok()?;
        (depth > 0 && arguments.next().is_none()).then_some(depth)
    })
}

/// The arguments that make a start of this executable a worker's.
pub(crate) fn worker_arguments() -> [String; 2] {
    [MARK.to_owned(), format!("{PROTOCOL}.{}", depth() + 1)]
}

/// Checks that worker processes can be started here.
///
/// # Errors
/// `NoInteractiveProcessPools` when [`init`] did not run, when this is a library in another
/// program, and when workers have started workers 3 deep.
///
/// ```standalone_crate
/// let error = ori_worker::check_ready().unwrap_err();
/// assert!(error.to_string().contains("init()"));
/// ori_worker::init();
/// assert!(ori_worker::check_ready().is_ok());
/// ```
pub fn check_ready() -> Result<()> {
    let refuse = |message: &str| Err(OriError::new(ErrorKind::NoInteractiveProcessPools, message));
    if Image::own().is_none() {
        return refuse(
            "worker processes are this executable started again, and here the executable is another \
             program (an interpreter, a host of plug-ins): use threads",
        );
    }
    if !READY.load(Ordering::Acquire) {
        if depth() > 0 {
            return refuse("a worker starts workers only after `init()`, which runs its tasks");
        }
        return refuse(
            "worker processes are this executable started again: write `ori::init();` as the first line \
             of `main`, or `ori::test_worker!();` at the root of a test binary",
        );
    }
    if depth() >= DEPTH_LIMIT {
        return refuse("workers have started workers 3 deep: use threads here");
    }
    Ok(())
}

/// A worker has come as far as running tasks: these may start pools of their own.
pub(crate) fn worker_is_ready() {
    READY.store(true, Ordering::Release);
}
