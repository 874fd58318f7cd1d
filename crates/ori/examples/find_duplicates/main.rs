//! Finds identical files below one or more folders, and the space that they waste.
//!
//! ```text
//! cargo run --release --example find_duplicates -- FOLDER
//! ```
//!
//! Nothing is changed or removed. Only files that share their size with another one are opened, and
//! only those that share their first 16 KiB too are read to the end (see `search.rs`). What counts:
//!
//! * **Hard links** are names of one file: they waste nothing, and are listed with its first name.
//!   (On Windows they cannot be told apart and count as copies.)
//! * **Symbolic links** are not followed, unless given as FOLDER: the file behind one is found where
//!   it is. **Empty files** are counted and not compared. Pipes, sockets and devices are never opened.
//! * **Files that cannot be read**, or that change meanwhile, are listed at the end and stop nothing.
//! * With `--isolate` files are read to their end in worker processes: what kills one costs one file.
//! * A folder given twice, or inside of another one given, is not compared with itself.

mod candidate;
mod isolated;
mod ledger;
mod progress;
mod shared;

// What the tests compare with a count of their own (`tests/it/find_duplicates.rs`).
pub(crate) mod cli;
pub(crate) mod report;
pub(crate) mod search;

use std::process::ExitCode;

fn main() -> ExitCode {
    // In the processes of `--isolate` this never returns.
    ori::init();

    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    ExitCode::from(cli::run(std::env::args_os().skip(1), &mut out, &mut std::io::stderr()))
}
