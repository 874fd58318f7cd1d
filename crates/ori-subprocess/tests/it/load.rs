//! Many commands, slow callbacks, and nothing left of them.

use std::time::Duration;

use ori_subprocess::{run_process, run_process_in_background};
use ori_test_support::{LeakCheck, alone, alone_with, wait_until, within};

use crate::{LIMIT, Seen, sh};

#[test]
fn a_slow_callback_holds_the_command_back() {
    within(LIMIT, || {
        let (unblock, blocked) = std::sync::mpsc::channel::<()>();
        let process =
            run_process_in_background(["yes"]).stdout_function(move |_| _ = blocked.recv()).start().unwrap();
        let written = || {
            let io = std::fs::read_to_string(format!("/proc/{}/io", process.pid())).unwrap();
            let wchar = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
            wchar.parse::<u64>().unwrap()
        };
        let mut last = 0;
        let mut still = 0;
        wait_until(LIMIT, || {
            let now = written();
            still = if now > 0 && now == last { still + 1 } else { 0 };
            last = now;
            still >= 200
        });
        assert!(last < 1_000_000, "{last} bytes were written though nobody took them");
        process.kill();
        drop(unblock);
    });
}

#[test]
fn many_commands_leave_no_thread_no_descriptor_and_no_zombie() {
    alone("load::many_commands_leave_no_thread_no_descriptor_and_no_zombie", || {
        // The threads that all commands share exist from the first one on.
        run_process(["true"]).output().unwrap();
        let check = LeakCheck::start().unwrap();
        for round in 0..60 {
            run_process(["true"]).output().unwrap();
            let process = run_process_in_background(sh("echo x; exec sleep 100"))
                .stdout_function(|_| ())
                .timeout(Duration::from_secs(3600))
                .start()
                .unwrap();
            match round % 3 {
                0 => drop(process),
                1 => {
                    process.terminate();
                    process.join().unwrap();
                }
                _ => {
                    process.kill();
                    process.detach();
                }
            }
            drop(run_process(["yes"]).lines().unwrap());
        }
        check.finish();
    });
}

#[test]
fn hundreds_of_commands_run_at_once() {
    alone_with("load::hundreds_of_commands_run_at_once", "ulimit -n 1024", || {
        within(LIMIT, || {
            let seen = Seen::new();
            let start = |n: usize| {
                let function = seen.clone();
                run_process_in_background(sh(&format!("echo {n}; exec cat")))
                    .stdout_function(move |line| function.push(line.parse::<usize>().unwrap()))
                    .stderr_function(|_| ())
                    .start()
                    .unwrap()
            };
            let processes: Vec<_> = (0..250).map(start).collect();
            for process in processes {
                assert!(process.join().unwrap().drained);
            }
            let mut all = seen.take();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..250));
        });
    });
}

#[test]
fn running_out_of_descriptors_is_an_error_and_leaves_nothing() {
    alone_with("load::running_out_of_descriptors_is_an_error_and_leaves_nothing", "ulimit -n 64", || {
        within(LIMIT, || {
            run_process(["true"]).output().unwrap();
            let check = LeakCheck::start().unwrap();
            let mut running = Vec::new();
            let error = loop {
                let builder = run_process_in_background(["sleep", "100"]).stdout_function(|_| ());
                match builder.stderr_function(|_| ()).start() {
                    Ok(process) => running.push(process),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ori_subprocess::ErrorKind::Spawn);
            assert!(running.len() > 5);
            drop(running);
            check.finish();
        });
    });
}
