//! `tidy`: the house rules that no compiler checks, as functions from text to findings.
//!
//! A rule that has to be broken in one place is waived there, with a reason, on the line itself
//! or on the line above:
//!
//! ```text
//! // tidy: allow(sleep): the test is about what a sleeping thread costs
//! ```

mod lexer;
mod manifest;
mod named_tests;
mod prose;
mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::report::{Outcome, Report};
use crate::workspace::{Package, Workspace};

/// A larger file is data, not something that somebody wrote.
const MAX_BYTES: u64 = 1 << 20;

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: PathBuf,
    line: usize,
    /// The rule's name, by which it is waived.
    rule: &'static str,
    message: String,
    /// A warning is printed and fails nothing.
    is_warning: bool,
}

impl Finding {
    fn new(path: &Path, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, message: message.into(), is_warning: false }
    }

    fn warning(mut self) -> Self {
        self.is_warning = true;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.is_warning { "warning" } else { "error" };
        write!(f, "{}:{}: {level}: {} [{}]", self.path.display(), self.line, self.message, self.rule)
    }
}

/// The text files of the workspace, by their path from its root.
type Tree = BTreeMap<PathBuf, String>;

/// Checks the whole tree and prints what it finds.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    report.step("tidy", "cargo xtask tidy", || match read_tree(&workspace.root) {
        Ok(tree) => print_findings(&check(&tree, workspace), tree.len()),
        Err(error) => Outcome::Failed(format!("reading the tree failed: {error}")),
    });
}

#[expect(clippy::print_stdout, reason = "a command-line program talks to its terminal")]
fn print_findings(findings: &[Finding], files: usize) -> Outcome {
    for finding in findings {
        println!("{finding}");
    }
    let warnings = findings.iter().filter(|finding| finding.is_warning).count();
    let errors = findings.len() - warnings;
    println!("{files} files, {errors} errors, {warnings} warnings");
    if errors == 0 { Outcome::Ok } else { Outcome::Failed(format!("{errors} findings")) }
}

/// Every finding that is not waived, in the order of paths and lines.
fn check(tree: &Tree, workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree {
        findings.extend(prose::machine_paths(path, text));
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => findings.extend(source::check(path, text)),
            Some("md") => {
                findings.extend(prose::links(path, text, |target| exists(&workspace.root, target)));
                let source = |path: &Path| tree.get(path).map(String::as_str);
                findings.extend(named_tests::missing(path, text, source));
                findings.extend(named_tests::invariants(path, text));
            }
            _ => {}
        }
    }
    for package in &workspace.packages {
        findings.extend(check_package(tree, package));
    }
    findings.retain(|finding| !tree.get(&finding.path).is_some_and(|text| is_waived(finding, text)));
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Finding> {
    let text = |path: &Path| tree.get(path).map_or("", String::as_str);
    let mut findings = manifest::check(package, text(&package.manifest));
    let has_sys_files = tree.keys().any(|path| path.starts_with(package.folder()) && source::is_sys(path));
    for target in &package.targets {
        if (target.is_library() || target.is("bin")) && !has_sys_files {
            findings.extend(source::forbids_unsafe(&target.source, text(&target.source)));
        }
        if target.is_library() {
            findings.extend(manifest::features_table(package, &target.source, text(&target.source)));
        }
    }
    findings
}

/// Whether the finding's line, or the one above it, says why the rule does not hold there.
fn is_waived(finding: &Finding, text: &str) -> bool {
    let mark = format!("tidy: allow({}): ", finding.rule);
    let has_reason = |line: &str| line.split_once(&mark).is_some_and(|(_, reason)| !reason.trim().is_empty());
    text.lines().skip(finding.line.saturating_sub(2)).take(finding.line.min(2)).any(has_reason)
}

/// Reads every text file below `root` but what git and cargo put there.
fn read_tree(root: &Path) -> std::io::Result<Tree> {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                // Cargo marks its target folders so, wherever they are.
                if entry.file_name() != ".git" && !path.join("CACHEDIR.TAG").exists() {
                    folders.push(path);
                }
            } else if kind.is_file() && entry.metadata()?.len() <= MAX_BYTES && entry.file_name() != ".git" {
                // A file that is not UTF-8 is no text.
                if let Ok(text) = String::from_utf8(fs::read(&path)?) {
                    tree.insert(path.strip_prefix(root).unwrap_or(&path).to_owned(), text);
                }
            }
        }
    }
    Ok(tree)
}

/// Whether `target`, a path from the root that may hold `..`, is there and inside of it.
fn exists(root: &Path, target: &Path) -> bool {
    let mut depth = 0_i32;
    for component in target.components() {
        depth += match component {
            Component::ParentDir => -1,
            Component::Normal(_) => 1,
            _ => 0,
        };
        if depth < 0 {
            return false;
        }
    }
    root.join(target).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: usize) -> Finding {
        Finding::new(Path::new("tests/it/main.rs"), line, "sleep", "a bare sleep")
    }

    #[test]
    fn a_finding_prints_its_place() {
        assert_eq!(finding(3).to_string(), "tests/it/main.rs:3: error: a bare sleep [sleep]");
        assert!(finding(3).warning().to_string().contains(":3: warning: "));
    }

    #[test]
    fn a_waiver_holds_on_its_line_and_the_next_if_it_has_a_reason() {
        let text =
            "a\nb // tidy: allow(sleep): because\nc\nd // tidy: allow(sleep): \ne // tidy: allow(paths): why";
        let waived: Vec<bool> = (1..=5).map(|line| is_waived(&finding(line), text)).collect();
        assert_eq!(waived, [false, true, true, false, false]);
    }

    #[test]
    fn a_link_must_stay_inside_the_tree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(exists(root, Path::new("src/../Cargo.toml")));
        assert!(!exists(root, Path::new("src/nothing.rs")));
        assert!(!exists(root, Path::new("../Cargo.toml")));
    }

    #[test]
    fn warnings_fail_nothing() {
        assert_eq!(print_findings(&[finding(1).warning()], 1), Outcome::Ok);
        assert!(matches!(print_findings(&[finding(1)], 1), Outcome::Failed(_)));
    }
}
