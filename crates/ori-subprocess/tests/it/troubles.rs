//! What goes wrong while a command runs.

use ori_subprocess::{ErrorKind, OriError, run_process, run_process_in_background};
use ori_test_support::within;

use crate::{LIMIT, Seen, sh};

#[test]
fn a_callback_that_panics_is_reported_and_later_lines_arrive() {
    within(LIMIT, || {
        let (lines, errors) = (Seen::new(), Seen::new());
        let (on_line, on_error) = (lines.clone(), errors.clone());
        let process = run_process_in_background(["seq", "1", "1000"])
            .stdout_function(move |line| {
                assert!(line != "7" && line != "8" && line != "1000", "no {line}");
                on_line.push(line.to_owned());
            })
            .exception_function(move |error: &OriError| {
                let place = error.panic_location().unwrap().to_owned();
                on_error.push((error.kind(), error.panic_message().unwrap().to_owned(), place, error.pid()));
            })
            .start()
            .unwrap();
        assert!(process.join().unwrap().success());
        assert_eq!(lines.len(), 997);
        let errors = errors.take();
        let messages: Vec<_> = errors.iter().map(|(_, message, ..)| message.as_str()).collect();
        assert_eq!(messages, ["no 7", "no 8", "no 1000"]);
        for (kind, _, place, pid) in &errors {
            assert_eq!((*kind, *pid), (ErrorKind::Panicked, Some(process.pid())));
            assert!(place.contains("troubles.rs:"), "{place}");
        }
    });
}

#[test]
fn panics_in_byte_line_and_mangled_text_callbacks_cost_their_line_only() {
    within(LIMIT, || {
        for which in 0..3 {
            let lines = Seen::new();
            let on_line = lines.clone();
            let mut count = 0;
            let mut take = move |line: &[u8]| {
                count += 1;
                assert!(count != 2, "the second");
                on_line.push(line.to_vec());
            };
            let builder =
                run_process_in_background(["printf", "a\\nb\\n\\377\\nd"]).exception_function(|_| ());
            let builder = match which {
                0 => builder.stdout_bytes_function(take),
                1 => builder.stdout_line_function(move |line| take(line.bytes())),
                _ => builder.stdout_function(move |line| take(line.as_bytes())),
            };
            builder.start().unwrap().join().unwrap();
            let third = if which == 2 { "\u{fffd}".as_bytes() } else { b"\xff" };
            assert_eq!(lines.take(), [b"a", third, b"d"]);
        }
    });
}

#[test]
fn without_an_exception_function_the_first_panic_is_the_error_of_join() {
    within(LIMIT, || {
        let start = || {
            run_process_in_background(["seq", "1", "3"])
                .stdout_function(|line| panic!("no {line}"))
                .start()
                .unwrap()
        };
        let process = start();
        for _ in 0..2 {
            let error = process.join().unwrap_err();
            assert_eq!(error.panic_message(), Some("no 1"));
            assert_eq!(error.command(), Some("seq 1 3"));
        }
        assert_eq!(process.exit_code(), Some(0));
        let error = run_process(["echo"]).stdout_function(|_| panic!("x")).output().unwrap_err();
        assert!(error.is_panic());
    });
}

#[test]
fn a_panic_in_the_exception_function_is_contained() {
    within(LIMIT, || {
        let lines = Seen::new();
        let on_line = lines.clone();
        let process = run_process_in_background(["seq", "1", "5"])
            .stdout_function(move |line| {
                on_line.push(line.to_owned());
                panic!("first");
            })
            .exception_function(|_| panic!("second"))
            .start()
            .unwrap();
        assert!(process.join().unwrap().success());
        assert_eq!(lines.len(), 5);
    });
}

#[test]
fn time_limits_and_failed_checks_reach_the_exception_function_too() {
    within(LIMIT, || {
        let kinds = Seen::new();
        for _ in 0..2 {
            let on_error = kinds.clone();
            let builder = if kinds.len() == 0 {
                run_process_in_background(["sleep", "100"]).timeout(std::time::Duration::from_millis(10))
            } else {
                run_process_in_background(sh("exit 1")).check()
            };
            let process =
                builder.exception_function(move |error| on_error.push(error.kind())).start().unwrap();
            process.join().unwrap_err();
        }
        assert_eq!(kinds.take(), [ErrorKind::TimedOut, ErrorKind::ExitStatus]);
    });
}
