//! `test`: every test of the workspace, then every example.

use std::time::Duration;

use crate::command::Cmd;
use crate::report::Report;
use crate::workspace::{Package, Target, Workspace};

/// An example shows something; one that takes longer than this hangs.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// Unit, integration and documentation tests in one run of cargo, with every feature that needs
/// no more than a Rust toolchain; then each example that cargo knows of, as its own step.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    // The tests panic on purpose, thousands of times: a backtrace of each would bury the one that
    // matters, and cost more than the tests.
    let tests = Cmd::cargo("test --workspace --no-fail-fast").args(workspace.all_features());
    report.command("tests", &tests.env("RUST_BACKTRACE", 0));
    if workspace.targets("example").next().is_some() {
        // The run above built them already; this makes sure of it, and says so where it did not.
        report.command(
            "build examples",
            &Cmd::cargo("build --workspace --examples").args(workspace.all_features()),
        );
    }
    for (package, example) in workspace.targets("example") {
        run_example(report, workspace, package, example);
    }
    for package in &workspace.packages {
        for example in package.stray_example_args() {
            let step = format!("example {}/{example}", package.name);
            report.fail(&step, "Cargo.toml has arguments for it, but there is no such example");
        }
    }
}

/// Runs the built program: `cargo run -p` would unify the features of one crate only and build
/// everything once more.
fn run_example(report: &mut Report, workspace: &Workspace, package: &Package, example: &Target) {
    let step = format!("example {}/{}", package.name, example.name);
    let missing = workspace.missing_features(package, example);
    if !missing.is_empty() {
        report
            .skip(&step, format!("needs the feature {}, which is built on request only", missing.join(", ")));
        return;
    }
    let twins = workspace.targets("example").filter(|(_, other)| other.name == example.name).count();
    if twins > 1 {
        report.fail(&step, "another crate has an example of this name, and both build to one file");
        return;
    }
    let program = format!("{}{}", example.name, std::env::consts::EXE_SUFFIX);
    let program = workspace.target_dir.join("debug/examples").join(program);
    let shown = program.strip_prefix(&workspace.root).unwrap_or(&program);
    let command =
        Cmd::new(shown.to_string_lossy()).args(package.example_args(&example.name)).limit(EXAMPLE_LIMIT);
    report.command(&step, &command);
}
