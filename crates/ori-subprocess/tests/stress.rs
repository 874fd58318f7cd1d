//! The promises of ori-subprocess in full: 1,000 runs, 10,000 commands, 1,000 at once.
//!
//! `ORI_STRESS_CHAINS` is the number of commands of the largest part, 10,000 unless it is given;
//! nothing in here is random.
#![expect(clippy::print_stdout, reason = "a stress run says what it did")]

use std::env;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ori_subprocess::{run_process, run_process_in_background};
use ori_test_support::{BusyLoad, LeakCheck};

const MARK: &str = "ORI_STRESS_LIMITED";

fn main() -> ExitCode {
    if env::var_os(MARK).is_none() {
        // Again, with the limit that a thousand commands at once must fit into.
        let program = env::current_exe().expect("this program has a path");
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 4096; exec \"$0\""]).arg(program).env(MARK, "1");
        let status = command.status().expect("there is a shell");
        return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let commands: usize =
        env::var("ORI_STRESS_CHAINS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    run_process(["true"]).output().expect("`true` runs");
    let check = LeakCheck::start().expect("there is /proc");
    timed("runs of seq lose no byte", || lose_no_byte(commands / 10));
    {
        let _load = BusyLoad::start();
        timed("runs of seq lose no byte with every processor busy", || lose_no_byte(commands / 100));
    }
    timed("commands leave nothing", || leave_nothing(commands));
    timed("commands at once", || at_once(commands.min(1_000)));
    check.finish();
    ExitCode::SUCCESS
}

fn timed(what: &str, part: impl FnOnce() -> usize) {
    let start = Instant::now();
    let count = part();
    println!("{count} {what}: {:.1} s", start.elapsed().as_secs_f64());
}

/// Both forms of callbacks, whole and with one stream closed early.
fn lose_no_byte(runs: usize) -> usize {
    let expected: Vec<u8> = (1..=12_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let scripts = ["exec seq 1 12000", "exec 2>&-; exec seq 1 12000", "exec 1>&-; exec seq 1 12000 >&2"];
    let mut count = 0;
    for run in 0..runs {
        for script in scripts {
            for text in [false, true] {
                let got = Arc::new(Mutex::new(Vec::new()));
                let push = {
                    let got = Arc::clone(&got);
                    move |line: &[u8]| got.lock().unwrap().extend([line, b"\n"].concat())
                };
                let builder = run_process_in_background(["sh", "-c", script]);
                let builder = match (text, script.contains(">&2")) {
                    (false, false) => builder.stdout_bytes_function(push).stderr_bytes_function(|_| ()),
                    (true, false) => {
                        builder.stdout_function(move |line| push(line.as_bytes())).stderr_function(|_| ())
                    }
                    (false, true) => builder.stderr_bytes_function(push).stdout_bytes_function(|_| ()),
                    (true, true) => {
                        builder.stderr_function(move |line| push(line.as_bytes())).stdout_function(|_| ())
                    }
                };
                let exit = builder.start().unwrap().join().unwrap();
                assert!(exit.drained, "run {run}: {exit:?}");
                assert!(*got.lock().unwrap() == expected, "run {run} of `{script}` lost something");
                count += 1;
            }
        }
    }
    count
}

fn leave_nothing(commands: usize) -> usize {
    let check = LeakCheck::start().expect("there is /proc");
    for n in 0..commands {
        let builder = run_process_in_background(["echo", "x"]).stdout_function(|_| ());
        let process = builder.start().unwrap();
        match n % 4 {
            0 => drop(process),
            1 => process.detach(),
            2 => {
                process.terminate();
                process.join().unwrap();
            }
            _ => assert!(process.join().unwrap().success()),
        }
    }
    check.finish();
    commands
}

fn at_once(commands: usize) -> usize {
    let lines = Arc::new(AtomicU64::new(0));
    let start = |_| {
        let lines = Arc::clone(&lines);
        let count = move |_: &[u8]| _ = lines.fetch_add(1, Ordering::Relaxed);
        run_process_in_background(["sh", "-c", "echo up; exec sleep 100"])
            .stdout_bytes_function(count)
            .stderr_bytes_function(|_| ())
            .start()
            .unwrap()
    };
    let processes: Vec<_> = (0..commands).map(start).collect();
    assert!(processes.iter().all(|process| process.is_alive()));
    ori_test_support::wait_until(std::time::Duration::from_secs(60), || {
        lines.load(Ordering::Relaxed) == commands as u64
    });
    for process in &processes {
        process.terminate();
    }
    for process in processes {
        assert_eq!(process.join().unwrap().signal, Some(15));
    }
    commands
}
