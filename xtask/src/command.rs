//! One command of a step: shown as a shell would take it, run in the workspace root under a time
//! limit.
//!
//! The output goes straight to the terminal, colours and test counts included. A command that
//! outlives its limit is killed with everything it started: `cargo test` is only the parent of
//! the test program that hangs.

use std::fmt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A program, its arguments, what is added to its environment, and how long it may take.
#[derive(Debug, Clone)]
pub(crate) struct Cmd {
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    limit: Duration,
    expected: Option<String>,
}

impl Cmd {
    /// A command without arguments that may run for 20 minutes.
    pub(crate) fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            limit: Duration::from_secs(20 * 60),
            expected: None,
        }
    }

    /// `cargo` with arguments separated by spaces.
    pub(crate) fn cargo(args: &str) -> Self {
        Self::new("cargo").args(args.split_whitespace())
    }

    /// Adds arguments.
    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable of the command's environment.
    pub(crate) fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.retain(|(other, _)| other != name);
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets how long the command may take.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets what must be in the output for [`succeeds`](Self::succeeds).
    pub(crate) fn expecting(mut self, text: &str) -> Self {
        self.expected = Some(text.to_owned());
        self
    }

    /// Whether the command runs, succeeds and prints what is expected; its output is not shown.
    pub(crate) fn succeeds(&self, root: &Path) -> bool {
        let Ok(output) = self.prepare(root).output() else { return false };
        let text = self.expected.as_deref().unwrap_or("");
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(text)
    }

    /// The standard output of the command, if it succeeds; what it complains about is shown.
    pub(crate) fn output(&self, root: &Path) -> Option<String> {
        let output = self.prepare(root).stderr(Stdio::inherit()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs the command to its end or its limit.
    ///
    /// # Errors
    /// What went wrong, as the table shows it: it did not start, its exit code, or its limit.
    pub(crate) fn run(&self, root: &Path) -> Result<(), String> {
        let mut child = self
            .prepare(root)
            .spawn()
            .map_err(|error| format!("`{}` did not start: {error}", self.program))?;
        let deadline = Instant::now() + self.limit;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() >= deadline => {
                    kill_tree(&mut child);
                    return Err(format!("killed after {} s, its time limit", self.limit.as_secs()));
                }
                Ok(None) => std::thread::sleep(POLL),
                Err(error) => return Err(format!("waiting for it failed: {error}")),
            }
        };
        if status.success() { Ok(()) } else { Err(describe(status)) }
    }

    fn prepare(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(root).stdin(Stdio::null());
        // `cargo run` describes this package to its program; a cargo started from here must not
        // take that for its own surroundings, and an example not for its manifest.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
            {
                command.env_remove(name);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// `word` as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// Kills `child` and all its descendants, as far as the system tells who they are.
fn kill_tree(child: &mut Child) {
    let descendants = descendants(child.id(), &process_table());
    let _ = child.kill();
    let _ = child.wait();
    if !descendants.is_empty() {
        let ids: Vec<String> = descendants.iter().map(ToString::to_string).collect();
        let _ = Command::new("sh")
            .args(["-c", &format!("kill -9 {}", ids.join(" "))])
            .stderr(Stdio::null())
            .status();
    }
}

/// Every process with its parent, from `/proc`; empty where there is none.
fn process_table() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The program's name stands in parentheses and may hold anything; state and parent follow.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect()
}

fn descendants(root: u32, table: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        let children = table.iter().filter(|&&(id, its_parent)| its_parent == parent && !found.contains(&id));
        let children: Vec<u32> = children.map(|&(id, _)| id).collect();
        found.extend(children);
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_as_a_shell_reads_it() {
        let command = Cmd::cargo("test --workspace").args(["it's", "a b", ""]).env("SEED", 7);
        assert_eq!(command.to_string(), r"SEED=7 cargo test --workspace 'it'\''s' 'a b' ''");
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let table = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 9)];
        assert_eq!(descendants(2, &table), [3, 4]);
        assert_eq!(descendants(6, &table), [0_u32; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_probe_can_want_a_certain_version() {
        let probe = Cmd::new("echo").args(["rustc 1.95.0"]);
        assert!(probe.succeeds(Path::new(".")));
        assert!(probe.clone().expecting("rustc 1.95.").succeeds(Path::new(".")));
        assert!(!probe.expecting("rustc 1.9.").succeeds(Path::new(".")));
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_command_tells_its_exit_code() {
        let error = Cmd::new("sh").args(["-c", "exit 3"]).run(Path::new(".")).unwrap_err();
        assert_eq!(error, "exit code 3");
    }

    #[test]
    fn a_command_that_does_not_exist_is_an_error() {
        let error = Cmd::new("no-such-program-of-ori").run(Path::new(".")).unwrap_err();
        assert!(error.contains("did not start"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_command_past_its_limit_is_killed_with_its_children() {
        let limit = Duration::from_millis(300);
        // The outer shell waits for an inner one whose sleep carries a number of its own.
        let error = Cmd::new("sh")
            .args(["-c", "sh -c 'sleep 86417; :'; :"])
            .limit(limit)
            .run(Path::new("."))
            .unwrap_err();
        assert!(error.contains("time limit"), "{error}");

        let deadline = Instant::now() + Duration::from_secs(10);
        while is_running("86417") {
            assert!(Instant::now() < deadline, "the grandchild outlived the command");
            std::thread::yield_now();
        }
    }

    /// Whether a `sleep` with this argument is alive (a zombie has no command line any more).
    #[cfg(target_os = "linux")]
    fn is_running(argument: &str) -> bool {
        process_table().iter().any(|(id, _)| {
            std::fs::read(format!("/proc/{id}/cmdline"))
                .is_ok_and(|line| line == format!("sleep\0{argument}\0").as_bytes())
        })
    }
}
