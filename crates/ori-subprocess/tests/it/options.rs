//! The builder's options.

use ori_subprocess::{run_process, run_process_in_background};
use ori_test_support::{wait_until, within};

use crate::{LIMIT, members, sh};

#[test]
fn environment_and_folder_reach_the_command() {
    within(LIMIT, || {
        let output = run_process(sh("echo $A-$B-$C; pwd"))
            .env("A", "1")
            .env("B", "2")
            .env_remove("B")
            .env("C", "3")
            .current_dir("/")
            .check()
            .output()
            .unwrap();
        assert_eq!(output.stdout_text(), "1--3\n/\n");
        let output = run_process(["/usr/bin/env"]).env_clear().env("ONLY", "this").output().unwrap();
        assert_eq!(output.stdout_text(), "ONLY=this\n");
    });
}

#[test]
fn stdin_is_empty_unless_given() {
    within(LIMIT, || {
        assert_eq!(run_process(["cat"]).output().unwrap().stdout, b"");
        assert_eq!(run_process(["cat"]).stdin_bytes("x").stdin_null().output().unwrap().stdout, b"");
    });
}

#[test]
fn large_input_and_output_do_not_block_each_other() {
    within(LIMIT, || {
        let input: Vec<u8> = (0..5_000_000_u32).map(|n| n as u8).collect();
        let output = run_process(["cat"]).stdin_bytes(input.clone()).check().output().unwrap();
        assert!(output.stdout == input);
    });
}

#[test]
fn input_that_is_not_read_is_no_error() {
    within(LIMIT, || {
        let input = vec![b'x'; 1_000_000];
        let exit = run_process(["true"]).stdin_bytes(input.clone()).check().output().unwrap().exit;
        assert!(exit.success());
        // The command ends while something else keeps the pipe open without reading.
        let script = "sleep 100 <&0 >/dev/null 2>&1 & exit 0";
        let exit = run_process(sh(script)).stdin_bytes(input).output().unwrap().exit;
        assert_eq!(exit.code, Some(0));
    });
}

#[test]
fn output_that_nobody_reads_goes_nowhere() {
    within(LIMIT, || {
        let process = run_process_in_background(["seq", "1", "100000"]).check().start().unwrap();
        assert!(process.join().unwrap().drained);
    });
}

#[test]
fn a_command_dies_with_its_parent_when_asked_to() {
    let test = "options::a_command_dies_with_its_parent_when_asked_to";
    if std::env::var_os("ORI_PARENT").is_some() {
        // The parent: starts a command, tells its number and is killed.
        let process = run_process_in_background(["sleep", "100"]).die_with_parent().start().unwrap();
        std::fs::write(std::env::var("ORI_PARENT").unwrap(), format!("{}\n", process.pid())).unwrap();
        within(LIMIT, move || process.join().map(drop)).unwrap();
        return;
    }
    within(LIMIT, move || {
        let file = std::env::temp_dir().join(format!("ori-parent-{}", std::process::id()));
        let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
            .env("ORI_PARENT", &file)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let told = || std::fs::read_to_string(&file).ok()?.strip_suffix('\n')?.parse().ok();
        wait_until(LIMIT, || told().is_some());
        let pid: u32 = told().unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(members(pid).len(), 1);
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_until(LIMIT, || members(pid).is_empty());
    });
}

#[test]
fn a_command_that_would_die_with_its_parent_outlives_the_starting_thread() {
    within(LIMIT, || {
        let start = || run_process_in_background(["sleep", "100"]).die_with_parent().start().unwrap();
        let process = std::thread::spawn(start).join().unwrap();
        // The signal would be sent when the thread ends, and it has ended.
        assert!(process.join_timeout(std::time::Duration::from_millis(100)).unwrap_err().is_timeout());
        assert!(process.is_alive());
    });
}
