//! `package`: what `cargo publish` would upload.
//!
//! cargo packages the crates in the order of their dependencies and lets each one find the others
//! as packages too, although none is in the registry yet. The full form then builds every crate
//! out of its package alone: a file that was left out, or a version that is missing beside a path,
//! shows there.

use std::time::Duration;

use crate::Result;
use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::Workspace;

/// Everything is compiled anew from the packages.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// The options of `cargo xtask package`.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Only packs, and builds nothing out of the packages.
    short: bool,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                lexopt::Arg::Long("no-verify") => options.short = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// The form that `ci` runs.
    pub(crate) fn short() -> Self {
        Self { short: true }
    }
}

/// Packs every published crate; then compares with what is published, where something is.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    // What is packed is what lies here, committed or not.
    let command = Cmd::cargo("package --quiet --allow-dirty")
        .args(workspace.select_published())
        .args(options.short.then_some("--no-verify"))
        .limit(LIMIT);
    let step = if options.short { "package, without building" } else { "package" };
    report.command(step, &command);
    if !options.short {
        semver(report, workspace);
    }
}

/// Whether the version number says what a release would break. It needs something to compare with.
fn semver(report: &mut Report, workspace: &Workspace) {
    let first = workspace.published().next();
    let is_published = first.is_some_and(|package| {
        // From outside of the workspace, where the name can only mean the registry's.
        let info = Cmd::cargo("info --quiet --registry crates-io").args([&package.name]);
        info.succeeds(&std::env::temp_dir())
    });
    if !is_published {
        report.skip("semver", "no version of these crates is in the registry to compare with");
        return;
    }
    let tool = Tool {
        name: "cargo-semver-checks".to_owned(),
        probe: Cmd::cargo("semver-checks --version"),
        install: "cargo install --locked cargo-semver-checks".to_owned(),
    };
    report.command_with(
        &tool,
        "semver",
        &Cmd::cargo("semver-checks").args(workspace.select_published()).limit(LIMIT),
    );
}
