//! The leak gate: runs one test program or example, and fails it when it leaves anything behind.
//!
//! `cargo xtask test` makes this the runner of every program that cargo tests
//! (`CARGO_TARGET_<triple>_RUNNER`). The program gets a folder of its own for temporary files, and
//! a mark in its environment that everything it starts inherits, however far down and whoever is
//! its parent by then. When the program has ended, the folder must be empty and nobody with the
//! mark may be alive. Memory, threads and descriptors end with a process; those that leak inside of
//! one are found by the tests themselves (`LeakCheck`), and here when they pile up: a program fails
//! that had more of them at any time than all our tests together need.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

const MARK: &str = "ORI_LEAK_GATE";
/// The name of this task on the command line.
pub(crate) const TASK: &str = "gate";
/// Workers notice the end of their parent within a second; a busy machine takes longer.
const GRACE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// What a program that leaves something behind ends with, if it had no failure of its own.
const LEAKED: u8 = 97;

/// The most that a program may have at any time for each two processors, on which tests run side by
/// side: about twice what the one that needs most has, and what a leak in a loop of thousands reaches.
/// The descriptors are those of `ulimit -n 256`.
const MOST: Peaks = Peaks { kib: 1 << 20, threads: 400, descriptors: 256 };

/// What was left behind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Leftovers {
    files: Vec<String>,
    processes: Vec<Process>,
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    command: String,
}

/// The most that the program had at any time, as far as it was seen.
#[derive(Debug, Default)]
struct Peaks {
    kib: u64,
    threads: u64,
    descriptors: usize,
}

/// Runs the program that `args` begins with; the exit code is its own, unless it leaves something.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let Some(program) = args.next() else {
        eprintln!("error: the gate needs a program");
        return ExitCode::from(2);
    };
    let mut command = Command::new(&program);
    command.args(args);
    match guarded(command, GRACE) {
        Ok((status, peaks, leftovers)) => {
            let name = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy().into_owned();
            eprintln!("gate: {name} had {peaks} at most");
            let most = MOST.on(std::thread::available_parallelism().map_or(1, usize::from));
            let too_much = peaks.exceed(&most);
            if too_much {
                eprintln!("gate: {name} may have {most} at most");
            }
            if leftovers == Leftovers::default() && !too_much {
                return exit_code(status);
            }
            if leftovers != Leftovers::default() {
                eprint!("gate: {name} left behind:\n{leftovers}");
            }
            if status.success() { ExitCode::from(LEAKED) } else { exit_code(status) }
        }
        Err(error) => {
            eprintln!("error: the gate cannot run {}: {error}", Path::new(&program).display());
            ExitCode::from(2)
        }
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    // A signal is no exit code; any failure will do.
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::from(101), ExitCode::from)
}

/// Runs the command to its end, and waits up to `grace` until nothing of it is left.
fn guarded(mut command: Command, grace: Duration) -> io::Result<(ExitStatus, Peaks, Leftovers)> {
    let mark = format!("{}-{:?}", std::process::id(), std::thread::current().id());
    let folder = std::env::temp_dir().join(format!("ori-gate-{mark}"));
    fs::create_dir(&folder)?;
    let child = command.env(MARK, &mark).env("TMPDIR", &folder).spawn();
    let ended = child.and_then(watch);
    let begin = Instant::now();
    let leftovers = loop {
        let leftovers = Leftovers { files: files(&folder)?, processes: marked(&mark) };
        // Files that a process still writes go away with it, or not at all.
        if leftovers.processes.is_empty() || begin.elapsed() >= grace {
            break leftovers;
        }
        std::thread::sleep(LOOK);
    };
    for process in &leftovers.processes {
        let _ = Command::new("kill").args(["-9", &process.id.to_string()]).status();
    }
    fs::remove_dir_all(&folder)?;
    let (status, peaks) = ended?;
    Ok((status, peaks, leftovers))
}

fn watch(mut child: Child) -> io::Result<(ExitStatus, Peaks)> {
    let mut peaks = Peaks::default();
    loop {
        peaks.look_at(child.id());
        if let Some(status) = child.try_wait()? {
            return Ok((status, peaks));
        }
        std::thread::sleep(LOOK);
    }
}

impl Peaks {
    /// So many on a machine with so many processors.
    fn on(&self, processors: usize) -> Self {
        let pairs = processors.div_ceil(2).max(1);
        Self {
            kib: self.kib * pairs as u64,
            threads: self.threads * pairs as u64,
            descriptors: self.descriptors * pairs,
        }
    }

    /// Whether there is more of anything.
    fn exceed(&self, most: &Self) -> bool {
        self.kib > most.kib || self.threads > most.threads || self.descriptors > most.descriptors
    }

    fn look_at(&mut self, id: u32) {
        // It may have ended already.
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let field = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.kib = self.kib.max(field("VmHWM:").unwrap_or(0));
        self.threads = self.threads.max(field("Threads:").unwrap_or(0));
        let descriptors = fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count);
        self.descriptors = self.descriptors.max(descriptors);
    }
}

impl fmt::Display for Peaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mib, threads) = (self.kib.div_ceil(1024), self.threads);
        write!(f, "{mib} MiB, {threads} threads, {} descriptors", self.descriptors)
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.iter().try_for_each(|file| writeln!(f, "  file {file}"))?;
        self.processes
            .iter()
            .try_for_each(|process| writeln!(f, "  process {} {}", process.id, process.command))
    }
}

/// What stands in the folder, by name.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let mut names: Vec<String> = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

/// The processes with this mark in their environment. A zombie has none, and belongs to its parent.
fn marked(mark: &str) -> Vec<Process> {
    let entry = format!("{MARK}={mark}").into_bytes();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| {
        let environment = fs::read(format!("/proc/{id}/environ")).ok()?;
        environment.split(|byte| *byte == 0).any(|variable| variable == entry).then_some(())?;
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        Some(Process { id, command: command.trim_end().to_owned() })
    })
    .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn shell(script: &str) -> (ExitStatus, Peaks, Leftovers) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        guarded(command, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn a_program_that_cleans_up_passes() {
        let (status, peaks, leftovers) = shell("f=$(mktemp) && sleep 0.1 && rm $f && sleep 0.05 & wait");
        assert!(status.success());
        assert_eq!(leftovers, Leftovers::default());
        assert!(peaks.kib > 0 && peaks.threads == 1 && peaks.descriptors > 0, "{peaks}");
    }

    #[test]
    fn descriptors_that_pile_up_are_too_many() {
        let (_, few, _) = shell("sleep 0.1");
        let (_, many, _) = shell("for n in 3 4 5 6 7 8 9; do eval \"exec $n</dev/null\"; done; sleep 0.2");
        assert!(!few.exceed(&MOST.on(1)) && !many.exceed(&MOST.on(2)), "{few}, {many}");
        let most = Peaks { descriptors: few.descriptors + 6, ..MOST };
        assert!(many.exceed(&most) && !few.exceed(&most), "{few}, {many}");
    }

    #[test]
    fn each_two_processors_allow_as_much_again() {
        let most = MOST.on(8);
        assert_eq!((most.threads, most.descriptors), (4 * MOST.threads, 4 * MOST.descriptors));
        assert!(Peaks { kib: MOST.kib + 1, ..Peaks::default() }.exceed(&MOST));
        assert!(Peaks { threads: MOST.threads + 1, ..Peaks::default() }.exceed(&MOST));
        assert!(!MOST.exceed(&MOST));
    }

    #[test]
    fn a_file_that_is_left_is_found_and_removed() {
        let (_, _, leftovers) = shell("touch $TMPDIR/left; echo $TMPDIR > $TMPDIR/where");
        assert_eq!(leftovers.files, ["left", "where"]);
    }

    #[test]
    fn a_process_that_is_left_is_found_and_killed_whoever_its_parent_is() {
        let (status, _, leftovers) = shell("(setsid sleep 86419 &); exit 3");
        assert_eq!(status.code(), Some(3));
        let [process] = leftovers.processes.as_slice() else { panic!("{leftovers:?}") };
        assert_eq!(process.command, "sleep 86419");
        let begin = Instant::now();
        while fs::read(format!("/proc/{}/cmdline", process.id)).is_ok_and(|line| !line.is_empty()) {
            assert!(begin.elapsed() < Duration::from_secs(30), "it is still there");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_that_ends_late_is_waited_for() {
        let (_, _, leftovers) = shell("(sleep 0.3 &); exit 0");
        assert_eq!(leftovers, Leftovers::default());
    }
}
