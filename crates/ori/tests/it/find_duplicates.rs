//! The example `find_duplicates` against a count made with nothing but `std`: every file is read in
//! whole, and files are the same when their bytes are.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ori::poolchain::Recorder;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::cli;
use crate::program::report::{Name, Report};
use crate::program::search::{Observer, Workers, search};

/// More than the program's first block.
const LONG: usize = 100_000;

/// The names of a group; each file by its first name.
type Groups = BTreeSet<BTreeSet<PathBuf>>;

struct Silent;

impl Observer for Silent {
    fn found(&self, _: &Path) {}
    fn to_read(&self, _: u64) {}
    fn read(&self, _: u64) {}
}

fn in_threads(count: usize) -> Workers {
    Workers { count, isolated: false }
}

fn isolated(count: usize) -> Workers {
    Workers { count, isolated: true }
}

fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

/// A text of which the byte at `at` is another one.
fn long_with(at: usize) -> Vec<u8> {
    let mut text: Vec<u8> = (0..LONG).map(|n| (n % 251) as u8).collect();
    text[at] = 255;
    text
}

/// A tree with every kind of file that the program treats in its own way.
fn tree() -> TempDir {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root.join("short/a"), "the same");
    write(root.join("short/b"), "the same");
    write(root.join("short/deep/er/c"), "the same");
    write(root.join("short/same length"), "the sane");
    write(root.join("alone"), "nobody is like me");

    // As long as a block, and one byte to either side of it.
    for length in [16_383, 16_384, 16_385] {
        write(root.join(format!("edge/{length} a")), vec![7; length]);
        write(root.join(format!("edge/{length} b")), vec![7; length]);
    }
    write(root.join("long/first byte"), long_with(0));
    write(root.join("long/middle"), long_with(LONG / 2));
    write(root.join("long/last byte"), long_with(LONG - 1));
    write(root.join("long/last byte again"), long_with(LONG - 1));

    write(root.join("empty/a"), "");
    write(root.join("empty/b"), "");

    // Many small ones, for batches: 40 groups of 10.
    for n in 0..400 {
        write(root.join(format!("many/{n}")), format!("contents {:02}", n % 40));
    }
    #[cfg(unix)]
    unix(root);
    dir
}

#[cfg(unix)]
fn unix(root: &Path) {
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    write(root.join("names").join(OsString::from_vec(b"not \xff Unicode".to_vec())), "named oddly");
    write(root.join("names/Unicode ü"), "named oddly");
    write(root.join("names/new\nline"), "named oddly");

    // Three names of one file waste nothing; a copy of it does, once.
    write(root.join("links/linked"), "linked and copied");
    fs::hard_link(root.join("links/linked"), root.join("links/linked too")).unwrap();
    fs::hard_link(root.join("links/linked"), root.join("alias")).unwrap();
    write(root.join("links/copy"), "linked and copied");
    write(root.join("links/only linked"), "only linked, never copied");
    fs::hard_link(root.join("links/only linked"), root.join("links/only linked too")).unwrap();

    symlink("linked", root.join("links/soft")).unwrap();
    symlink("nothing", root.join("links/dangling")).unwrap();
    symlink("..", root.join("links/loop")).unwrap();

    // Whoever opens this one waits for ever.
    let made = std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap();
    assert!(made.success());
    std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
}

#[cfg(unix)]
fn identity(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let metadata = path.metadata().unwrap();
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap()
}

/// The independent count: groups by first name, and the bytes that they waste.
fn count(root: &Path) -> (Groups, u64) {
    let mut folders = vec![root.to_owned()];
    let mut files = HashMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let names: &mut BTreeSet<_> = files.entry(identity(&entry.path())).or_default();
                names.insert(entry.path());
            }
        }
    }
    let mut by_contents: HashMap<Vec<u8>, BTreeSet<PathBuf>> = HashMap::new();
    for names in files.into_values() {
        let name = names.into_iter().next().unwrap();
        by_contents.entry(fs::read(&name).unwrap()).or_default().insert(name);
    }
    by_contents.retain(|contents, names| !contents.is_empty() && names.len() > 1);
    let wasted =
        by_contents.iter().map(|(contents, names)| contents.len() * (names.len() - 1)).sum::<usize>();
    (by_contents.into_values().collect(), wasted as u64)
}

fn groups(report: &Report) -> Groups {
    let first = |names: &Vec<Name>| names[0].0.clone();
    report.groups.iter().map(|group| group.files.iter().map(first).collect()).collect()
}

#[test]
fn it_finds_what_a_plain_count_finds() {
    let dir = tree();
    let (expected, wasted) = count(dir.path());
    assert!(expected.len() > 44, "{expected:?}");
    for threads in [1, 2, 16] {
        let report =
            search(&[dir.path().to_owned()], in_threads(threads), &Recorder::new(), Arc::new(Silent))
                .unwrap();
        assert_eq!(groups(&report), expected);
        assert_eq!(report.totals.wasted, wasted);
        assert_eq!(report.totals.groups, expected.len() as u64);
        assert_eq!(report.totals.empty_files, 2);
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        let stages: Vec<_> = report.stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(stages, ["size", "first block", "full digest"]);
        assert_eq!(report.stages[0].items, report.totals.files + report.totals.other_names);
        assert_eq!(report.stages[2].items, 5);
    }
}

/// The report as JSON, without what differs from run to run.
fn what_was_found(report: &Report) -> Value {
    let mut report = serde_json::to_value(report).unwrap();
    report["totals"].as_object_mut().unwrap().remove("seconds");
    for stage in report["stages"].as_array_mut().unwrap() {
        stage
            .as_object_mut()
            .unwrap()
            .retain(|name, _| ["name", "items", "errors", "workers"].contains(&&**name));
    }
    report
}

#[test]
fn worker_processes_find_what_threads_find() {
    let dir = tree();
    let roots = [dir.path().to_owned()];
    for count in [1, 2] {
        let here = search(&roots, in_threads(count), &Recorder::new(), Arc::new(Silent)).unwrap();
        let there = search(&roots, isolated(count), &Recorder::new(), Arc::new(Silent)).unwrap();
        assert_eq!(what_was_found(&there), what_was_found(&here));
    }
    let (status, out, errors) = run(&[&"--isolate", &"--threads", &"2", &dir.path()]);
    assert_eq!((status, errors.as_str()), (0, ""));
    assert!(out.contains("groups of identical files"), "{out}");
}

#[test]
fn only_files_that_share_their_first_block_are_read_to_the_end() {
    let dir = tree();
    let report = search(&[dir.path().to_owned()], in_threads(2), &Recorder::new(), Arc::new(Silent)).unwrap();
    // Three that are the same up to the last byte or the middle, and two just beyond a block.
    let to_the_end = 3 * LONG as u64 + 2 * 16_385;
    let blocks = report.totals.bytes_read - to_the_end;
    assert!(blocks < report.totals.bytes, "{:?}", report.totals);
    assert!((4 + 2 + 2 + 2) * 16_383 < blocks && blocks < 11 * 16_384, "{blocks} bytes");
}

#[cfg(unix)]
#[test]
fn hard_links_are_names_of_one_file() {
    let dir = tree();
    let root = dir.path();
    let report = search(&[root.to_owned()], in_threads(2), &Recorder::new(), Arc::new(Silent)).unwrap();
    let group = report.groups.iter().find(|group| group.size == 17 && group.files.len() == 2).unwrap();
    let names: Vec<Vec<_>> =
        group.files.iter().map(|names| names.iter().map(|Name(path)| path.clone()).collect()).collect();
    let linked = vec![root.join("alias"), root.join("links/linked"), root.join("links/linked too")];
    assert_eq!(names, [linked, vec![root.join("links/copy")]]);
    assert_eq!(group.wasted, 17);
    assert_eq!((report.totals.other_names, report.totals.symbolic_links), (3, 3));
    assert_eq!(report.totals.special_files, 2);
}

#[test]
fn a_folder_given_twice_is_not_compared_with_itself() {
    let dir = tree();
    let (expected, wasted) = count(dir.path());
    let roots = [dir.path().to_owned(), dir.path().join("short"), dir.path().join("short/../short")];
    let report = search(&roots, in_threads(2), &Recorder::new(), Arc::new(Silent)).unwrap();
    assert_eq!((report.totals.wasted, report.groups.len()), (wasted, expected.len()));
}

/// Spoils files between the moment when they are found and the moment when they are opened.
struct Saboteur {
    found: AtomicU64,
}

impl Observer for Saboteur {
    fn found(&self, path: &Path) {
        self.found.fetch_add(1, Ordering::Relaxed);
        if path.ends_with("vanishes") {
            fs::remove_file(path).unwrap();
        }
    }

    fn to_read(&self, _: u64) {}

    fn read(&self, _: u64) {}
}

#[test]
fn what_cannot_be_read_is_listed_and_stops_nothing() {
    let dir = tree();
    let (expected, _) = count(dir.path());
    write(dir.path().join("vanishes"), "the same");
    let nowhere = dir.path().join("nowhere");
    let saboteur = Arc::new(Saboteur { found: AtomicU64::new(0) });

    let roots = [nowhere.clone(), dir.path().to_owned()];
    let report = search(&roots, in_threads(2), &Recorder::new(), Arc::clone(&saboteur) as _).unwrap();

    assert_eq!(groups(&report), expected);
    let failed: Vec<_> =
        report.errors.iter().map(|error| (error.path.clone(), error.stage.as_str())).collect();
    let vanished = dir.path().join("vanishes");
    assert_eq!(failed, [(Some(Name(nowhere)), "walk"), (Some(Name(vanished)), "size")]);
    assert!(report.errors.iter().all(|error| !error.reason.is_empty()));
    assert_eq!(report.stages[0].errors, 1);
    assert_eq!(saboteur.found.load(Ordering::Relaxed), report.totals.files + report.totals.other_names + 1);
    let text = report.to_string();
    assert!(text.contains("2 could not be read:") && text.contains("vanishes: "), "{text}");
}

/// Spoils two files after their first blocks were read, and before the rest of either is.
struct LateSaboteur {
    grows: PathBuf,
    shrinks: PathBuf,
    is_done: AtomicBool,
}

impl Observer for LateSaboteur {
    fn found(&self, _: &Path) {}

    fn to_read(&self, bytes: u64) {
        if bytes == LONG as u64 && !self.is_done.swap(true, Ordering::Relaxed) {
            write(&self.grows, vec![1; LONG + 1]);
            write(&self.shrinks, vec![1; LONG - 1]);
        }
    }

    fn read(&self, _: u64) {}
}

#[test]
fn a_file_that_changes_meanwhile_is_an_error_and_no_duplicate() {
    let dir = TempDir::new().unwrap();
    let paths = ["grows", "shrinks"].map(|name| dir.path().join(name));
    for workers in [in_threads(2), isolated(2)] {
        for path in &paths {
            write(path, vec![1; LONG]);
        }
        let [grows, shrinks] = paths.clone();
        let saboteur = LateSaboteur { grows, shrinks, is_done: AtomicBool::new(false) };
        let report = search(&[dir.path().to_owned()], workers, &Recorder::new(), Arc::new(saboteur)).unwrap();
        assert!(report.groups.is_empty(), "{report}");
        let failed: Vec<_> = report.errors.iter().map(|error| error.path.clone().unwrap().0).collect();
        assert_eq!(failed, paths);
        assert!(report.errors.iter().all(|error| error.stage == "full digest"), "{report}");
        assert!(report.errors.iter().all(|error| error.reason.contains("changed")), "{report}");
    }
}

/// Runs the program; its exit status and what it printed.
fn run(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> (u8, String, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let arguments = arguments.iter().map(|argument| OsString::from(argument.as_ref()));
    let status = cli::run(arguments, &mut out, &mut errors);
    (status, String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap())
}

#[test]
fn the_program_draws_what_its_three_chains_did() {
    let dir = tree();
    let elsewhere = TempDir::new().unwrap();
    let (timeline, trace) = (elsewhere.path().join("run.svg"), elsewhere.path().join("run.json"));
    let (status, _, errors) = run(&[&"--timeline", &timeline, &"--trace", &trace, &dir.path()]);
    assert_eq!((status, errors.as_str()), (0, ""));
    let svg = fs::read_to_string(timeline).unwrap();
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    let names: Vec<&str> = trace["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["args"]["name"].as_str())
        .collect();
    for stage in ["size", "first block", "full digest"] {
        assert!(svg.contains(stage));
        assert!(names.iter().any(|name| name.starts_with(stage)), "{names:?}");
    }
}

#[test]
fn the_program_prints_the_report_and_writes_it_as_json() {
    let dir = tree();
    let (expected, wasted) = count(dir.path());
    let elsewhere = TempDir::new().unwrap();
    let json = elsewhere.path().join("report.json");

    let (status, out, errors) = run(&[&"--json", &json, &"--threads", &"2", &dir.path()]);
    assert_eq!((status, errors.as_str()), (0, ""));
    for text in ["10 files of 11 B, 99 B wasted", "groups of identical files", "full digest"] {
        assert!(out.contains(text), "no `{text}` in {out}");
    }

    let json: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(json["totals"]["wasted"], wasted);
    let path = |name: &Value| match name {
        Value::String(text) => PathBuf::from(text),
        bytes => path_from(serde_json::from_value(bytes.clone()).unwrap()),
    };
    let found: Groups = json["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["files"].as_array().unwrap().iter().map(|names| path(&names[0])).collect())
        .collect();
    assert_eq!(found, expected);
}

#[cfg(unix)]
fn path_from(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_from(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8(bytes).unwrap().into()
}

#[test]
fn the_exit_status_tells_what_happened() {
    let dir = tree();
    let (status, out, _) = run(&[&"--help"]);
    assert!(status == 0 && out.contains("Usage: find_duplicates"), "{out}");

    let (status, out, _) = run(&[&dir.path(), &dir.path().join("nowhere")]);
    assert!(status == 1 && out.contains("1 could not be read:"), "{out}");

    for wrong in [&[] as &[&dyn AsRef<std::ffi::OsStr>], &[&"--jsn"], &[&"--threads", &"many", &"x"]] {
        let (status, out, errors) = run(wrong);
        assert!(status == 2 && out.is_empty() && errors.contains("Usage:"), "{errors}");
    }
    let (status, _, errors) = run(&[&"--threads", &"0", &dir.path()]);
    assert!(status == 2 && errors.contains("max_workers"), "{errors}");
    let (status, _, errors) = run(&[&"--json", &dir.path(), &dir.path()]);
    assert!(status == 2 && errors.contains(&*dir.path().to_string_lossy()), "{errors}");
}
