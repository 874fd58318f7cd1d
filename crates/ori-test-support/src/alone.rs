//! [`alone`]: the body of a test in a process of its own.
//!
//! Test functions of one binary share a process, so counts of threads and descriptors, limits and
//! signals of one test would be those of all. This starts the same binary again for one test.

use std::env;
use std::process::Command;

const MARK: &str = "ORI_TEST_ALONE";

/// Runs `body` in a new process of this test binary, for the test of this full name.
///
/// Call it as the whole of a `#[test]` function, with that function's path inside the binary.
///
/// # Panics
/// When `body` fails, or when no test has that name; with what the process printed.
///
/// ```no_run
/// # mod pool {
/// #[test]
/// fn leaves_no_thread() {
///     ori_test_support::alone("pool::leaves_no_thread", || {
///         let check = ori_test_support::LeakCheck::start().unwrap();
///         std::thread::spawn(|| ()).join().unwrap();
///         check.finish();
///     });
/// }
/// # }
/// ```
#[track_caller]
pub fn alone(test: &str, body: impl FnOnce()) {
    alone_with(test, "", body);
}

/// As [`alone`], with shell words before the program: `ulimit -n 256`.
///
/// # Panics
/// As [`alone`]; also where there is no `sh`.
///
/// ```no_run
/// # mod pool {
/// #[test]
/// fn works_with_few_descriptors() {
///     ori_test_support::alone_with("pool::works_with_few_descriptors", "ulimit -n 256", || {
///         assert!(std::fs::File::open("/proc/self/stat").is_ok());
///     });
/// }
/// # }
/// ```
#[track_caller]
pub fn alone_with(test: &str, shell: &str, body: impl FnOnce()) {
    if env::var_os(MARK).is_some_and(|name| name == test) {
        return body();
    }
    let program = env::current_exe().expect("this program has a path");
    let mut command = if shell.is_empty() {
        Command::new(&program)
    } else {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{shell} && exec \"$0\" \"$@\"")).arg(&program);
        command
    };
    command.args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]);
    let output = command.env(MARK, test).output().expect("the test binary can be started again");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "`{test}` in a process of its own ended with {}:\n{stdout}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
}
