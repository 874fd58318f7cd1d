//! What process pools promise, each under its own name and number.
//!
//! | promise | what it says |
//! |---|---|
//! | 1 | an ordered map equals the serial one, whatever the lengths of input and batches |
//! | 2 | an item's error comes at its position, and iteration goes on |
//! | 3 | a death costs exactly the item that ran; the pool goes on |
//! | 4 | a death while decoding, running or encoding is the same error; `Codec` costs its item only |
//! | 5 | a death with a large message in flight is a clean error, and blocks nobody else |
//! | 6 | a time limit kills whatever the worker does; batch-mates are not charged |
//! | 7 | `cancel` prevents what is queued and stops what runs |
//! | 8 | `retries` are for items whose worker died or was late, never for those that returned |
//! | 9 | `max_tasks_per_worker` is exact; one that has grown too large is replaced |
//! | 10 | a failing initializer fails the tasks; deaths before the greeting open a breaker |
//! | 11 | shutdown and drop resolve every future |
//! | 12 | the parent's end leaves no worker; Ctrl-C reaches the parent only |
//! | 13 | pools nest 3 deep; idle workers are used again; results may be taken in any order |
//! | 14 | 100 MiB go both ways at once, and can be cancelled midway |
//! | 15 | where `init` did not run nothing is started, and the error says what to write |
//! | 16 | a large parent is not copied when a worker starts |
//! | 17 | it works from every kind of program, and holds no test runner open |
//! | 18 | whatever comes over the wire is a message or an error |
//!
//! 15 is a program of its own beside this one; 18, and what is said about batches of chosen size,
//! are tests of `ori-worker`; the programs of 17, and of 15 the library in another program, are in
//! `ori-worker/tests/outside`. `cargo xtask promises` and `cargo xtask profiles` run them all.

mod batches;
mod codec;
mod conductor;
mod death;
mod large;
mod life;
mod limits;
mod parent;
mod results;
mod shutdown;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use ori_background::ProcessPool;

use crate::LONG;

fn pool(workers: usize) -> ProcessPool {
    ProcessPool::builder().max_workers(workers).build().unwrap()
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
    // It may have ended by itself.
    let _ = status.unwrap();
}

fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// A file that tasks write to, to tell that they ran; removed at the end.
struct Mark(PathBuf);

impl Mark {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ori-mark-{}-{number}", std::process::id()));
        fs::write(&path, []).unwrap();
        Self(path)
    }

    fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    fn count(&self) -> usize {
        count(&self.path())
    }

    /// Waits until this many tasks have begun.
    fn wait_for(&self, tasks: usize) {
        ori_test_support::wait_until(LONG, || self.count() >= tasks);
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A task has begun; how many have.
fn mark(path: &str) -> usize {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"x").unwrap();
    count(path)
}

fn count(path: &str) -> usize {
    usize::try_from(fs::metadata(path).unwrap().len()).unwrap()
}

/// Never returns.
fn stall() -> ! {
    loop {
        std::thread::park();
    }
}
