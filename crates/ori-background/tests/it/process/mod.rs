//! What process pools promise, each under its own name.

mod codec;
mod death;
mod large;
mod life;
mod limits;
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
