//! Rules about one Rust file.

use std::path::Path;

use super::Finding;
use super::lexer::{Views, views};

const LONG: usize = 500;
const TOO_LONG: usize = 800;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// Every rule that needs no more than the file.
pub(super) fn check(path: &Path, text: &str) -> Vec<Finding> {
    let views = views(text);
    let mut findings = length(path, text);
    findings.extend(module_docs(path, text));
    findings.extend(names(path, &views));
    findings.extend(unsafe_code(path, &views));
    findings.extend(sleeps(path, &views));
    findings.extend(ignored(path, text, &views));
    findings.extend(temp_paths(path, &views));
    findings
}

/// Whether unsafe code may live in this file.
pub(super) fn is_sys(path: &Path) -> bool {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    let in_sys_folder = path.starts_with("crates/ori-worker/src/sys");
    is_rust && (in_sys_folder || file_stem(path).starts_with("sys"))
}

/// The root of a crate without such files must forbid unsafe code.
pub(super) fn forbids_unsafe(path: &Path, text: &str) -> Option<Finding> {
    let forbids = views(text).code.contains("#![forbid(unsafe_code)]");
    (!forbids).then(|| Finding::new(path, 1, "forbid-unsafe", "`#![forbid(unsafe_code)]` is missing"))
}

fn length(path: &Path, text: &str) -> Vec<Finding> {
    let lines = text.lines().count();
    let finding = |limit| Finding::new(path, lines, "length", format!("{lines} lines; split it ({limit})"));
    if lines > TOO_LONG {
        vec![finding("800 is the limit")]
    } else if lines > LONG {
        vec![finding("500 is the aim").warning()]
    } else {
        Vec::new()
    }
}

fn module_docs(path: &Path, text: &str) -> Option<Finding> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let documented = first.strip_prefix("//!").is_some_and(|words| !words.trim().is_empty());
    (!documented)
        .then(|| Finding::new(path, 1, "module-docs", "starts without `//!`: what lives here, and why"))
}

fn names(path: &Path, views: &Views) -> Vec<Finding> {
    let message = |name: &str| format!("`{name}` says nothing: name it for what it does");
    let folders = path.parent().into_iter().flat_map(Path::iter).filter_map(|part| part.to_str());
    let in_path = folders.chain([file_stem(path)]).filter(|name| EMPTY_NAMES.contains(name));
    let mut findings: Vec<_> = in_path.map(|name| Finding::new(path, 1, "names", message(name))).collect();
    for (line, code) in numbered(&views.code) {
        let words: Vec<&str> = words(code).collect();
        for pair in words.windows(2) {
            if pair[0] == "mod" && EMPTY_NAMES.contains(&pair[1]) {
                findings.push(Finding::new(path, line, "names", message(pair[1])));
            }
        }
    }
    findings
}

fn unsafe_code(path: &Path, views: &Views) -> Vec<Finding> {
    if is_sys(path) {
        return Vec::new();
    }
    let lines = numbered(&views.code).filter(|(_, code)| words(code).any(|word| word == "unsafe"));
    lines.map(|(line, _)| Finding::new(path, line, "unsafe", "`unsafe` outside of a sys*.rs file")).collect()
}

/// In test files, and behind `#[cfg(test)]` in others.
fn sleeps(path: &Path, views: &Views) -> Vec<Finding> {
    if path.starts_with("crates/ori-test-support") {
        return Vec::new();
    }
    let in_tests = path.iter().any(|part| part == "tests" || part == "tests.rs");
    let first = if in_tests {
        1
    } else {
        numbered(&views.code)
            .find(|(_, code)| code.contains("#[cfg(test)]"))
            .map_or(usize::MAX, |(line, _)| line)
    };
    numbered(&views.code)
        .filter(|&(line, code)| {
            line >= first && code.contains("thread::") && words(code).any(|word| word == "sleep")
        })
        .map(|(line, _)| {
            let message = "a bare sleep in a test: wait for a condition with a deadline (ori-test-support)";
            Finding::new(path, line, "sleep", message)
        })
        .collect()
}

/// Tests and documentation examples that are not run and do not say why.
fn ignored(path: &Path, text: &str, views: &Views) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, code) in numbered(&views.code) {
        let in_attribute = code.trim_start().starts_with("#[");
        if in_attribute && !code.contains('=') && words(code).any(|word| word == "ignore") {
            findings.push(Finding::new(
                path,
                line,
                "ignore",
                "an ignored test needs a reason: #[ignore = \"why\"]",
            ));
        }
    }
    for (line, raw) in numbered(text) {
        let raw = raw.trim_start();
        let doc = raw.strip_prefix("///").or_else(|| raw.strip_prefix("//!"));
        let fence = doc.and_then(|doc| doc.trim_start().strip_prefix("```"));
        if fence.is_some_and(|info| info.split(',').any(|word| word.trim() == "ignore")) {
            let message =
                "an example that is not compiled: `no_run`, `compile_fail` or `text` say more than `ignore`";
            findings.push(Finding::new(path, line, "ignore", message));
        }
    }
    findings
}

/// A fixed path in the shared temporary folder collides with the next run; comments may name one.
fn temp_paths(path: &Path, views: &Views) -> Vec<Finding> {
    let prefix = concat!("/", "tmp");
    numbered(&views.literals)
        .filter(|(_, literal)| literal.contains(prefix))
        .map(|(line, _)| {
            Finding::new(
                path,
                line,
                "paths",
                format!("a path in {prefix}: ask for a temporary folder instead"),
            )
        })
        .collect()
}

fn file_stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("")
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that `text` breaks as the file `path`, with their lines.
    fn broken(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        check(Path::new(path), text).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn a_good_file_has_no_findings() {
        let text = "//! Pools of threads.\n\n/// Never `unsafe`.\npub fn pool() -> &'static str {\n    \"unsafe\"\n}\n";
        assert_eq!(broken("crates/a/src/pool.rs", text), []);
    }

    #[test]
    fn long_files_are_warned_about_and_then_refused() {
        let of = |lines: usize| check(Path::new("a.rs"), &format!("//! A.\n{}", "\n".repeat(lines - 1)));
        assert_eq!(of(500), []);
        assert!(of(501)[0].is_warning);
        assert!(of(800)[0].is_warning);
        assert!(!of(801)[0].is_warning);
    }

    #[test]
    fn a_module_starts_with_its_documentation() {
        assert_eq!(broken("a.rs", "use std::fs;\n//! Late.\n"), [("module-docs", 1)]);
        assert_eq!(broken("a.rs", "//!\nfn a() {}\n"), [("module-docs", 1)]);
        assert_eq!(broken("a.rs", ""), [("module-docs", 1)]);
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        assert_eq!(broken("crates/a/src/utils.rs", "//! A.\n"), [("names", 1)]);
        assert_eq!(broken("crates/a/tests/common/mod.rs", "//! A.\n"), [("names", 1)]);
        assert_eq!(broken("a.rs", "//! A.\npub mod helpers {}\n"), [("names", 2)]);
        assert_eq!(broken("a.rs", "//! A.\nmod commonplace;\n"), []);
    }

    #[test]
    fn unsafe_code_stays_in_sys_files() {
        let text = "//! A.\nfn a() {\n    unsafe { b() }\n}\n#[unsafe(no_mangle)]\nfn c() {}\n";
        assert_eq!(broken("crates/a/src/pool.rs", text), [("unsafe", 3), ("unsafe", 5)]);
        assert_eq!(broken("crates/a/src/sys_unix.rs", text), []);
        assert_eq!(broken("crates/ori-worker/src/sys/socket.rs", text), []);
        assert_eq!(broken("crates/a/src/sys/socket.rs", text).len(), 2);
        assert_eq!(broken("a.rs", "//! A.\n#![forbid(unsafe_code)]\n// unsafe\n"), []);
    }

    #[test]
    fn a_root_forbids_unsafe_code() {
        let path = Path::new("src/lib.rs");
        assert_eq!(forbids_unsafe(path, "//! A.\n#![forbid(unsafe_code)]\n"), None);
        assert!(forbids_unsafe(path, "//! A.\n// #![forbid(unsafe_code)]\n").is_some());
    }

    #[test]
    fn a_test_does_not_sleep() {
        let text = "//! A.\nuse std::thread::{self, sleep};\nfn a() { thread::sleep(b); }\n";
        assert_eq!(broken("crates/a/tests/it/main.rs", text), [("sleep", 2), ("sleep", 3)]);
        assert_eq!(broken("crates/a/src/pool/tests.rs", text).len(), 2);
        assert_eq!(broken("crates/a/src/pool.rs", text), []);
        assert_eq!(broken("crates/ori-test-support/tests/it/main.rs", text), []);
        assert_eq!(
            broken("a.rs", "//! A.\n#[cfg(test)]\nmod t { fn a() { thread::sleep(b) } }\n"),
            [("sleep", 3)]
        );
    }

    #[test]
    fn an_ignored_test_has_a_reason() {
        assert_eq!(broken("a.rs", "//! A.\n#[ignore]\n"), [("ignore", 2)]);
        assert_eq!(broken("a.rs", "//! A.\n#[cfg_attr(windows, ignore)]\n"), [("ignore", 2)]);
        assert_eq!(broken("a.rs", "//! A.\n#[ignore = \"needs a GPU\"]\n"), []);
        assert_eq!(broken("a.rs", "//! A.\nfn ignore() {}\n"), []);
    }

    #[test]
    fn a_documentation_example_is_compiled() {
        assert_eq!(broken("a.rs", "//! A.\n/// ```rust,ignore\n/// a\n/// ```\n"), [("ignore", 2)]);
        assert_eq!(broken("a.rs", "//! A.\n/// ```no_run\n/// a\n/// ```\n"), []);
    }

    #[test]
    fn a_literal_names_no_shared_temporary_file() {
        let temp = concat!("/", "tmp/a");
        assert_eq!(broken("a.rs", &format!("//! A.\nlet a = \"{temp}\";\n")), [("paths", 2)]);
        assert_eq!(broken("a.rs", &format!("//! A.\n// not {temp}\n")), []);
    }
}
