//! The command line: arguments in, report out.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use lexopt::prelude::*;
use ori::aio::{WriteOptions, json_save, srun};
use ori::poolchain::Recorder;

use super::progress::Bar;
use super::search::{Workers, search};

const HELP: &str = "\
Finds identical files below one or more folders, and the space that they waste.

Usage: find_duplicates [OPTIONS] FOLDER...

    --isolate          read files to their end in worker processes: what kills one costs one file
    --json FILE        also write the report as JSON
    --threads N        threads for each of the three stages [default: one for each processor]
    --timeline FILE    draw what the stages did, as an SVG
    --trace FILE       write what the stages did, for ui.perfetto.dev
    -h, --help         this text

Ends with 0 when all files could be read, 1 when some could not, 2 when the search was not possible.
";

/// All files could be read.
const ALL_READ: u8 = 0;
/// Some files could not be read; the report says which.
const SOME_UNREAD: u8 = 1;
/// There is no report.
const NO_REPORT: u8 = 2;

struct Arguments {
    roots: Vec<PathBuf>,
    json: Option<PathBuf>,
    timeline: Option<PathBuf>,
    trace: Option<PathBuf>,
    workers: Workers,
}

/// Runs the program and gives its exit status.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> u8 {
    let outcome = match parse(arguments) {
        Ok(Some(arguments)) => report(&arguments, out),
        Ok(None) => out.write_all(HELP.as_bytes()).and_then(|()| out.flush()).map(|()| ALL_READ),
        Err(error) => Err(io::Error::other(format!("{error}\n\n{HELP}"))),
    };
    match outcome {
        Ok(status) => status,
        // Whoever reads the report has had enough of it: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ALL_READ,
        Err(error) => {
            // If this cannot be written either, the exit status must do.
            let _ = writeln!(errors, "find_duplicates: {error}");
            NO_REPORT
        }
    }
}

/// The arguments; `None` when help is wanted.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Arguments>, lexopt::Error> {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = Workers { count, isolated: false };
    let mut parsed = Arguments { roots: Vec::new(), json: None, timeline: None, trace: None, workers };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("json") => parsed.json = Some(parser.value()?.into()),
            Long("timeline") => parsed.timeline = Some(parser.value()?.into()),
            Long("trace") => parsed.trace = Some(parser.value()?.into()),
            Long("isolate") => parsed.workers.isolated = true,
            Long("threads") => parsed.workers.count = parser.value()?.parse()?,
            Value(root) => parsed.roots.push(root.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if parsed.roots.is_empty() {
        return Err("which folder?".into());
    }
    Ok(Some(parsed))
}

fn report(arguments: &Arguments, out: &mut impl Write) -> io::Result<u8> {
    let recorder = Recorder::new();
    let report = search(&arguments.roots, arguments.workers, &recorder, Arc::new(Bar::new()))?;
    arguments.timeline.as_ref().map_or(Ok(()), |path| recorder.write_timeline(path))?;
    arguments.trace.as_ref().map_or(Ok(()), |path| recorder.write_trace(path))?;
    if let Some(path) = &arguments.json {
        // Whoever reads the file meanwhile sees the old report or the whole new one.
        srun(async |cx| json_save(path, &report, WriteOptions::new().pretty(), cx).await)?;
    }
    write!(out, "{report}")?;
    out.flush()?;
    Ok(if report.errors.is_empty() { ALL_READ } else { SOME_UNREAD })
}
