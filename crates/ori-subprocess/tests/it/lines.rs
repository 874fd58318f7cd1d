//! Every byte arrives, in whole lines.

use ori_subprocess::{run_process, run_process_in_background};
use ori_test_support::{BusyLoad, within};

use crate::{LIMIT, Seen, sh};

/// The stress target runs the full number.
const RUNS: usize = 40;

fn seq_12000() -> Vec<u8> {
    (1..=12_000).flat_map(|n| format!("{n}\n").into_bytes()).collect()
}

fn through_bytes(script: &str) -> Vec<u8> {
    let seen = Seen::new();
    let function = seen.clone();
    let process = run_process_in_background(sh(script))
        .stdout_bytes_function(move |line| {
            function.push([line, b"\n"].concat());
        })
        .stderr_bytes_function(|_| ())
        .start()
        .unwrap();
    let exit = process.join().unwrap();
    assert!(exit.success() && exit.drained, "{exit:?}");
    seen.take().concat()
}

fn through_text(script: &str) -> Vec<u8> {
    let seen = Seen::new();
    let function = seen.clone();
    let process = run_process_in_background(sh(script))
        .stdout_function(move |line: &str| function.push(format!("{line}\n")))
        .stderr_function(|_| ())
        .start()
        .unwrap();
    let exit = process.join().unwrap();
    assert!(exit.success() && exit.drained, "{exit:?}");
    seen.take().concat().into_bytes()
}

#[test]
fn every_byte_arrives_before_join_returns() {
    within(LIMIT, || {
        let expected = seq_12000();
        for _ in 0..RUNS {
            assert!(through_bytes("seq 1 12000") == expected);
            assert!(through_text("seq 1 12000") == expected);
        }
    });
}

#[test]
fn every_byte_arrives_when_the_other_stream_closes_early() {
    within(LIMIT, || {
        let expected = seq_12000();
        for _ in 0..RUNS {
            assert!(through_bytes("exec 2>&-; exec seq 1 12000") == expected);
            assert!(through_text("exec 2>&-; seq 1 6000; seq 6001 12000") == expected);
        }
    });
}

#[test]
fn stderr_arrives_when_stdout_closes_early() {
    within(LIMIT, || {
        let expected = seq_12000();
        for _ in 0..RUNS {
            let seen = Seen::new();
            let function = seen.clone();
            let process = run_process_in_background(sh("exec 1>&-; exec seq 1 12000 >&2"))
                .stdout_function(|_| panic!("stdout was closed"))
                .stderr_bytes_function(move |line| function.push([line, b"\n"].concat()))
                .start()
                .unwrap();
            // `seq` cannot duplicate a closed stdout, and still its exit code is that of `sh`.
            process.join().unwrap();
            assert!(seen.take().concat() == expected);
        }
    });
}

#[test]
fn every_byte_arrives_on_a_busy_machine() {
    within(LIMIT, || {
        let _load = BusyLoad::start();
        let expected = seq_12000();
        for _ in 0..RUNS / 4 {
            assert!(through_bytes("seq 1 12000") == expected);
            assert!(through_text("seq 1 12000") == expected);
        }
    });
}

#[test]
fn output_of_any_size_is_collected() {
    within(LIMIT, || {
        for bytes in [0, 1, 65_535, 65_536, 65_537, 10_000_000] {
            let output =
                run_process(["head", "-c", &bytes.to_string(), "/dev/zero"]).check().output().unwrap();
            assert_eq!(output.stdout.len(), bytes);
            assert!(output.stdout.iter().all(|byte| *byte == 0));
        }
    });
}

#[test]
fn both_streams_are_collected_however_they_interleave() {
    within(LIMIT, || {
        let script = "for i in 1 2 3 4 5 6 7 8; do seq 1 20000; seq 1 20000 >&2; done";
        let output = run_process(sh(script)).check().output().unwrap();
        assert_eq!(output.stdout, output.stderr);
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 160_000);
    });
}

#[test]
fn lines_are_whole_across_reads_inside_a_character() {
    // Three writes of one line, the first two of which end inside a character.
    let script = r"printf 'a \303'; sleep 0.02; printf '\274 \342\202'; sleep 0.02; printf '\254\n'";
    let seen = Seen::new();
    let function = seen.clone();
    within(LIMIT, move || {
        run_process_in_background(sh(script))
            .stdout_function(move |line| function.push(line.to_owned()))
            .start()
            .unwrap()
            .join()
            .unwrap();
    });
    assert_eq!(seen.take(), ["a ü €"]);
}

#[test]
fn what_is_no_text_is_replaced_in_text_and_untouched_in_bytes() {
    let script = r"printf 'good\nb\377d\n\n'";
    let (text, bytes) = (Seen::new(), Seen::new());
    let (text_function, bytes_function) = (text.clone(), bytes.clone());
    within(LIMIT, move || {
        let run = run_process_in_background(sh(script))
            .stdout_function(move |line| text_function.push(line.to_owned()));
        assert!(run.start().unwrap().join().unwrap().success());
        let run = run_process_in_background(sh(script))
            .stdout_bytes_function(move |line| bytes_function.push(line.to_vec()));
        assert!(run.start().unwrap().join().unwrap().success());
    });
    assert_eq!(text.take(), ["good", "b\u{fffd}d", ""]);
    assert_eq!(bytes.take(), [&b"good"[..], b"b\xffd", b""]);
}

#[test]
fn a_last_line_without_a_line_feed_arrives() {
    let seen = Seen::new();
    let function = seen.clone();
    within(LIMIT, move || {
        run_process_in_background(["printf", "one\\ntwo"])
            .stdout_function(move |line| function.push(line.to_owned()))
            .start()
            .unwrap()
            .join()
            .unwrap();
    });
    assert_eq!(seen.take(), ["one", "two"]);
}

#[test]
fn text_lines_have_no_carriage_return_and_byte_lines_keep_it() {
    let (text, bytes) = (Seen::new(), Seen::new());
    let (text_function, bytes_function) = (text.clone(), bytes.clone());
    within(LIMIT, move || {
        run_process_in_background(["printf", "a\\r\\nb\\n"])
            .stdout_function(move |line| text_function.push(line.to_owned()))
            .start()
            .unwrap()
            .join()
            .unwrap();
        run_process_in_background(["printf", "a\\r\\nb\\n"])
            .stdout_bytes_function(move |line| bytes_function.push(line.to_vec()))
            .start()
            .unwrap()
            .join()
            .unwrap();
    });
    assert_eq!(text.take(), ["a", "b"]);
    assert_eq!(bytes.take(), [&b"a\r"[..], b"b"]);
}

#[test]
fn a_line_over_the_limit_arrives_in_marked_pieces() {
    const MIB: usize = 1024 * 1024;
    let seen = Seen::new();
    let function = seen.clone();
    within(LIMIT, move || {
        // 2.5 MiB without a line feed, then a short line: the limit is 1 MiB by default.
        let script = "head -c 2621440 /dev/zero | tr '\\0' x; echo; echo short";
        run_process_in_background(sh(script))
            .stdout_line_function(move |line| function.push((line.bytes().len(), line.is_piece())))
            .start()
            .unwrap()
            .join()
            .unwrap();
    });
    assert_eq!(seen.take(), [(MIB, true), (MIB, true), (MIB / 2, false), (5, false)]);
}

#[test]
fn merged_streams_keep_the_order_in_which_they_were_written() {
    within(LIMIT, || {
        let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
        let output = run_process(sh(script)).merge_stderr().check().output().unwrap();
        let expected: String = (0..500).map(|i| format!("out {i}\nerr {i}\n")).collect();
        assert_eq!(output.stdout_text(), expected);
        assert!(output.stderr.is_empty());
    });
}
