//! Contestants that are Python programs: a program that reads how much to do and writes what came out.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use crate::contest::Run;

/// The process pool of Python's standard library.
const POOL: &str = include_str!("python/pool.py");

/// mt.aio, of which our `mt-aio` is the likeness in Rust.
const AIO: &str = include_str!("python/aio.py");

/// Why no Python program can take part here, if so.
pub(crate) fn missing() -> Option<String> {
    static REASON: OnceLock<Option<String>> = OnceLock::new();
    REASON.get_or_init(|| without("import concurrent.futures")).clone()
}

/// Why mt.aio cannot take part here, if so.
pub(crate) fn aio_missing() -> Option<String> {
    static REASON: OnceLock<Option<String>> = OnceLock::new();
    let reason = || Some(without("import mt.aio")? + " (`pip install mtbase` brings `mt.aio`)");
    REASON.get_or_init(reason).clone()
}

/// mt.aio at this task.
pub(crate) fn aio(arguments: &[&str], items: u64) -> Run {
    program(AIO, arguments, items)
}

/// Why a program that needs this cannot run, if so.
fn without(import: &str) -> Option<String> {
    let output = Command::new("python3").args(["-c", import]).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            Some(format!("`python3` says: {}", text.lines().last().unwrap_or("nothing")))
        }
        Err(error) => Some(format!("`python3` cannot be started: {error}")),
    }
}

/// The pool of the standard library at this task, in a process that holds so many bytes.
pub(crate) fn pool(task: &str, ballast: usize, items: u64) -> Run {
    program(POOL, &[task, &ballast.to_string()], items)
}

/// A program that answers the line `items` with its answer, then with a line when it has tidied up.
fn program(text: &str, arguments: &[&str], items: u64) -> Run {
    let mut python = Python::start(text, arguments);
    Box::new(move |clock| {
        python.say(items);
        let answer = python.hear().parse().expect("a number");
        clock.aside(|| python.hear());
        answer
    })
}

struct Python {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Python {
    fn start(text: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("python3");
        let command = command.args(["-c", text]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it was there before");
        let output = child.stdout.take().expect("its output is piped");
        Self { input: child.stdin.take(), output: BufReader::new(output).lines(), child }
    }

    fn say(&mut self, items: u64) {
        let input = self.input.as_mut().expect("it is open until the end");
        writeln!(input, "{items}").expect("the program reads");
    }

    fn hear(&mut self) -> String {
        self.output.next().expect("the program goes on").expect("text")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its input ends the program.
        self.input = None;
        let _ = self.child.wait();
    }
}
