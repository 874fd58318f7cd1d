//! `coverage` and `miri`: what the tests reach, and what an interpreter says about the code that
//! it can run. Both need a component that is not part of every toolchain.

use std::time::Duration;

use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60 * 60);

/// The crates whose unit tests start no process and call nothing that Miri does not know.
const INTERPRETED: [&str; 1] = ["ori-errors"];

/// Lines that the tests reach, as a table; worker processes count too.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    let tool = Tool {
        name: "cargo-llvm-cov with llvm-tools".to_owned(),
        // Says so itself when the component is missing, and asks nobody when it cannot.
        probe: Cmd::cargo("llvm-cov show-env").env("CARGO_LLVM_COV_SETUP", "no"),
        install: "cargo install --locked cargo-llvm-cov && rustup component add llvm-tools".to_owned(),
    };
    let command = Cmd::cargo("llvm-cov --workspace --summary-only").args(workspace.all_features());
    report.command_with(&tool, "coverage", &command.env("CARGO_LLVM_COV_SETUP", "no").limit(LIMIT));
}

/// The tests that Miri can run: it knows neither sockets nor processes.
pub(crate) fn miri(report: &mut Report) {
    let tool = Tool {
        name: "Miri".to_owned(),
        probe: Cmd::cargo("+nightly miri --version"),
        install: "rustup +nightly component add miri rust-src".to_owned(),
    };
    for package in INTERPRETED {
        let command = Cmd::cargo(&format!("+nightly miri test -p {package}")).limit(LIMIT);
        report.command_with(&tool, &format!("miri {package}"), &command);
    }
}
