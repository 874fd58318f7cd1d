//! Python with h5py and numpy, where it can be had: the readers and writers of the originals.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Runs a script with these arguments; false when there is no Python with these modules, which is
/// reported. `MT_AIO_PYTHON` names the program; otherwise `target/python/bin/python`, where
/// `python3 -m venv target/python && target/python/bin/pip install h5py numpy` puts one, or
/// `python3`.
#[track_caller]
pub(crate) fn python(modules: &str, script: &str, arguments: &[&str]) -> bool {
    let Some(program) = find(modules) else {
        let how = "python3 -m venv target/python && target/python/bin/pip install";
        // Not captured by the test runner: it is to be seen.
        let mut stderr = std::io::stderr();
        writeln!(stderr, "skipped: no python3 with {modules}: {how} {modules}").unwrap();
        return false;
    };
    let output = Command::new(program).args(["-c", script]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

fn find(modules: &str) -> Option<PathBuf> {
    let import = format!("import {}", modules.replace(' ', ", "));
    let named = std::env::var_os("MT_AIO_PYTHON").map(PathBuf::from);
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python/bin/python");
    let candidates = [named, Some(target.into()), Some("python3".into())];
    candidates.into_iter().flatten().find(|program| {
        let import = Command::new(program).args(["-c", &import]).output();
        import.is_ok_and(|output| output.status.success())
    })
}
