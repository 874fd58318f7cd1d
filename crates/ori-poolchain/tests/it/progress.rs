//! Progress is shown on a terminal, and nowhere else.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use ori_poolchain::PoolChain;
use ori_test_support::within;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::LIMIT;

/// Set for the process that shows its progress.
const CHILD: &str = "ORI_TEST_PROGRESS";

fn show() {
    let chain = PoolChain::new().add_threadpool(|n: u64| if n == 3 { Err("no") } else { Ok(n) }).fallible();
    let results = chain.execute_lazy(0..1234).unwrap().progress();
    assert!(!results.stats().is_over(), "everything of the results is there");
    assert_eq!(results.filter(Result::is_ok).count(), 1233);
    let mut unknown = chain.execute_lazy((0..50).filter(|n| *n != 3)).unwrap().progress();
    assert_eq!(unknown.by_ref().count(), 49);
}

fn child(stderr: impl Into<Stdio>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["progress::progress_is_shown_on_a_terminal_only", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .env("TERM", "xterm")
        .stdout(Stdio::null())
        .stderr(stderr);
    command
}

#[test]
fn progress_is_shown_on_a_terminal_only() {
    if std::env::var_os(CHILD).is_some() {
        return show();
    }
    within(LIMIT, || {
        let silent = child(Stdio::piped()).output().unwrap();
        assert!(silent.status.success());
        assert_eq!(String::from_utf8_lossy(&silent.stderr), "");

        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal: OwnedFd = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let mut command = child(terminal);
        let mut shown = command.spawn().unwrap();
        // It holds the terminal's other end.
        drop(command);
        let mut text = Vec::new();
        let mut block = [0; 4096];
        let mut master = File::from(master);
        // A terminal that nobody has open any more gives an error instead of an end.
        while let Ok(read @ 1..) = master.read(&mut block) {
            text.extend_from_slice(&block[..read]);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(shown.wait().unwrap().success(), "{text}");
        assert!(text.contains("1,234/1,234") && text.contains("1 error"), "{text}");
        assert!(text.contains("49 results"), "{text}");
    });
}
