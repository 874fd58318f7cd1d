//! `platforms`: the libraries, checked as other systems would compile them.
//!
//! Whoever works on one system breaks the others unseen: a name that only Unix has, a path that is
//! unreachable without `/proc`. The standard library of a target is enough to see it; nothing is
//! linked.

use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::Workspace;

const TARGETS: [&str; 2] = ["x86_64-apple-darwin", "x86_64-pc-windows-gnu"];

/// One step for each target. Default features, and neither tests nor examples: some of what these
/// and the others use is written in C, which needs a compiler of the target.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    for target in TARGETS {
        let tool = Tool {
            name: format!("the target {target}"),
            probe: Cmd::new("rustup").args(["target", "list", "--installed"]).expecting(target),
            install: format!("rustup target add {target}"),
        };
        let command = Cmd::cargo("clippy --quiet --lib --target")
            .args([target])
            .args(workspace.select_published())
            .args(["--", "-D", "warnings"]);
        report.command_with(&tool, &format!("platform {target}"), &command);
    }
}
