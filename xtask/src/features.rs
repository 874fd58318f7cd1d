//! `features`: each published crate by itself, under its features in combinations.
//!
//! The other tasks build the workspace as a whole, where cargo gives a dependency the features that
//! any of the crates wants. A program that depends on one of them gets only that crate's: a feature
//! that it forgot to ask for is missing there and nowhere else.

use std::collections::BTreeSet;

use crate::Result;
use crate::command::Cmd;
use crate::report::{Report, Tool};
use crate::workspace::{Package, Workspace};

/// Up to so many features are paired in the short form.
const FEW: usize = 4;
/// Up to so many features are tried in all combinations in the long form.
const SOME: usize = 5;

/// The options of `cargo xtask features`.
#[derive(Debug, Default)]
pub(crate) struct Options {
    all: bool,
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                lexopt::Arg::Long("all") => options.all = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// One step for each crate. Clippy in place of a mere check, so that warnings can be denied
/// without building the dependencies again.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, options: &Options) {
    let tool = Tool {
        name: "clippy".to_owned(),
        probe: Cmd::cargo("clippy --version"),
        install: "rustup component add clippy".to_owned(),
    };
    for package in workspace.published() {
        let features = workspace.features(package);
        let sets = if options.all { many(&features) } else { few(&features) };
        let commands: Vec<Cmd> = sets.iter().map(|set| command(package, set)).collect();
        let step = match commands.len() {
            1 => format!("features of {}: none", package.name),
            count => format!("features of {}, {count} combinations", package.name),
        };
        report.commands_with(&tool, &step, &commands);
    }
}

fn command(package: &Package, features: &BTreeSet<&str>) -> Cmd {
    let features: Vec<&str> = features.iter().copied().collect();
    let with = (!features.is_empty()).then(|| format!("--features={}", features.join(",")));
    Cmd::cargo("clippy --quiet --lib --no-default-features --package")
        .args([package.name.as_str()])
        .args(with)
        .args(["--", "-D", "warnings"])
}

/// None, each, all; and each pair if they are few.
fn few<'a>(features: &[&'a str]) -> BTreeSet<BTreeSet<&'a str>> {
    let mut sets = subsets(features, 1);
    if features.len() <= FEW {
        sets.extend(subsets(features, 2));
    }
    sets.insert(features.iter().copied().collect());
    sets
}

/// Every combination; where these are too many, up to two features, and all but up to one.
fn many<'a>(features: &[&'a str]) -> BTreeSet<BTreeSet<&'a str>> {
    if features.len() <= SOME {
        return subsets(features, features.len());
    }
    let all: BTreeSet<&str> = features.iter().copied().collect();
    let all_but_one = subsets(features, 1).into_iter().map(|one| all.difference(&one).copied().collect());
    subsets(features, 2).into_iter().chain(all_but_one).collect()
}

/// The sets of at most `size` features.
fn subsets<'a>(features: &[&'a str], size: usize) -> BTreeSet<BTreeSet<&'a str>> {
    let mut sets = BTreeSet::from([BTreeSet::new()]);
    for _ in 0..size {
        let larger: Vec<BTreeSet<&str>> = sets
            .iter()
            .flat_map(|set| features.iter().map(|&feature| set.iter().copied().chain([feature]).collect()))
            .collect();
        sets.extend(larger);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_features_is_built_once() {
        assert_eq!(few(&[]).len(), 1);
        assert_eq!(many(&[]).len(), 1);
    }

    #[test]
    fn few_features_are_paired_and_many_are_not() {
        assert_eq!(few(&["a", "b", "c"]).len(), 1 + 3 + 3 + 1);
        assert_eq!(few(&["a", "b", "c", "d", "e"]).len(), 1 + 5 + 1);
    }

    #[test]
    fn the_long_form_tries_all_combinations_of_some_features() {
        assert_eq!(many(&["a", "b", "c", "d", "e"]).len(), 32);
        // None, six, their fifteen pairs, all, all but each.
        assert_eq!(many(&["a", "b", "c", "d", "e", "f"]).len(), 1 + 6 + 15 + 1 + 6);
    }

    #[test]
    fn a_command_can_be_pasted() {
        let package = Package { name: "ori-a".into(), ..Package::default() };
        let shown = |features: &[&str]| command(&package, &features.iter().copied().collect()).to_string();
        let start = "cargo clippy --quiet --lib --no-default-features --package ori-a";
        assert_eq!(shown(&[]), format!("{start} -- -D warnings"));
        assert_eq!(shown(&["b", "c"]), format!("{start} --features=b,c -- -D warnings"));
    }
}
