//! The program as its user meets it: a good run passes, and each fault that is planted is found.
#![cfg(target_os = "linux")]

use std::process::{Command, Output};

fn soak(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ori-soak")).args(arguments).output().expect("the program starts")
}

fn page(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_run_without_fault_is_well_and_says_what_it_did() {
    let output = soak(&["--seconds", "3", "--seed", "7"]);
    let page = page(&output);
    assert!(output.status.success(), "{page}");
    for word in ["seed 7", "thread chains", "workers killed", "peak memory", "p99", "all is well"] {
        assert!(page.contains(word), "no {word:?} in {page}");
    }
}

/// The page of a short run of one load with this fault, which fails.
fn failing(fault: &str, load: &str) -> String {
    let output = soak(&["--seconds", "3", "--only", load, "--plant", fault]);
    let page = page(&output);
    assert_eq!(output.status.code(), Some(1), "{fault}: {page}");
    page
}

#[test]
fn items_that_are_lost_doubled_or_altered_are_found() {
    assert!(failing("lose", "thread chains").contains(" lost"));
    assert!(failing("double", "process calls").contains("came twice"));
    assert!(failing("alter", "bridge").contains("has a wrong value"));
}

#[test]
fn what_is_left_over_is_found() {
    for (fault, words) in [
        ("thread", "threads at the end"),
        ("descriptor", "file descriptors at the end"),
        ("child", "children at the end"),
        ("file", "temporary files at the end"),
    ] {
        let page = failing(fault, "bridge");
        assert!(page.contains(words), "{page}");
    }
}

#[test]
fn memory_that_grows_is_found() {
    let output = soak(&["--seconds", "8", "--only", "bridge", "--plant", "memory"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(page(&output).contains("allocated memory grew"), "{}", page(&output));
}

#[test]
fn a_load_that_hangs_is_found() {
    let output = soak(&["--seconds", "60", "--only", "bridge", "--plant", "hang"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(page(&output).contains("it hangs: bridge"), "{}", page(&output));
}

#[test]
fn a_wrong_command_line_runs_nothing() {
    for arguments in [&["--minutes", "0"][..], &["--only", "nothing"], &["--fast"]] {
        let output = soak(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
