//! How a command ended, and what could not be started.

use std::path::Path;

use ori_subprocess::{ErrorKind, OriError, ProcessBuilder, run_process, run_process_in_background};
use ori_test_support::{children, within};

use crate::{LIMIT, sh};

fn spawn_error(builder: ProcessBuilder) -> OriError {
    builder.start().map(drop).unwrap_err()
}

#[test]
fn exit_code_and_signal_are_reported() {
    within(LIMIT, || {
        for code in [0, 1, 42, 255] {
            let exit = run_process(sh(&format!("exit {code}"))).output().unwrap().exit;
            assert_eq!((exit.code, exit.signal, exit.killed), (Some(code), None, false));
        }
        // Not SIGHUP, which a command ignores when its parents do, as under `nohup`.
        for signal in [9, 10, 15] {
            let process = run_process_in_background(sh(&format!("kill -{signal} $$"))).start().unwrap();
            let exit = process.join().unwrap();
            assert_eq!((exit.code, exit.signal, exit.killed), (None, Some(signal), false));
            assert_eq!(process.exit(), Some(exit));
            assert_eq!(process.exit_code(), None);
        }
    });
}

#[test]
fn a_command_that_is_not_found_is_an_error_that_names_it() {
    let error = spawn_error(run_process_in_background(["no-such-program", "-x"]));
    assert_eq!(error.kind(), ErrorKind::Spawn);
    assert_eq!(error.command(), Some("no-such-program -x"));
    assert_eq!(error.path(), Some(Path::new("no-such-program")));
    assert!(error.to_string().contains("not found"), "{error}");
    assert!(!error.to_string().contains("a list of words"), "{error}");

    let error = spawn_error(run_process_in_background(["no-such-program -x"]));
    assert!(error.to_string().contains("a list of words"), "{error}");
}

#[test]
fn a_file_that_is_not_executable_is_an_error_that_names_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = spawn_error(run_process_in_background([&path]));
    assert_eq!(error.kind(), ErrorKind::Spawn);
    assert_eq!(error.path(), Some(&*path));
    assert!(error.to_string().contains("may not be executed"), "{error}");
}

#[test]
fn a_missing_folder_is_told_from_a_missing_program() {
    let error = spawn_error(run_process_in_background(["true"]).current_dir("/no/such/folder"));
    assert_eq!(error.kind(), ErrorKind::Spawn);
    assert_eq!(error.path(), Some(Path::new("/no/such/folder")));
}

#[test]
fn an_empty_command_is_a_validation_error() {
    assert!(spawn_error(run_process_in_background([""; 0])).is_validation());
    assert!(spawn_error(run_process_in_background([""])).is_validation());
    let error = spawn_error(run_process_in_background(["true", "a\0b"]));
    assert!(error.is_validation() && error.to_string().contains("zero byte"), "{error}");
}

#[test]
fn bad_options_are_validation_errors_that_name_the_option() {
    let zero = std::time::Duration::ZERO;
    let cases = [
        ("timeout", run_process(["true"]).timeout(zero)),
        ("max_line_bytes", run_process(["true"]).max_line_bytes(0)),
        ("merge_stderr", run_process(["true"]).merge_stderr().stderr_function(|_| ())),
        ("env", run_process(["true"]).env("A=B", "1")),
        ("env", run_process(["true"]).env("A", "\0")),
        ("current_dir", run_process(["true"]).current_dir("\0")),
    ];
    for (option, builder) in cases {
        let error = builder.output().unwrap_err();
        assert!(error.is_validation() && error.to_string().contains(option), "{option}: {error}");
        assert_eq!(error.command(), Some("true"));
    }
}

#[test]
fn what_could_not_be_started_leaves_no_process() {
    ori_test_support::alone("ends::what_could_not_be_started_leaves_no_process", || {
        for _ in 0..100 {
            spawn_error(run_process_in_background(["no-such-program"]));
            spawn_error(run_process_in_background(["true"]).timeout(std::time::Duration::ZERO));
        }
        assert_eq!(children().unwrap(), 0);
    });
}

#[test]
fn a_failed_check_is_an_error_with_the_last_line_of_stderr() {
    within(LIMIT, || {
        let script = "echo first >&2; echo the reason >&2; exit 7";
        for error in [
            run_process(sh(script)).check().output().unwrap_err(),
            run_process_in_background(sh(script)).check().start().unwrap().join().unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::ExitStatus);
            assert_eq!(error.exit_code(), Some(7));
            assert!(error.pid().is_some());
            assert!(error.to_string().ends_with("exit status 7; the last it said: the reason"), "{error}");
        }
        let error = run_process(sh("kill -9 $$")).check().output().unwrap_err();
        assert_eq!((error.exit_code(), error.signal()), (None, Some(9)));
        assert!(run_process(["true"]).check().output().unwrap().exit.success());
    });
}

#[test]
fn join_may_be_called_by_many_and_again() {
    within(LIMIT, || {
        let process = run_process_in_background(sh("exit 5")).check().start().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(process.join().unwrap_err().exit_code(), Some(5)));
            }
        });
        assert_eq!(process.exit_code(), Some(5));
    });
}

#[test]
fn functions_are_dropped_when_join_returns() {
    within(LIMIT, || {
        let (sender, receiver) = std::sync::mpsc::channel();
        let process = run_process_in_background(["seq", "1", "3"])
            .stdout_function(move |line| sender.send(line.to_owned()).unwrap())
            .start()
            .unwrap();
        process.join().unwrap();
        // Ends only because the sender is gone.
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
        assert_eq!(receiver.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
    });
}
