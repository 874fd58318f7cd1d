//! Stopping a command stops all of it.

use std::time::{Duration, Instant};

use ori_subprocess::{run_process, run_process_in_background};
use ori_test_support::{wait_until, within};

use crate::{LIMIT, Seen, members, sh};

/// Longer than any test runs: a test that waits for it has failed.
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn terminate_reaches_the_whole_group() {
    within(LIMIT, || {
        for _ in 0..20 {
            let process = run_process_in_background(sh("sleep 100 & sleep 100")).start().unwrap();
            wait_until(LIMIT, || members(process.pid()).len() >= 2);
            process.terminate();
            let exit = process.join().unwrap();
            assert_eq!((exit.signal, exit.killed), (Some(15), true));
            assert_eq!(members(process.pid()), [""; 0]);
        }
    });
}

#[test]
fn kill_reaches_the_whole_group() {
    within(LIMIT, || {
        let process = run_process_in_background(sh("sleep 100 & sleep 100")).start().unwrap();
        wait_until(LIMIT, || members(process.pid()).len() >= 2);
        process.kill();
        assert_eq!(process.join().unwrap().signal, Some(9));
        wait_until(LIMIT, || members(process.pid()).is_empty());
    });
}

/// Starts a script that ignores SIGTERM, and waits until it does.
fn stubborn(script: &str, grace: Duration) -> ori_subprocess::BackgroundProcess {
    let seen = Seen::new();
    let function = seen.clone();
    let process = run_process_in_background(sh(&format!("trap '' TERM; echo ready; {script}")))
        .stdout_function(move |line| function.push(line.to_owned()))
        .grace(grace)
        .start()
        .unwrap();
    wait_until(LIMIT, || seen.len() == 1);
    process
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_after_the_grace_period() {
    within(LIMIT, || {
        let process = stubborn("sleep 100; sleep 100", Duration::from_millis(50));
        process.terminate();
        assert_eq!(process.join().unwrap().signal, Some(9));
        assert_eq!(members(process.pid()), [""; 0]);
    });
}

#[test]
fn a_grace_period_of_zero_kills_at_once() {
    within(LIMIT, || {
        let process = stubborn("sleep 100; sleep 100", Duration::ZERO);
        process.terminate();
        assert_eq!(process.join().unwrap().signal, Some(9));
    });
}

#[test]
fn kill_does_not_wait_for_the_grace_period() {
    within(LIMIT, || {
        let process = stubborn("sleep 100; sleep 100", NEVER);
        process.terminate();
        process.kill();
        assert_eq!(process.join().unwrap().signal, Some(9));
    });
}

#[test]
fn what_outlives_its_leader_is_killed_after_the_grace_period() {
    within(LIMIT, || {
        // The leader ends at SIGTERM; its child ignores it and holds no pipe.
        let script = "(trap '' TERM; echo ready; exec sleep 100 >/dev/null 2>&1) & wait";
        let seen = Seen::new();
        let function = seen.clone();
        let process = run_process_in_background(sh(script))
            .stdout_function(move |line| function.push(line.to_owned()))
            .grace(Duration::from_millis(100))
            .start()
            .unwrap();
        wait_until(LIMIT, || seen.len() == 1);
        process.terminate();
        assert_eq!(process.join().unwrap().signal, Some(15));
        assert_eq!(members(process.pid()), [""; 0]);
    });
}

#[test]
fn a_command_may_end_by_itself_within_the_grace_period() {
    within(LIMIT, || {
        let script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
        let seen = Seen::new();
        let function = seen.clone();
        let process = run_process_in_background(sh(script))
            .stdout_function(move |line| function.push(line.to_owned()))
            .exit_code_on_killed(0)
            .start()
            .unwrap();
        wait_until(LIMIT, || seen.len() == 1);
        process.terminate();
        let exit = process.join().unwrap();
        // Its own exit code is worth more than the one that stands for none.
        assert_eq!((exit.code, exit.killed, exit.drained), (Some(3), true, true));
        assert_eq!(seen.take(), ["ready", "bye"]);
    });
}

#[test]
fn exit_code_on_killed_is_reported_for_what_was_killed() {
    within(LIMIT, || {
        let process = run_process_in_background(["sleep", "100"]).exit_code_on_killed(17).start().unwrap();
        process.terminate();
        let exit = process.join().unwrap();
        assert_eq!((exit.code, exit.signal, exit.killed), (Some(17), Some(15), true));
    });
}

#[test]
fn a_stopped_command_can_be_terminated() {
    within(LIMIT, || {
        let process = run_process_in_background(["sleep", "100"]).grace(NEVER).start().unwrap();
        let stop = run_process(["kill", "-STOP", &process.pid().to_string()]).check().output();
        assert!(stop.unwrap().exit.success());
        process.terminate();
        assert_eq!(process.join().unwrap().signal, Some(15));
    });
}

#[test]
fn dropping_the_handle_leaves_no_orphan() {
    within(LIMIT, || {
        let process = run_process_in_background(sh("sleep 100 & sleep 100")).start().unwrap();
        let pid = process.pid();
        wait_until(LIMIT, || members(pid).len() >= 2);
        drop(process);
        wait_until(LIMIT, || members(pid).is_empty());
    });
}

#[test]
fn dropping_the_handle_ends_what_the_command_left_behind() {
    within(LIMIT, || {
        let process = run_process_in_background(sh("sleep 100 & exit 0")).start().unwrap();
        let pid = process.pid();
        assert_eq!(process.join().unwrap().code, Some(0));
        assert_eq!(members(pid).len(), 1);
        drop(process);
        wait_until(LIMIT, || members(pid).is_empty());
    });
}

#[test]
fn output_leaves_nothing_behind() {
    within(LIMIT, || {
        let script = "echo $$; sleep 100 >/dev/null 2>&1 &";
        let output = run_process(sh(script)).output().unwrap();
        let pid: u32 = output.stdout_text().trim().parse().unwrap();
        wait_until(LIMIT, || members(pid).is_empty());
    });
}

#[test]
fn a_detached_command_runs_on_and_is_reaped() {
    within(LIMIT, || {
        let seen = Seen::new();
        let function = seen.clone();
        let process = run_process_in_background(sh("sleep 0.05; echo done"))
            .stdout_function(move |line| function.push(line.to_owned()))
            .start()
            .unwrap();
        let pid = process.pid();
        process.detach();
        wait_until(LIMIT, || seen.len() == 1);
        wait_until(LIMIT, || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    });
}

#[test]
fn a_pipe_kept_open_by_a_grandchild_does_not_hold_join_for_ever() {
    within(LIMIT, || {
        let seen = Seen::new();
        let function = seen.clone();
        let process = run_process_in_background(sh("echo one; sleep 100 & exit 4"))
            .stdout_function(move |line| function.push(line.to_owned()))
            .grace(Duration::from_millis(50))
            .start()
            .unwrap();
        let exit = process.join().unwrap();
        assert_eq!((exit.code, exit.killed, exit.drained), (Some(4), false, false));
        assert_eq!(seen.take(), ["one"]);
    });
}

#[test]
fn a_grandchild_that_writes_on_is_read_however_long_it_takes() {
    within(LIMIT, || {
        let seen = Seen::new();
        let function = seen.clone();
        // Writes for 20 × 50 ms after the end of the command: longer than the grace period, but
        // never idle for as long.
        let script = "(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 0.05; echo $i; done) & exit 0";
        let process = run_process_in_background(sh(script))
            .stdout_function(move |line| function.push(line.to_owned()))
            .grace(Duration::from_millis(800))
            .start()
            .unwrap();
        assert!(process.join().unwrap().drained);
        assert_eq!(seen.len(), 20);
    });
}

#[test]
fn a_time_limit_stops_the_command() {
    within(LIMIT, || {
        let limit = Duration::from_millis(50);
        let process = run_process_in_background(sh("sleep 100 & sleep 100")).timeout(limit).start().unwrap();
        let error = process.join().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!((error.pid(), error.signal()), (Some(process.pid()), Some(15)));
        assert!(process.exit().unwrap().killed);
        assert_eq!(members(process.pid()), [""; 0]);
        // One that is not reached changes nothing.
        assert!(run_process(["true"]).timeout(NEVER).output().unwrap().exit.success());
    });
}

#[test]
fn a_time_limit_and_a_kill_are_not_held_up_by_a_blocked_function() {
    within(LIMIT, || {
        let (unblock, blocked) = std::sync::mpsc::channel::<()>();
        let seen = Seen::new();
        let function = seen.clone();
        let process = run_process_in_background(sh("trap '' TERM; echo x; sleep 100; sleep 100"))
            .stdout_function(move |line| {
                function.push(line.to_owned());
                let _ = blocked.recv();
            })
            .timeout(Duration::from_millis(300))
            .grace(Duration::from_millis(50))
            .start()
            .unwrap();
        let pid = process.pid();
        // SIGTERM by the limit, SIGKILL by the grace period, while the function blocks the thread.
        wait_until(LIMIT, || members(pid).is_empty());
        drop(unblock);
        assert!(process.join().unwrap_err().is_timeout());
    });
}

#[test]
fn join_timeout_leaves_the_command_running() {
    within(LIMIT, || {
        let process = run_process_in_background(["sleep", "100"]).start().unwrap();
        let start = Instant::now();
        let error = process.join_timeout(Duration::from_millis(20)).unwrap_err();
        assert!(error.is_timeout() && start.elapsed() >= Duration::from_millis(20));
        assert!(process.is_alive() && process.exit().is_none());
        process.kill();
        assert_eq!(process.join_timeout(NEVER).unwrap().signal, Some(9));
    });
}

#[test]
fn signals_after_the_end_reach_nobody() {
    within(LIMIT, || {
        let process = run_process_in_background(["true"]).start().unwrap();
        let exit = process.join().unwrap();
        process.terminate();
        process.kill();
        assert_eq!(process.join().unwrap(), exit);
        assert!(!exit.killed);
    });
}
