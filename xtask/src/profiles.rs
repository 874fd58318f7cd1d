//! `profiles`: worker processes in every kind of program and every profile.
//!
//! A worker finds a function by its place in the program, and a test program has no `main` of its
//! own: what the linker and the profile do matters. So a small program outside of the workspace is
//! built in each profile, as a user would build it, and run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lexopt::Arg;

use crate::Result;
use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::Workspace;

const FOLDER: &str = "crates/ori-worker/tests/outside";
const FAT: &str = "profile.release.lto=\"fat\"";
const ABORT: &str = "profile.release.panic=\"abort\"";

/// A step builds for a minute and runs for a second; one that is not over by then hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The options of `cargo xtask profiles`.
#[derive(Debug, Default)]
pub(crate) struct Options {
    short: bool,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("short") => options.short = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// The form that `ci` runs.
    pub(crate) fn short() -> Self {
        Self { short: true }
    }

    /// The release profiles and what makes them: in short, the two hardest at once.
    fn releases(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let hardest = ("fat LTO and panic=abort", vec![FAT, ABORT]);
        if self.short {
            return vec![hardest];
        }
        vec![("release", vec![]), ("fat LTO", vec![FAT]), ("panic=abort", vec![ABORT]), hardest]
    }
}

/// Builds and runs the program in all its forms.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    // The same versions as the workspace, so that nothing else is fetched.
    let lock = fs::copy(workspace.root.join("Cargo.lock"), workspace.root.join(FOLDER).join("Cargo.lock"));
    if let Err(error) = lock {
        return report.fail("profiles", format!("{FOLDER}/Cargo.lock cannot be written: {error}"));
    }
    let target = workspace.target_dir.join("outside");
    let target = target.strip_prefix(&workspace.root).unwrap_or(&target);
    let cargo = |args: &str| -> Cmd {
        let manifest = format!("{FOLDER}/Cargo.toml");
        let place = ["--manifest-path", &manifest, "--target-dir"].map(str::to_owned);
        Cmd::cargo(args).args(place).args([target.to_string_lossy()]).limit(LIMIT)
    };

    report.command("outside: tests, benchmarks", &cargo("test --all-targets"));
    report.command("outside: documentation tests", &cargo("test --doc"));
    let nextest = Tool {
        name: "cargo-nextest".to_owned(),
        probe: Cmd::cargo("nextest --version"),
        install: "cargo install --locked cargo-nextest".to_owned(),
    };
    report.command_with(&nextest, "outside: nextest", &cargo("nextest run"));
    report.command("outside: example", &cargo("run --example example"));
    report.command("outside: program", &cargo("run --bin outside"));
    report.command("outside: library", &cargo("rustc --lib --crate-type cdylib"));
    report.command("outside: in another program", &in_another_program(&target.join("debug")));
    if !options.short {
        report.command("outside: tests, release", &cargo("test --release --all-targets"));
    }
    for (name, settings) in options.releases() {
        let settings = settings.into_iter().flat_map(|setting| ["--config", setting]);
        report.command(
            &format!("outside: program, {name}"),
            &cargo("run --release --bin outside").args(settings),
        );
    }
}

/// A host that loads the library: there is no executable that could be started again.
fn in_another_program(built: &Path) -> Cmd {
    let library = format!("{}outside{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let host = built.join("sys_host");
    Cmd::new(host.to_string_lossy()).args([built.join(library).to_string_lossy()]).limit(LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_has_the_hardest_profile() {
        let parse = |args: &[&str]| Options::parse(&mut lexopt::Parser::from_args(args)).unwrap().releases();
        assert_eq!(parse(&["--short"]), Options::short().releases());
        assert_eq!(parse(&["--short"])[0], parse(&[])[3]);
        assert_eq!(parse(&[]).len(), 4);
    }
}
