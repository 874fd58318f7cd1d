//! `coverage` and `miri`: what the tests reach, and what an interpreter says about the code that
//! it can run. Both need a component that is not part of every toolchain.

use std::time::Duration;

use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60 * 60);

/// The tests that Miri can run, and that end in time: it knows no child process, no shared memory
/// between processes and no signal, and is a hundred times slower. Property tests are among the slow
/// ones.
const INTERPRETED: [(&str, &str); 3] = [
    ("ori-errors", ""),
    ("ori-worker", "--lib -- task:: codec:: --skip values_come_back_as_they_went"),
    ("ori-poolchain", "--lib"),
];

/// Lines that the tests reach, as a table; worker processes count too.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    let tool = Tool {
        name: "cargo-llvm-cov with llvm-tools".to_owned(),
        // Says so itself when the component is missing, and asks nobody when it cannot.
        probe: Cmd::cargo("llvm-cov show-env").env("CARGO_LLVM_COV_SETUP", "no"),
        install: "cargo install --locked cargo-llvm-cov && rustup component add llvm-tools".to_owned(),
    };
    // The profile of a worker process that was killed while it wrote it is no loss.
    let command =
        Cmd::cargo("llvm-cov --workspace --summary-only --failure-mode all").args(workspace.all_features());
    report.command_with(&tool, "coverage", &command.env("CARGO_LLVM_COV_SETUP", "no").limit(LIMIT));
}

/// Undefined behaviour and data races in what Miri can run.
pub(crate) fn miri(report: &mut Report) {
    let tool = Tool {
        name: "Miri".to_owned(),
        probe: Cmd::cargo("+nightly miri --version"),
        install: "rustup +nightly component add miri rust-src".to_owned(),
    };
    for (package, tests) in INTERPRETED {
        let command = Cmd::cargo(&format!("+nightly miri test -p {package} {tests}"));
        // For the clock and the environment.
        let command = command.env("MIRIFLAGS", "-Zmiri-disable-isolation").limit(LIMIT);
        report.command_with(&tool, &format!("miri {package}"), &command);
    }
}
