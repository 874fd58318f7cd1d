//! `api`: the public API of each published crate beside the listing that is kept in its folder.
//!
//! A change to what programs can call must be meant: it shows up as a changed `api.txt`, which a
//! reviewer reads like code. `ori-api` makes the listings out of what rustdoc knows, so macros,
//! re-exports and auto traits are in them.

use crate::Result;
use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::Workspace;

/// The Rust whose rustdoc the listings were made with. rustdoc's JSON differs from version to
/// version; `public-api` in the root manifest reads this one's.
const RUST: &str = "1.95";

/// The options of `cargo xtask api`.
#[derive(Debug, Default)]
pub(crate) struct Options {
    update: bool,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                lexopt::Arg::Long("update") => options.update = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// Builds `ori-api`, has rustdoc describe the crates, and compares.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    if !cfg!(target_os = "linux") {
        report.skip("api", "the listings are those of Linux");
        return;
    }
    let program = workspace.target_dir.join("debug/ori-api");
    // With the features and packages of the other steps, so that all share what is built.
    let build = Cmd::cargo("build --workspace --bin ori-api").args(workspace.all_features());
    let describe = Cmd::cargo("doc --workspace --lib --no-deps")
        .args(workspace.all_features())
        .env("RUSTDOC", program.display())
        .env("ORI_API_RUSTDOC", "rustdoc")
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    let shown = program.strip_prefix(&workspace.root).unwrap_or(&program);
    let compare = Cmd::new(shown.to_string_lossy()).args(options.update.then_some("--update")).args(
        workspace.published().filter_map(|package| {
            let library = package.targets.iter().find(|target| target.is_library())?;
            let json = workspace.target_dir.join(format!("doc/{}.json", library.name.replace('-', "_")));
            let json = json.strip_prefix(&workspace.root).unwrap_or(&json);
            Some(format!("{}={}", json.display(), package.folder().join("api.txt").display()))
        }),
    );
    let tool = Tool {
        name: format!("Rust {RUST}, which the listings were made with,"),
        probe: Cmd::new("rustc").args(["--version"]).expecting(&format!("rustc {RUST}.")),
        install: format!("rustup toolchain install {RUST} && rustup run {RUST} cargo xtask api"),
    };
    report.commands_with(&tool, "api", &[build, describe, compare]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_update_is_refused() {
        assert!(Options::parse(&mut lexopt::Parser::from_args(["--update"])).unwrap().update);
        assert!(Options::parse(&mut lexopt::Parser::from_args(["--updat"])).is_err());
    }
}
