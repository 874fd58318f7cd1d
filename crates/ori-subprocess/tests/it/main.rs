//! The promises of ori-subprocess, through its public API.

mod ends;
mod lines;
mod load;
mod options;
mod stopping;
mod stream;
mod troubles;

use std::sync::{Arc, Mutex};
use std::time::Duration;

/// No test waits longer than this for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// A list that a callback fills and the test reads.
#[derive(Clone, Debug, Default)]
struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Seen<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn push(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A shell script as a command.
fn sh(script: &str) -> [&str; 3] {
    ["sh", "-c", script]
}

/// The processes of a group that are there and have not ended.
fn members(group: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let pid = entry.unwrap().file_name().to_string_lossy().into_owned();
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<_> = fields.split_ascii_whitespace().collect();
        if fields[0] != "Z" && fields[2] == group.to_string() {
            found.push(stat);
        }
    }
    found
}
