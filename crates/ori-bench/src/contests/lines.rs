//! Reading the lines of a command.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ori_subprocess::{run_process, run_process_in_background};

use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit};

/// `seq 1 n`; the answer is the number of bytes, line feeds included.
pub(crate) const LINES: Contest = Contest {
    id: "lines",
    title: "the lines of `seq 1 5000000`",
    item: "line",
    items: 5_000_000,
    smoke_items: 5_000,
    contestants: &[
        Contestant {
            name: "raw-read",
            about: "`read` of 64 KiB at a time, lines not looked for: what the pipe gives",
            prepare: |lines| Box::new(move |_| raw(lines)),
            ..PLAIN
        },
        Contestant {
            name: "ours-bytes",
            about: "`run_process_in_background(..).stdout_bytes_function(..)`",
            goal: Some(Limit::Times(1.15)),
            prepare: |lines| Box::new(move |_| ours(lines, Form::Bytes)),
            ..PLAIN
        },
        Contestant {
            name: "ours-text",
            about: "`run_process_in_background(..).stdout_function(..)`",
            goal: Some(Limit::Times(1.4)),
            prepare: |lines| Box::new(move |_| ours(lines, Form::Text)),
            ..PLAIN
        },
        Contestant {
            name: "ours-lines",
            about: "`run_process(..).lines()` in a `for` loop: a `String` a line",
            prepare: |lines| Box::new(move |_| owned(lines)),
            ..PLAIN
        },
        Contestant {
            name: "std",
            about: "`BufReader::lines` over `std::process`",
            prepare: |lines| Box::new(move |_| std_lines(lines)),
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "tokio",
            about: "tokio 1 `AsyncBufReadExt::lines` over `tokio::process`",
            peer: true,
            prepare: peers::tokio,
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "async-process",
            about: "async-process 2 with futures-lite `AsyncBufReadExt::lines`",
            peer: true,
            prepare: peers::async_process,
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "duct",
            about: "`BufReader::lines` over duct 1 `reader`",
            peer: true,
            prepare: peers::duct,
            ..PLAIN
        },
    ],
    ..TASK
};

fn raw(lines: u64) -> u64 {
    let mut child = seq(lines).spawn().expect("`seq` can be started");
    let mut pipe = child.stdout.take().expect("its output is piped");
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        match pipe.read(&mut buffer).expect("a pipe can be read") {
            0 => break,
            read => bytes += read as u64,
        }
    }
    child.wait().expect("it is our child");
    bytes
}

fn seq(lines: u64) -> Command {
    let mut command = Command::new("seq");
    command.args(["1", &lines.to_string()]).stdout(Stdio::piped());
    command
}

fn std_lines(lines: u64) -> u64 {
    use std::io::{BufRead as _, BufReader};
    let mut child = seq(lines).spawn().expect("`seq` can be started");
    let pipe = child.stdout.take().expect("its output is piped");
    let bytes = BufReader::new(pipe).lines().map(|line| line.expect("text").len() as u64 + 1).sum();
    child.wait().expect("it is our child");
    bytes
}

enum Form {
    Bytes,
    Text,
}

/// Counts without sharing, and shares the sum when the function is dropped, which is before `join` returns.
struct Count {
    bytes: u64,
    sum: Arc<AtomicU64>,
}

impl Count {
    fn add(&mut self, line: usize) {
        self.bytes += line as u64 + 1;
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.sum.store(self.bytes, Ordering::Release);
    }
}

fn ours(lines: u64, form: Form) -> u64 {
    let sum = Arc::new(AtomicU64::new(0));
    let mut count = Count { bytes: 0, sum: Arc::clone(&sum) };
    let builder = run_process_in_background(["seq", "1", &lines.to_string()]);
    let builder = match form {
        Form::Bytes => builder.stdout_bytes_function(move |line| count.add(line.len())),
        Form::Text => builder.stdout_function(move |line| count.add(line.len())),
    };
    let exit = builder.start().and_then(|process| process.join()).expect("`seq` can be run");
    assert!(exit.success(), "{exit:?}");
    sum.load(Ordering::Acquire)
}

fn owned(lines: u64) -> u64 {
    let lines = run_process(["seq", "1", &lines.to_string()]).lines().expect("`seq` can be started");
    lines.into_iter().map(|line| line.expect("text").len() as u64 + 1).sum()
}

#[cfg(feature = "peers")]
mod peers {
    use std::io::{BufRead as _, BufReader};

    use futures_lite::{AsyncBufReadExt as _, StreamExt as _};

    use crate::contest::Run;

    pub(super) fn tokio(lines: u64) -> Run {
        use tokio::io::AsyncBufReadExt as _;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Box::new(move |_| {
            runtime.block_on(async {
                let mut command = tokio::process::Command::new("seq");
                command.args(["1", &lines.to_string()]).stdout(std::process::Stdio::piped());
                let mut child = command.spawn().expect("`seq` can be started");
                let pipe = child.stdout.take().expect("its output is piped");
                let mut lines = tokio::io::BufReader::new(pipe).lines();
                let mut bytes = 0;
                while let Some(line) = lines.next_line().await.expect("text") {
                    bytes += line.len() as u64 + 1;
                }
                child.wait().await.expect("it is our child");
                bytes
            })
        })
    }

    pub(super) fn async_process(lines: u64) -> Run {
        Box::new(move |_| {
            futures_lite::future::block_on(async {
                let mut command = async_process::Command::new("seq");
                command.args(["1", &lines.to_string()]).stdout(async_process::Stdio::piped());
                let mut child = command.spawn().expect("`seq` can be started");
                let pipe = child.stdout.take().expect("its output is piped");
                let mut lines = futures_lite::io::BufReader::new(pipe).lines();
                let mut bytes = 0;
                while let Some(line) = lines.next().await {
                    bytes += line.expect("text").len() as u64 + 1;
                }
                child.status().await.expect("it is our child");
                bytes
            })
        })
    }

    pub(super) fn duct(lines: u64) -> Run {
        Box::new(move |_| {
            let reader = duct::cmd("seq", ["1", &lines.to_string()]).reader().expect("`seq` can be started");
            BufReader::new(reader).lines().map(|line| line.expect("text").len() as u64 + 1).sum()
        })
    }
}
