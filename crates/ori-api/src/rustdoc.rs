//! Standing in for rustdoc: the same call with the switch for what is not stable.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Names the real rustdoc; this program stands in for it where the variable is set.
const REAL: &str = "ORI_API_RUSTDOC";

/// The rustdoc that this process was started in place of.
pub(crate) fn stands_in_for() -> Option<OsString> {
    std::env::var_os(REAL)
}

/// Runs it. Its JSON is not stable, which is why only one version's is compared; the variable lets
/// a stable rustdoc write it.
pub(crate) fn run(rustdoc: &OsString, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match Command::new(rustdoc).args(arguments).env("RUSTC_BOOTSTRAP", "1").status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: `{}` did not start: {error}", rustdoc.display());
            ExitCode::FAILURE
        }
    }
}
