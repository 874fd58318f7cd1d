//! `test`: every test of the workspace, then every example.

use std::time::Duration;

use crate::command::Cmd;
use crate::gate;
use crate::report::Report;
use crate::workspace::{Package, Target, Workspace};

/// An example shows something; one that takes longer than this hangs.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// Unit, integration and documentation tests in one run of cargo, with every feature that needs
/// no more than a Rust toolchain; then each example that cargo knows of, as its own step.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    // The tests panic on purpose, thousands of times: a backtrace of each would bury the one that
    // matters, and cost more than the tests.
    let tests = Cmd::cargo("test --workspace --no-fail-fast --tests").args(workspace.all_features());
    report.command("tests", &each_gated(tests.env("RUST_BACKTRACE", 0), workspace));
    let examples = format!("test --workspace --no-fail-fast --doc {}", workspace.all_features().join(" "));
    report.command(
        "documentation tests",
        &gated("cargo", examples.split_whitespace()).env("RUST_BACKTRACE", 0),
    );
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
    let args = package.example_args(&example.name).iter().map(String::as_str);
    let command = gated(&shown.to_string_lossy(), args).env("RUST_BACKTRACE", 0);
    report.command(&step, &command.limit(EXAMPLE_LIMIT));
}

/// A command behind the leak gate.
fn gated<'a>(program: &str, args: impl IntoIterator<Item = &'a str>) -> Cmd {
    match gate() {
        Some(gate) => Cmd::new(gate).args([gate::TASK, program]).args(args),
        None => Cmd::new(program).args(args),
    }
}

/// The command with each of its test programs behind the leak gate.
///
/// Not for documentation tests: with a runner, rustdoc runs those of a crate in one process.
fn each_gated(command: Cmd, workspace: &Workspace) -> Cmd {
    match (gate(), workspace.host()) {
        (Some(gate), Some(host)) => {
            let variable = format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_"));
            command.env(&variable, format!("{gate} {}", gate::TASK))
        }
        _ => command,
    }
}

/// This program, which is the gate, where there is a `/proc` for it to look into.
fn gate() -> Option<String> {
    let program = std::env::current_exe().ok().filter(|_| cfg!(target_os = "linux"))?;
    // Cargo splits a runner at spaces.
    program.to_str().filter(|path| !path.contains(' ')).map(str::to_owned)
}
