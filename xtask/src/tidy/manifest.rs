//! Rules about a crate's manifest and what its folder and documentation say beside it.

use std::collections::BTreeSet;
use std::path::Path;

use super::Finding;
use crate::workspace::{ABOUT, Package, Target};

/// The facade: its name is taken in the registry, so that its folder is named after its library.
const FACADE: &str = "ori-rs";
const FACADE_FOLDER: &str = "ori";
const FACADE_LINES: usize = 120;

/// What every crate takes from the root manifest.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// Every rule that needs no more than the manifest and what cargo says about the crate.
pub(super) fn check(package: &Package, manifest: &str) -> Vec<Finding> {
    let mut findings = inheritance(package, manifest);
    findings.extend(folder(package));
    findings.extend(listing(package, manifest));
    findings.extend(test_programs(package, manifest));
    findings
}

/// The table of features in `lib.rs` names those of the manifest; and the facade's `lib.rs`,
/// re-exports and a guide, stays short.
pub(super) fn features_table(package: &Package, path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if package.name == FACADE && lines >= FACADE_LINES {
        let message = format!("{lines} lines; the facade is re-exports and a guide, under {FACADE_LINES}");
        findings.push(Finding::new(path, lines, "length", message));
    }
    let (line, documented) = documented_features(text);
    let declared: BTreeSet<&str> =
        package.features.keys().map(String::as_str).filter(|&feature| feature != "default").collect();
    for feature in declared.difference(&documented) {
        let message =
            format!("the feature `{feature}` is missing from the table `| feature | .. |` in these docs");
        findings.push(Finding::new(path, line, "features", message));
    }
    for feature in documented.difference(&declared) {
        let message = format!("the table documents a feature `{feature}` that the manifest does not have");
        findings.push(Finding::new(path, line, "features", message));
    }
    findings
}

/// The line of the table's head (1 if there is no table) and the names in its first column.
fn documented_features(text: &str) -> (usize, BTreeSet<&str>) {
    let rows = |line| {
        text.lines().skip(line).map_while(|row: &str| row.strip_prefix("//!")?.trim().strip_prefix('|'))
    };
    let is_head = |row: &str| row.trim_start().to_lowercase().starts_with("feature");
    let head = (0..text.lines().count()).find(|&line| rows(line).next().is_some_and(is_head));
    let Some(head) = head else { return (1, BTreeSet::new()) };
    (head + 1, rows(head + 2).filter_map(|row| row.split('|').next()?.split('`').nth(1)).collect())
}

fn inheritance(package: &Package, manifest: &str) -> Vec<Finding> {
    let inherits = |section: &str, key: &str| {
        entries(manifest).any(|entry| {
            let dotted = entry.key == format!("{key}.workspace") && entry.value == "true";
            let table = entry.key == key && entry.value.replace(' ', "") == "{workspace=true}";
            entry.section == section && (dotted || table)
        })
    };
    let mut missing: Vec<String> = INHERITED
        .iter()
        .filter(|key| !inherits("[package]", key))
        .map(|key| format!("`{key}.workspace = true` is missing in [package]"))
        .collect();
    let lints =
        |entry: Entry<'_>| entry.section == "[lints]" && entry.key == "workspace" && entry.value == "true";
    if !entries(manifest).any(lints) {
        missing.push("`workspace = true` is missing in [lints]".to_owned());
    }
    missing.into_iter().map(|message| Finding::new(&package.manifest, 1, "inherit", message)).collect()
}

fn folder(package: &Package) -> Option<Finding> {
    let expected = if package.name == FACADE { FACADE_FOLDER } else { &package.name };
    let differs = package.folder().file_name().is_none_or(|folder| folder != expected);
    let message = || format!("the folder of `{}` must be named `{expected}`", package.name);
    differs.then(|| Finding::new(&package.manifest, 1, "folder", message()))
}

/// What a crate that people can find in the registry must have.
fn listing(package: &Package, manifest: &str) -> Vec<Finding> {
    if !package.published {
        return Vec::new();
    }
    let line = entries(manifest).find(|entry| entry.key == "name").map_or(1, |entry| entry.line);
    let mut findings = Vec::new();
    let is_missing =
        |key: &&&str| package.about.get(**key).is_none_or(|texts| texts.concat().trim().is_empty());
    for key in ABOUT.iter().filter(is_missing) {
        let message = format!("a published crate has {}", key.replace('_', "-"));
        findings.push(Finding::new(&package.manifest, line, "about", message));
    }
    if let Some(shown) = &package.docs_features {
        let by_default = package.features.get("default").map_or(&[][..], Vec::as_slice);
        let hidden = |feature: &&String| {
            *feature != "default"
                && ![shown, by_default, &package.on_request].iter().any(|list| list.contains(feature))
        };
        if shown.is_empty() {
            let message =
                "a published crate has `all-features = true` in [package.metadata.docs.rs], or `features`";
            findings.push(Finding::new(&package.manifest, line, "docs-features", message));
        }
        for feature in package.features.keys().filter(hidden) {
            let message =
                format!("docs.rs would not show the feature `{feature}`: see [package.metadata.docs.rs]");
            findings.push(Finding::new(&package.manifest, line, "docs-features", message));
        }
    }
    if !package.in_default_members {
        let message = "a published crate belongs to `default-members` in the root Cargo.toml";
        findings.push(Finding::new(&package.manifest, line, "default-members", message));
    }
    findings
}

/// One integration-test program a crate links once; the others are those that start themselves
/// again, and need a `main` of their own for it.
fn test_programs(package: &Package, manifest: &str) -> Vec<Finding> {
    let mut own_main = Vec::new();
    let (mut name, mut harness) = (None, true);
    for entry in entries(manifest).filter(|entry| entry.section.starts_with("[[test]]")) {
        match entry.key {
            "name" => (name, harness) = (Some(entry.value.trim_matches('"')), true),
            "harness" => harness = entry.value != "false",
            _ => {}
        }
        if let Some(name) = name.filter(|_| !harness) {
            own_main.push(name);
        }
    }
    let of_a_task = |target: &&Target| ["stress", "models"].contains(&target.name.as_str());
    let in_the_way = package.targets.iter().filter(of_a_task).filter(|target| target.is_tested);
    let in_the_way = in_the_way.map(|target| {
        let message = "stress tests and models have `test = false`: `cargo xtask` has a task for them";
        Finding::new(&target.source, 1, "test-programs", message)
    });
    let is_extra = |target: &&Target| {
        target.is("test") && target.name != "it" && !own_main.contains(&target.name.as_str())
    };
    let extra = package.targets.iter().filter(is_extra).filter(|target| !of_a_task(target));
    let extra = extra.map(|target| {
        let message =
            "integration tests of a crate are one program, tests/it/main.rs (or have `harness = false`)";
        Finding::new(&target.source, 1, "test-programs", message)
    });
    in_the_way.chain(extra).collect()
}

/// A `key = value` of a manifest with the head of its section.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    line: usize,
    section: &'a str,
    key: &'a str,
    value: &'a str,
}

/// The entries that stand on one line: all that these rules ask about.
fn entries(manifest: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut section = "";
    (1..).zip(manifest.lines()).filter_map(move |(line, text)| {
        let text = text.trim();
        if text.starts_with('[') {
            section = text;
            return None;
        }
        let (key, value) = text.split_once('=').filter(|_| !text.starts_with('#'))?;
        Some(Entry { line, section, key: key.trim(), value: value.trim() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"ori-a\"\nversion.workspace = true\nedition = { workspace = true }\n\
        rust-version.workspace = true\nlicense.workspace = true\n\n[lints]\nworkspace = true\n";

    fn package() -> Package {
        Package {
            name: "ori-a".into(),
            about: ABOUT.iter().map(|&key| (key, vec!["x".to_owned()])).collect(),
            published: true,
            in_default_members: true,
            manifest: "crates/ori-a/Cargo.toml".into(),
            ..Package::default()
        }
    }

    fn rules(package: &Package, manifest: &str) -> Vec<&'static str> {
        check(package, manifest).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_good_manifest_has_no_findings() {
        assert_eq!(rules(&package(), GOOD), [""; 0]);
    }

    #[test]
    fn what_the_root_says_is_inherited() {
        assert_eq!(
            rules(&package(), &GOOD.replace("version.workspace = true\nedition", "edition")),
            ["inherit"]
        );
        assert_eq!(rules(&package(), &GOOD.replace("{ workspace = true }", "\"2021\"")), ["inherit"]);
        assert_eq!(rules(&package(), &GOOD.replace("[lints]", "[lints.rust]")), ["inherit"]);
        assert_eq!(rules(&package(), &GOOD.replace("license", "# license")), ["inherit"]);
    }

    #[test]
    fn a_folder_is_named_as_its_crate() {
        let moved = Package { manifest: "crates/other/Cargo.toml".into(), ..package() };
        assert_eq!(rules(&moved, GOOD), ["folder"]);
        let facade = Package { name: "ori-rs".into(), manifest: "crates/ori/Cargo.toml".into(), ..package() };
        assert_eq!(rules(&facade, GOOD), [""; 0]);
    }

    #[test]
    fn a_published_crate_tells_about_itself_and_is_built_by_default() {
        let mut bare = Package { in_default_members: false, ..package() };
        bare.about.insert("description", vec![" ".into()]);
        bare.about.remove("keywords");
        let findings = check(&bare, GOOD);
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert!(messages[0].ends_with("description") && messages[1].ends_with("keywords"), "{messages:?}");
        assert_eq!(findings[2].rule, "default-members");
        assert_eq!(rules(&Package { published: false, ..bare }, GOOD), [""; 0]);
    }

    #[test]
    fn docs_show_every_feature_that_they_can() {
        let features = ["a", "b", "c", "default"].map(|name| (name.to_owned(), vec!["a".to_owned()]));
        let package = Package { features: features.into(), on_request: vec!["c".into()], ..package() };
        let shown = |features: &[&str]| Package {
            docs_features: Some(features.iter().map(|&feature| feature.to_owned()).collect()),
            features: package.features.clone(),
            on_request: package.on_request.clone(),
            about: package.about.clone(),
            ..self::package()
        };
        assert_eq!(rules(&package, GOOD), [""; 0]);
        assert_eq!(rules(&shown(&["b"]), GOOD), [""; 0]);
        assert_eq!(rules(&shown(&["a"]), GOOD), ["docs-features"]);
        assert_eq!(rules(&shown(&[]), GOOD), ["docs-features", "docs-features"]);
    }

    #[test]
    fn a_crate_has_one_integration_test_program() {
        let test = |name: &str| Target {
            name: name.into(),
            kinds: vec!["test".into()],
            source: format!("crates/ori-a/tests/{name}.rs").into(),
            required_features: Vec::new(),
            is_tested: true,
        };
        let package = Package { targets: vec![test("it"), test("reenter"), test("extra")], ..package() };
        let manifest =
            format!("{GOOD}\n[[test]]\nname = \"reenter\"\nharness = false\n\n[[test]]\nname = \"extra\"\n");
        let findings = check(&package, &manifest);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].path, Path::new("crates/ori-a/tests/extra.rs"));
    }

    #[test]
    fn stress_tests_and_models_are_left_to_their_own_task() {
        for name in ["stress", "models"] {
            let program = |is_tested| Target {
                name: name.into(),
                kinds: vec!["test".into()],
                source: format!("crates/ori-a/tests/{name}.rs").into(),
                required_features: Vec::new(),
                is_tested,
            };
            let with = |is_tested| Package { targets: vec![program(is_tested)], ..package() };
            assert_eq!(rules(&with(true), GOOD), ["test-programs"]);
            assert_eq!(rules(&with(false), GOOD), [""; 0]);
        }
    }

    fn table(features: &[&str], docs: &str) -> Vec<String> {
        let features = features.iter().map(|&feature| (feature.to_owned(), Vec::new())).collect();
        let findings = features_table(&Package { features, ..package() }, Path::new("src/lib.rs"), docs);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn the_table_of_features_names_those_of_the_manifest() {
        let docs = "//! A crate.\n//!\n//! | Feature | what |\n//! |---|---|\n//! | `npz` | arrays |\n//!\n//! | `x` | y |\n";
        assert_eq!(table(&["default", "npz"], docs), [""; 0]);
        assert!(table(&["npz", "hdf5"], docs)[0].contains("`hdf5` is missing"));
        assert!(table(&[], docs)[0].contains("does not have"));
        assert_eq!(table(&["npz"], "//! A crate.\n").len(), 1);
        assert_eq!(table(&["default"], "//! A crate.\n"), [""; 0]);
    }

    #[test]
    fn the_facade_stays_short() {
        let facade = Package { name: "ori-rs".into(), ..package() };
        let lines = |count| features_table(&facade, Path::new("src/lib.rs"), &"//! A.\n".repeat(count)).len();
        assert_eq!((lines(119), lines(120)), (0, 1));
    }
}
