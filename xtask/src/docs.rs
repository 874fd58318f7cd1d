//! `docs`: the documentation of every crate, as docs.rs would build it.

use crate::Result;
use crate::command::Cmd;
use crate::report::Report;
use crate::workspace::Workspace;

/// The options of `cargo xtask docs`.
#[derive(Debug, Default)]
pub(crate) struct Options {
    open: bool,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                lexopt::Arg::Long("open") => options.open = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// rustdoc over the workspace, warnings denied. `RUSTDOCFLAGS` concerns rustdoc alone, so nothing
/// else is built again because of it.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let command = Cmd::cargo("doc --workspace --no-deps")
        .args(workspace.all_features())
        .args(options.open.then_some("--open"))
        .env("RUSTDOCFLAGS", "-D warnings");
    report.command("docs", &command);
}
