//! Rules about tests that documentation names, as `crates/a/tests/it/b.rs::the_test`.

use std::path::Path;

use super::Finding;

/// Where the invariants stand, under this heading, as rows of a table that begin with a number.
const PAGE: &str = "docs/architecture.md";
const HEADING: &str = "## What always holds";
const INVARIANTS: usize = 10;

/// Tests named in a Markdown file that are not where it says. `source` gives the text of a file.
pub(super) fn missing<'t>(
    path: &Path,
    text: &str,
    source: impl Fn(&Path) -> Option<&'t str>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, words) in (1..).zip(text.lines()) {
        for (file, test) in named(words) {
            let message = match source(Path::new(file)) {
                None => format!("`{file}`, where a test is said to be, is not there"),
                Some(source) if !defines(source, test) => format!("`{file}` has no test `{test}`"),
                Some(_) => continue,
            };
            findings.push(Finding::new(path, line, "named-tests", message));
        }
    }
    findings
}

/// Invariants without the name of a test.
pub(super) fn invariants(path: &Path, text: &str) -> Vec<Finding> {
    if path != Path::new(PAGE) {
        return Vec::new();
    }
    let lines = || (1..).zip(text.lines());
    let section = lines().skip_while(|(_, line)| *line != HEADING).skip(1);
    let section = section.take_while(|(_, line)| !line.starts_with("## "));
    let rows: Vec<_> = section.filter_map(|(line, row)| Some((line, number(row)?, row))).collect();
    let mut findings = Vec::new();
    for wanted in 1..=INVARIANTS {
        let message = match rows.iter().find(|(_, number, _)| *number == wanted) {
            None => (1, format!("invariant {wanted} is missing under `{HEADING}`")),
            Some((line, _, row)) if named(row).next().is_none() => {
                (*line, format!("invariant {wanted} names no test: `path/to/file.rs::the_test`"))
            }
            Some(_) => continue,
        };
        findings.push(Finding::new(path, message.0, "named-tests", message.1));
    }
    findings
}

/// The number in the first cell of a row of a table.
fn number(row: &str) -> Option<usize> {
    row.strip_prefix('|')?.split('|').next()?.trim().parse().ok()
}

/// The code spans that name a file and a test in it.
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|span| {
        let (file, test) = span.split_once("::")?;
        let is_file = file.ends_with(".rs") && file.contains('/');
        let is_name = !test.is_empty() && test.chars().all(|c| c.is_alphanumeric() || c == '_');
        (is_file && is_name).then_some((file, test))
    })
}

fn defines(source: &str, test: &str) -> bool {
    source.lines().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(test))
            .is_some_and(|rest| rest.starts_with('('))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let source = |path: &Path| {
            (path == Path::new("a/tests/it/b.rs"))
                .then_some("#[test]\nfn it_holds() {\n}\n    fn main() {}\n")
        };
        let findings = missing(Path::new("docs/a.md"), text, source);
        findings.iter().map(|finding| format!("{}: {}", finding.line, finding.message)).collect()
    }

    #[test]
    fn a_test_that_is_there_is_fine() {
        assert_eq!(found("`a/tests/it/b.rs::it_holds`, `a/tests/it/b.rs::main`"), [""; 0]);
        assert_eq!(found("`std::thread` `b.rs::it` `a/b.rs` `a/b.rs::Type::it<T>`"), [""; 0]);
    }

    #[test]
    fn a_test_that_is_not_there_is_found() {
        assert_eq!(
            found("\n`a/tests/it/b.rs::it_hold` and\n`a/c.rs::it_holds`"),
            [
                "2: `a/tests/it/b.rs` has no test `it_hold`",
                "3: `a/c.rs`, where a test is said to be, is not there"
            ]
        );
    }

    fn without_test(text: &str) -> Vec<String> {
        invariants(Path::new(PAGE), text).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn each_invariant_names_a_test() {
        let row = |number| format!("| {number} | It holds. | `a/b.rs::it_holds` |\n");
        let rows: String = (1..=INVARIANTS).map(row).collect();
        let page = format!("# A\n\n{HEADING}\n\n| | | |\n|---|---|---|\n{rows}\n## More\n\n| 3 | x | y |\n");
        assert_eq!(without_test(&page), [""; 0]);
        assert_eq!(without_test(&page.replacen(&row(3), "", 1)).len(), 1);
        let bare = page.replacen("`a/b.rs::it_holds`", "to be written", 1);
        assert_eq!(without_test(&bare), ["invariant 1 names no test: `path/to/file.rs::the_test`"]);
    }
}
