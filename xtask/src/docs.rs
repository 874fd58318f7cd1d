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

/// The crate whose page is shown: it leads to all others, and has the guide.
const FACADE: &str = "ori-rs";

/// rustdoc over the workspace, warnings denied. `RUSTDOCFLAGS` concerns rustdoc alone, so nothing
/// else is built again because of it.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let docs = |arguments: &str| {
        Cmd::cargo("doc --no-deps").args(arguments.split(' ')).env("RUSTDOCFLAGS", "-D warnings")
    };
    report.command("docs", &docs("--workspace").args(workspace.all_features()));
    if options.open {
        // With the whole workspace, cargo would open whichever crate comes first.
        let features = workspace.features_of(FACADE);
        report.command("open", &docs(&format!("--package {FACADE} --open")).args(features));
    }
}
