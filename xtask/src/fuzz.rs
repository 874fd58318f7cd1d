//! `fuzz`: runs each fuzz target for a while.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::Workspace;

/// Building with the sanitizer comes on top of the time that a target runs.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The options of `cargo xtask fuzz`.
#[derive(Debug)]
pub(crate) struct Options {
    seconds: u32,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { seconds: 60 };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("seconds") => options.seconds = parser.value()?.parse()?,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// One step for each file in `fuzz/fuzz_targets`.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let targets = targets(&workspace.root.join("fuzz/fuzz_targets"));
    if targets.is_empty() {
        report.skip("fuzz", "there is nothing to fuzz: no fuzz/fuzz_targets");
    }
    let tool = Tool {
        name: "cargo-fuzz with a nightly Rust".to_owned(),
        probe: Cmd::cargo("+nightly fuzz --version"),
        install: "rustup toolchain install nightly && cargo install --locked cargo-fuzz".to_owned(),
    };
    for target in targets {
        let command =
            Cmd::cargo(&format!("+nightly fuzz run {target} -- -max_total_time={}", options.seconds))
                .limit(BUILD_LIMIT + Duration::from_secs(options.seconds.into()));
        report.command_with(&tool, &format!("fuzz {target}"), &command);
    }
}

fn targets(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}
