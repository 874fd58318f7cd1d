//! From a [`ProcessBuilder`] to a command that runs.

use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use async_process::{Command, Stdio};
use ori_errors::__private::{event, span};
use ori_errors::{ErrorKind, OriError, Result, catch_panic};

use crate::group::{Cause, Group};
use crate::process::Shared;
use crate::pump::{Outcome, Pump, PumpOptions, Reader};
use crate::sink::{Failure, Sink, Troubles};
use crate::system;
use crate::{BackgroundProcess, Exit, Output, ProcessBuilder};

/// Starts a thread, which starts the command and serves it.
///
/// The thread starts it, and not the caller, because a command that dies with its parent dies with
/// the thread that started it.
pub(crate) fn in_background(builder: ProcessBuilder) -> Result<BackgroundProcess> {
    builder.validate()?;
    let shown = builder.shown();
    let (sender, receiver) = mpsc::sync_channel(1);
    let serve = move || {
        let pump = match spawn(builder) {
            Ok(pump) => pump,
            Err(error) => return drop(sender.send(Err(error))),
        };
        let shared = Shared::new(&pump);
        // The caller waits for this, so it is received.
        let _ = sender.send(Ok(BackgroundProcess::new(shared.clone())));
        shared.end(run(pump));
    };
    let thread = thread::Builder::new().name("ori-subprocess".to_owned()).spawn(serve);
    if let Err(error) = thread {
        let message = "the thread that serves it cannot be started";
        return Err(OriError::new(ErrorKind::Spawn, message).with_command(shown).with_source(error));
    }
    receiver.recv().unwrap_or_else(|_| {
        Err(OriError::new(ErrorKind::Spawn, "the thread that serves it ended").with_command(shown))
    })
}

pub(crate) fn on_this_thread(builder: ProcessBuilder) -> Result<Output> {
    builder.validate()?;
    let pump = spawn(builder)?;
    let shared = Shared::new(&pump);
    let outcome = run(pump);
    // Nobody will have a handle to stop what the command has left behind.
    shared.group.kill();
    shared.result(&outcome)?;
    Ok(Output { exit: outcome.exit, stdout: outcome.stdout, stderr: outcome.stderr })
}

/// Runs it to its end. A panic in here would be a fault of ours (those of users are caught where
/// their functions are called); even then nobody waits for ever and nothing is left running.
fn run(mut pump: Pump) -> Outcome {
    let group = pump.group.clone();
    let (program, pid) = (std::mem::take(&mut pump.program), pump.child.id());
    let (started, limit) = (Instant::now(), pump.options.time_limit);
    let span = span!(DEBUG, "command", program = &*program.to_string_lossy(), pid = pid);
    event!(in &span, DEBUG, "command started", program = &*program.to_string_lossy(), pid = pid);
    // The functions of the user are called in there.
    let outcome = span.in_scope(|| catch_panic(|| async_io::block_on(pump.run())));
    let outcome = outcome.unwrap_or_else(|panic| {
        group.kill();
        Outcome {
            exit: Exit { code: None, signal: None, killed: true, drained: false },
            failure: Some(Failure::of(&panic)),
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    });
    if group.stopped() == Some(Cause::TimeLimit) {
        event!(
            in &span, WARN, "command timed out",
            program = &*program.to_string_lossy(), pid = pid,
            limit_s = limit.map(|limit| limit.as_secs_f64())
        );
    }
    let exit = outcome.exit;
    event!(
        in &span, DEBUG, "command ended",
        program = &*program.to_string_lossy(), pid = pid, exit_code = exit.code, signal = exit.signal,
        killed = exit.killed, drained = exit.drained, elapsed_s = started.elapsed().as_secs_f64()
    );
    outcome
}

fn spawn(mut builder: ProcessBuilder) -> Result<Pump> {
    let shown = builder.shown();
    if builder.check && builder.stderr.is_none() && !builder.merge_stderr {
        builder.stderr = Some(Sink::Tail(Vec::new()));
    }
    let mut command = prepare(&builder);
    command.stdin(if builder.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let piped = |sink: &Option<Sink>| if sink.is_some() { Stdio::piped() } else { Stdio::null() };
    command.stdout(piped(&builder.stdout)).stderr(piped(&builder.stderr));
    let merged = if builder.merge_stderr && builder.stdout.is_some() {
        Some(merge(&mut command).map_err(|error| {
            OriError::new(ErrorKind::Spawn, "no pipe for its output").with_command(&shown).with_source(error)
        })?)
    } else {
        None
    };
    let mut child = command.spawn().map_err(|error| not_started(&builder, error))?;
    // The command holds our copies of the pipe's writing end: the end would never be seen.
    drop(command);

    let stdout = merged.or_else(|| child.stdout.take().map(|pipe| Box::pin(pipe) as Reader));
    let stderr = child.stderr.take().map(|pipe| Box::pin(pipe) as Reader);
    Ok(Pump {
        program: builder.command.swap_remove(0),
        group: Group::new(child.id(), builder.grace, builder.time_limit),
        stdin: child.stdin.take().zip(builder.stdin.take()),
        stdout: stdout.zip(builder.stdout.take()),
        stderr: stderr.zip(builder.stderr.take()),
        troubles: Troubles::new(shown, child.id(), builder.exception.take()),
        options: PumpOptions {
            grace: builder.grace,
            time_limit: builder.time_limit,
            max_line: builder.max_line_bytes,
            check: builder.check,
            code_on_killed: builder.exit_code_on_killed,
        },
        child,
    })
}

/// One pipe for both streams is the only thing that keeps their order.
fn merge(command: &mut Command) -> io::Result<Reader> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    system::reader(reader)
}

fn prepare(builder: &ProcessBuilder) -> Command {
    let mut command = std::process::Command::new(&builder.command[0]);
    command.args(&builder.command[1..]);
    system::lead_group(&mut command);
    if let Some(path) = &builder.current_dir {
        command.current_dir(path);
    }
    if builder.env_clear {
        command.env_clear();
    }
    for (name, value) in &builder.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    #[cfg(target_os = "linux")]
    if builder.die_with_parent {
        crate::sys::die_with_parent(&mut command);
    }
    Command::from(command)
}

/// Says what was not found: the program, or the folder that it should run in.
fn not_started(builder: &ProcessBuilder, error: io::Error) -> OriError {
    let program = Path::new(&builder.command[0]);
    let missing_folder = builder.current_dir.as_deref().filter(|path| !path.is_dir());
    // A whole command line, given as the one word that a list of words begins with.
    let is_line = builder.command.len() == 1 && builder.command[0].to_string_lossy().contains(' ');
    let (path, message) = match (error.kind(), missing_folder) {
        (_, Some(folder)) => (folder, "current_dir is no folder that can be entered"),
        (io::ErrorKind::NotFound, None) if is_line => {
            (program, "the program was not found: a command is a list of words, such as [\"ls\", \"-l\"]")
        }
        (io::ErrorKind::NotFound, None) => (program, "the program was not found"),
        (io::ErrorKind::PermissionDenied, None) => (program, "the program may not be executed"),
        _ => (program, "the program cannot be started"),
    };
    OriError::new(ErrorKind::Spawn, message).with_command(builder.shown()).with_path(path).with_source(error)
}
