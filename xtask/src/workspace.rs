//! What the workspace contains, as cargo tells it: crates, features, targets.
//!
//! A crate steers its own tasks by `[package.metadata.xtask]` in its manifest:
//!
//! ```toml
//! [package.metadata.xtask]
//! # Features that lint, test and docs leave out, because they pull in a lot or need a system library.
//! on-request = ["peers"]
//!
//! [package.metadata.xtask.examples]
//! # The arguments with which `cargo xtask test` runs an example, from the root of the workspace.
//! find_duplicates = ["crates"]
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tinyjson::JsonValue;

use crate::Result;
use crate::command::Cmd;

/// What a crate that people can find in the registry tells about itself.
pub(crate) const ABOUT: [&str; 7] =
    ["description", "license", "readme", "documentation", "keywords", "categories", "rust_version"];

/// The workspace, its root and its crates in the order of their names.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target_dir: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One crate. Its paths are relative to the root of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// What stands under `[package]`, for people and search engines: a text is a list of one.
    pub(crate) about: BTreeMap<&'static str, Vec<String>>,
    /// The features that docs.rs switches on beside the default ones; `None` for all.
    pub(crate) docs_features: Option<Vec<String>>,
    pub(crate) published: bool,
    pub(crate) in_default_members: bool,
    pub(crate) rust_version: Option<String>,
    pub(crate) manifest: PathBuf,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) targets: Vec<Target>,
    pub(crate) on_request: Vec<String>,
    pub(crate) example_args: BTreeMap<String, Vec<String>>,
}

/// A library, program, test, example or benchmark of a crate.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kinds: Vec<String>,
    pub(crate) source: PathBuf,
    pub(crate) required_features: Vec<String>,
    /// Whether `cargo test` runs it without being asked for it by name.
    pub(crate) is_tested: bool,
}

impl Workspace {
    /// Asks cargo about the workspace that this program was built in.
    pub(crate) fn load() -> Result<Self> {
        // Not from the folder of this crate: cargo would call it the only default member.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(""));
        let metadata = Cmd::cargo("metadata --no-deps --format-version 1")
            .output(root)
            .ok_or("`cargo metadata` could not read the workspace; see above")?;
        Self::parse(&metadata)
    }

    /// Reads what `cargo metadata --no-deps --format-version 1` prints.
    fn parse(metadata: &str) -> Result<Self> {
        let metadata: JsonValue = metadata.parse()?;
        let root = PathBuf::from(string(&metadata, "workspace_root").ok_or("cargo metadata names no root")?);
        let target_dir =
            string(&metadata, "target_directory").ok_or("cargo metadata names no target folder")?;
        let default_members = strings(field(&metadata, "workspace_default_members"));
        let mut packages: Vec<Package> = list(field(&metadata, "packages"))
            .iter()
            .map(|package| Package::parse(package, &root, &default_members))
            .collect::<Option<_>>()
            .ok_or("cargo metadata describes a package without name or manifest")?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { target_dir: target_dir.into(), root, packages })
    }

    /// The name of the platform that cargo builds for unless told otherwise.
    pub(crate) fn host(&self) -> Option<String> {
        let version = Cmd::new("rustc").args(["-vV"]).output(&self.root)?;
        version.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
    }

    /// The arguments that switch on every feature of every crate, but those on request.
    ///
    /// `--all-features` would build the competitors of the benchmarks and want C libraries.
    pub(crate) fn all_features(&self) -> Vec<String> {
        self.features_where(|_| true)
    }

    /// The same for one crate.
    pub(crate) fn features_of(&self, name: &str) -> Vec<String> {
        self.features_where(|package| package.name == name)
    }

    fn features_where(&self, wanted: impl Fn(&Package) -> bool) -> Vec<String> {
        let features: Vec<String> = self
            .packages
            .iter()
            .filter(|package| wanted(package))
            .flat_map(|package| {
                self.features(package).into_iter().map(|feature| format!("{}/{feature}", package.name))
            })
            .collect();
        if features.is_empty() { Vec::new() } else { vec!["--features".to_owned(), features.join(",")] }
    }

    /// The crates that are published.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.published)
    }

    /// The arguments that select them.
    pub(crate) fn select_published(&self) -> Vec<String> {
        self.published().flat_map(|package| ["--package".to_owned(), package.name.clone()]).collect()
    }

    /// The features of a crate that a Rust toolchain can build; without `default`, which is only a
    /// selection of them.
    pub(crate) fn features<'a>(&self, package: &'a Package) -> Vec<&'a str> {
        let on_request = self.on_request();
        let features = package.features.keys().map(String::as_str);
        features
            .filter(|&feature| feature != "default")
            .filter(|feature| !on_request.contains(&format!("{}/{feature}", package.name)))
            .collect()
    }

    /// The features of `target` that [`all_features`](Self::all_features) leaves off.
    pub(crate) fn missing_features<'a>(&self, package: &Package, target: &'a Target) -> Vec<&'a str> {
        let on_request = self.on_request();
        let missing = |feature: &&String| on_request.contains(&format!("{}/{feature}", package.name));
        target.required_features.iter().filter(missing).map(String::as_str).collect()
    }

    /// `crate/feature` for each feature that is built on request only, or switches on one that is.
    fn on_request(&self) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = self
            .packages
            .iter()
            .flat_map(|package| {
                package.on_request.iter().map(|feature| format!("{}/{feature}", package.name))
            })
            .collect();
        loop {
            let before = found.len();
            for package in &self.packages {
                for (feature, enables) in &package.features {
                    let full = |enabled: &String| match enabled.split_once('/') {
                        Some((dependency, feature)) => {
                            format!("{}/{feature}", dependency.trim_end_matches('?'))
                        }
                        None => format!("{}/{enabled}", package.name),
                    };
                    if enables.iter().any(|enabled| found.contains(&full(enabled))) {
                        found.insert(format!("{}/{feature}", package.name));
                    }
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    /// The oldest Rust that the workspace promises to build with.
    pub(crate) fn rust_version(&self) -> Option<&str> {
        self.packages.iter().find_map(|package| package.rust_version.as_deref())
    }

    /// Every target of one kind (`lib`, `bin`, `test`, `example`), with its crate.
    pub(crate) fn targets<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a Package, &'a Target)> {
        self.packages
            .iter()
            .flat_map(|package| package.targets.iter().map(move |target| (package, target)))
            .filter(move |(_, target)| target.is(kind))
    }
}

impl Package {
    fn parse(json: &JsonValue, root: &Path, default_members: &[String]) -> Option<Self> {
        let tasks = field(json, "metadata").and_then(|metadata| field(metadata, "xtask"));
        let docs = field(json, "metadata").and_then(|metadata| field(field(metadata, "docs")?, "rs"));
        let relative =
            |path: String| Path::new(&path).strip_prefix(root).map_or(path.clone().into(), Path::to_path_buf);
        Some(Self {
            name: string(json, "name")?,
            about: ABOUT.iter().map(|&key| (key, texts(field(json, key)))).collect(),
            docs_features: docs
                .is_none_or(|docs| field(docs, "all-features").is_none())
                .then(|| strings(docs.and_then(|docs| field(docs, "features")))),
            // `publish = false` is an empty list of registries; no word on it is null.
            published: field(json, "publish")
                .is_none_or(|publish| publish.is_null() || !list(Some(publish)).is_empty()),
            in_default_members: string(json, "id").is_some_and(|id| default_members.contains(&id)),
            rust_version: string(json, "rust_version"),
            manifest: relative(string(json, "manifest_path")?),
            features: map_of_strings(field(json, "features")),
            targets: list(field(json, "targets"))
                .iter()
                .map(|target| {
                    Some(Target {
                        name: string(target, "name")?,
                        kinds: strings(field(target, "kind")),
                        source: relative(string(target, "src_path")?),
                        required_features: strings(field(target, "required-features")),
                        is_tested: field(target, "test")
                            .and_then(|test| test.get())
                            .is_some_and(|&test| test),
                    })
                })
                .collect::<Option<_>>()?,
            on_request: strings(tasks.and_then(|tasks| field(tasks, "on-request"))),
            example_args: map_of_strings(tasks.and_then(|tasks| field(tasks, "examples"))),
        })
    }

    /// The folder of the crate.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new(""))
    }

    /// The arguments that an example wants.
    pub(crate) fn example_args(&self, example: &str) -> &[String] {
        self.example_args.get(example).map_or(&[], Vec::as_slice)
    }

    /// The arguments for examples that do not exist (any more).
    pub(crate) fn stray_example_args(&self) -> impl Iterator<Item = &str> {
        let exists =
            |name: &str| self.targets.iter().any(|target| target.is("example") && target.name == name);
        self.example_args.keys().map(String::as_str).filter(move |name| !exists(name))
    }
}

impl Target {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kinds.iter().any(|own| own == kind)
    }

    pub(crate) fn is_library(&self) -> bool {
        ["lib", "rlib", "proc-macro", "cdylib", "staticlib"].iter().any(|kind| self.is(kind))
    }
}

fn field<'a>(json: &'a JsonValue, name: &str) -> Option<&'a JsonValue> {
    json.get::<std::collections::HashMap<String, JsonValue>>()?.get(name)
}

fn string(json: &JsonValue, name: &str) -> Option<String> {
    field(json, name)?.get::<String>().cloned()
}

fn list(json: Option<&JsonValue>) -> &[JsonValue] {
    json.and_then(|json| json.get::<Vec<JsonValue>>()).map_or(&[], Vec::as_slice)
}

fn strings(json: Option<&JsonValue>) -> Vec<String> {
    list(json).iter().filter_map(|item| item.get::<String>().cloned()).collect()
}

/// A text or a list of texts.
fn texts(json: Option<&JsonValue>) -> Vec<String> {
    json.and_then(|json| json.get::<String>()).map_or_else(|| strings(json), |text| vec![text.clone()])
}

fn map_of_strings(json: Option<&JsonValue>) -> BTreeMap<String, Vec<String>> {
    json.and_then(|json| json.get::<std::collections::HashMap<String, JsonValue>>())
        .map(|map| map.iter().map(|(name, items)| (name.clone(), strings(Some(items)))).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_root": "/ws", "target_directory": "/ws/target", "workspace_default_members": ["id-face"],
        "packages": [
            {"name": "tools", "id": "id-tools", "manifest_path": "/ws/crates/tools/Cargo.toml", "publish": [],
             "description": null, "rust_version": "1.88",
             "features": {"default": [], "c": [], "fast": ["dep:simd"]},
             "metadata": {"xtask": {"on-request": ["c"]}}, "targets": []},
            {"name": "face", "id": "id-face", "manifest_path": "/ws/crates/face/Cargo.toml", "publish": null,
             "description": "A face", "rust_version": "1.88",
             "features": {"c": ["tools?/c"], "everything": ["c"], "plain": []},
             "metadata": {"xtask": {"examples": {"show": ["a", "b"], "gone": []}}},
             "targets": [
                {"name": "show", "kind": ["example"], "src_path": "/ws/crates/face/examples/show.rs",
                 "required-features": ["plain", "everything"]},
                {"name": "face", "kind": ["lib"], "src_path": "/ws/crates/face/src/lib.rs"}]}
        ]}"#;

    fn workspace() -> Workspace {
        Workspace::parse(METADATA).unwrap()
    }

    #[test]
    fn packages_are_read_with_relative_paths() {
        let workspace = workspace();
        let [face, tools] = workspace.packages.as_slice() else { panic!("{workspace:?}") };
        assert_eq!(face.folder(), Path::new("crates/face"));
        assert!(face.published && face.in_default_members);
        assert!(!tools.published && !tools.in_default_members);
        assert!(face.targets[1].is_library());
        assert_eq!(face.targets[1].source, Path::new("crates/face/src/lib.rs"));
        assert_eq!(workspace.rust_version(), Some("1.88"));
    }

    #[test]
    fn features_on_request_are_left_out_with_all_that_switch_them_on() {
        assert_eq!(workspace().all_features(), ["--features", "face/plain,tools/fast"]);
        assert_eq!(workspace().features_of("face"), ["--features", "face/plain"]);
        assert_eq!(workspace().features_of("none"), [""; 0]);
    }

    #[test]
    fn an_example_knows_its_arguments_and_what_keeps_it_from_running() {
        let workspace = workspace();
        let (package, example) = workspace.targets("example").next().unwrap();
        assert_eq!(package.example_args("show"), ["a", "b"]);
        assert_eq!(workspace.missing_features(package, example), ["everything"]);
        assert_eq!(package.stray_example_args().collect::<Vec<_>>(), ["gone"]);
    }

    #[test]
    fn this_workspace_is_found() {
        let workspace = Workspace::load().unwrap();
        let names: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
        assert!(names.contains(&"xtask") && names.contains(&"ori-rs"), "{names:?}");
        assert!(
            workspace.packages.iter().filter(|package| package.in_default_members).count() > 1,
            "{names:?}"
        );
    }
}
