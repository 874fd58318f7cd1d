//! Rules about any text: paths of somebody's machine, links that lead nowhere.

use std::path::Path;

use super::Finding;

/// Folders that few machines have.
const RARE_FOLDERS: [&str; 2] = ["root", "work"];

/// Folders that every machine has; what they hold differs.
const PEOPLES_FOLDERS: [&str; 2] = ["home", "Users"];

/// Absolute paths into those folders; a path that merely contains one of the names is fine.
pub(super) fn machine_paths(path: &Path, text: &str) -> Vec<Finding> {
    let is_word = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let rare = RARE_FOLDERS.map(|folder| (folder, format!("/{folder}")));
    let peoples = PEOPLES_FOLDERS.map(|folder| (folder, format!("/{folder}/")));
    let mut findings = Vec::new();
    for (line, words) in (1..).zip(text.lines()) {
        for (folder, start) in rare.iter().chain(&peoples) {
            let found = words.match_indices(start).any(|(at, _)| {
                let before = words[..at].chars().next_back();
                let after = words[at + start.len()..].chars().next();
                let starts = !before.is_some_and(|c| is_word(c) || "/})]*~$".contains(c));
                starts && after.is_some_and(is_word) == start.ends_with('/')
            });
            if found {
                let message = format!("a path below /{folder} exists on one machine only");
                findings.push(Finding::new(path, line, "paths", message));
            }
        }
    }
    findings
}

/// Relative links of a Markdown file whose target `exists` does not find.
pub(super) fn links(path: &Path, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    let mut in_fence = false;
    for (line, raw) in (1..).zip(text.lines()) {
        if raw.trim_start().starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        for target in targets(&without_code(raw)) {
            let file = target.split(['#', '?']).next().unwrap_or("").replace("%20", " ");
            let is_elsewhere = target.contains("://")
                || ["data:", "mailto:"].iter().any(|scheme| target.starts_with(scheme));
            let from_root =
                file.strip_prefix('/').map_or_else(|| folder.join(&file), |file| Path::new(file).to_owned());
            if !file.is_empty() && !is_elsewhere && !exists(&from_root) {
                findings.push(Finding::new(path, line, "links", format!("`{target}` leads nowhere")));
            }
        }
    }
    findings
}

/// The line with the insides of its code spans taken out.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Where the links of a line lead: `[text](target "title")` and `[label]: target`.
fn targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let is_label = |label: &str| label.starts_with('[') && !label.contains(']');
    let definition =
        line.trim_start().split_once("]: ").filter(|(label, _)| is_label(label)).map(|(_, target)| target);
    inline
        .chain(definition)
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>']).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_with_paths(text: &str) -> Vec<usize> {
        machine_paths(Path::new("a.md"), text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        // Assembled, so that this file itself has none.
        let of = |folder: &str| lines_with_paths(&format!("\nsee `/{folder}/me/data`"));
        assert!(RARE_FOLDERS.iter().chain(&PEOPLES_FOLDERS).all(|folder| of(folder) == [2]));
        assert_eq!(lines_with_paths(&format!("cd /{}", RARE_FOLDERS[0])), [1]);
    }

    #[test]
    fn paths_that_merely_look_alike_are_not() {
        let text = "ls -l /home\n/home/<you>\ncrates/work/src\nhttps://example.org/home/page\n/workspace\n{dir}/work\n~/work\n../home";
        assert_eq!(lines_with_paths(text), [0_usize; 0]);
    }

    fn dead(text: &str) -> Vec<String> {
        let exists = |path: &Path| path == Path::new("docs/a.md") || path == Path::new("b.md");
        links(Path::new("docs/index.md"), text, exists).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "[a](a.md) [a](a.md#part \"title\") [b](/b.md) [web](https://x.org/y) [here](#part)\n\n[c]: a.md\n[d]: data:a\n";
        assert_eq!(dead(text), [""; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(
            dead("[b](b.md) and [c](<c.md>)\n[d]: ../d.md"),
            ["`b.md` leads nowhere", "`c.md` leads nowhere", "`../d.md` leads nowhere"]
        );
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(dead("`a[0](b)` and\n```\n[c](c.md)\n```\n"), [""; 0]);
    }
}
