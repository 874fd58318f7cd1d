//! The public API of the crates, one line an item, compared with the listing that is kept.
//!
//! `cargo xtask api` runs this program in two roles. In place of rustdoc (cargo's variable
//! `RUSTDOC`) it calls the real one with the switch that lets a stable rustdoc write JSON: set for
//! rustdoc alone, the switch makes cargo build nothing again. After that it is called as
//!
//! ```text
//! ori-api [--update] target/doc/ori_errors.json=crates/ori-errors/api.txt ..
//! ```
//!
//! and prints how each API differs from its listing, or writes the listing anew.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks to its terminal"
)]

mod difference;
mod listing;
mod rustdoc;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use lexopt::{Arg, ValueExt as _};

/// Why an API could not be listed or its listing not be read.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error("`{0}` is not of the form JSON=LISTING")]
    NoPair(String),
    #[error("{path}: {source}")]
    Json { path: PathBuf, source: public_api::Error },
    #[error("{path}: {source}")]
    Listing { path: PathBuf, source: io::Error },
}

/// What to do with each API.
#[derive(Debug, Default)]
struct Options {
    update: bool,
    /// rustdoc's description of a crate, and where the listing of its API is kept.
    crates: Vec<(PathBuf, PathBuf)>,
}

impl Options {
    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("update") => options.update = true,
                Arg::Value(pair) => {
                    let pair = pair.string()?;
                    let (json, listing) = pair.split_once('=').ok_or_else(|| Error::NoPair(pair.clone()))?;
                    options.crates.push((json.into(), listing.into()));
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    if let Some(rustdoc) = rustdoc::stands_in_for() {
        return rustdoc::run(&rustdoc, arguments);
    }
    match Options::parse(arguments).and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every API is as its listing says.
fn run(options: &Options) -> Result<bool, Error> {
    let mut differing = 0;
    for (json, path) in &options.crates {
        let now = listing::of(json).map_err(|source| Error::Json { path: json.clone(), source })?;
        let kept = read(path)?;
        if now == kept {
            continue;
        }
        print!("{}", difference::show(&path.to_string_lossy(), &kept, &now));
        if options.update {
            fs::write(path, now).map_err(|source| Error::Listing { path: path.clone(), source })?;
        } else {
            differing += 1;
        }
    }
    println!("{} crates, {differing} differ from their listing", options.crates.len());
    if differing > 0 {
        println!("if that is meant: `cargo xtask api --update`, and a line in CHANGELOG.md");
    }
    Ok(differing == 0)
}

/// A listing that is not there yet is empty.
fn read(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        outcome => outcome.map_err(|source| Error::Listing { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_the_flag_are_told_apart() {
        let options = Options::parse(["--update", "a.json=b/api.txt"].map(OsString::from)).unwrap();
        assert!(options.update);
        assert_eq!(options.crates, [("a.json".into(), "b/api.txt".into())]);
        assert!(Options::parse(["a.json".into()]).is_err());
        assert!(Options::parse(["--unknown".into()]).is_err());
    }

    #[test]
    fn a_missing_listing_is_empty_and_a_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("api.txt")).unwrap(), "");
        assert!(read(folder.path()).is_err());
    }
}
