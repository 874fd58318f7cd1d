//! `lint`: what can be said about the code without running it.

use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::tidy;
use crate::workspace::Workspace;

/// rustfmt, clippy, tidy, cargo-deny, and a check with the oldest supported Rust.
///
/// Warnings are denied by an argument to clippy, not by `RUSTFLAGS`: that would make every other
/// task build everything again.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    report.command_with(&component("rustfmt", "fmt"), "fmt", &Cmd::cargo("fmt --all --check"));
    clippy(report, workspace);
    tidy::run(report, workspace);
    deny(report);
    oldest_rust(report, workspace);
}

/// Three feature settings: features are additive only if the code builds with none and with all.
fn clippy(report: &mut Report, workspace: &Workspace) {
    let tool = component("clippy", "clippy");
    let settings = [
        ("clippy, no default features", vec!["--no-default-features".to_owned()]),
        ("clippy, default features", Vec::new()),
        ("clippy, all features", workspace.all_features()),
    ];
    for (step, features) in settings {
        let command =
            Cmd::cargo("clippy --workspace --all-targets").args(features).args(["--", "-D", "warnings"]);
        report.command_with(&tool, step, &command);
    }
}

/// Licences, sources and bans. Advisories need the network and change without a commit, so they
/// are no part of this.
fn deny(report: &mut Report) {
    let tool = Tool {
        name: "cargo-deny".to_owned(),
        probe: Cmd::cargo("deny --version"),
        install: "cargo install --locked cargo-deny".to_owned(),
    };
    report.command_with(&tool, "deny", &Cmd::cargo("deny check bans licenses sources"));
}

/// Builds with the `rust-version` of the manifest. Without that toolchain, clippy's
/// `incompatible_msrv` still finds uses of a newer standard library.
fn oldest_rust(report: &mut Report, workspace: &Workspace) {
    let Some(version) = workspace.rust_version() else {
        report.fail("msrv", "Cargo.toml has no rust-version");
        return;
    };
    let tool = Tool {
        name: format!("Rust {version}"),
        probe: Cmd::new("rustup").args(["run", version, "cargo", "--version"]),
        install: format!("rustup toolchain install {version} --profile minimal"),
    };
    let command = Cmd::new("cargo").args([&format!("+{version}"), "check", "--workspace"]);
    report.command_with(&tool, "msrv", &command);
}

fn component(name: &str, subcommand: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        probe: Cmd::new("cargo").args([subcommand, "--version"]),
        install: format!("rustup component add {name}"),
    }
}
