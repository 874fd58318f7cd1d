//! What is refused before anything is started.

use std::ffi::OsStr;

use ori_errors::{ErrorKind, OriError, Result};

use crate::ProcessBuilder;
use crate::system::HAS_GROUPS;

impl ProcessBuilder {
    pub(crate) fn validate(&self) -> Result<()> {
        let has_zero_byte = |text: &OsStr| text.as_encoded_bytes().contains(&0);
        let bad = |message: &str| {
            Err(OriError::new(ErrorKind::Validation, message.to_owned()).with_command(self.shown()))
        };
        if self.command.first().is_none_or(|program| program.is_empty()) {
            return bad("the command is empty: give at least the name of a program");
        }
        if self.command.iter().any(|word| has_zero_byte(word)) {
            return bad("the command has a zero byte");
        }
        for (name, value) in &self.env {
            let bytes = name.as_encoded_bytes();
            if bytes.is_empty() || bytes.contains(&b'=') || has_zero_byte(name) {
                return bad("env: the name of a variable is empty or has a `=` or a zero byte");
            }
            if value.as_deref().is_some_and(has_zero_byte) {
                return bad("env: the value of a variable has a zero byte");
            }
        }
        if self.current_dir.as_ref().is_some_and(|path| has_zero_byte(path.as_os_str())) {
            return bad("current_dir: the path has a zero byte");
        }
        if self.time_limit.is_some_and(|limit| limit.is_zero()) {
            return bad("timeout must be longer than zero");
        }
        if self.max_line_bytes == 0 {
            return bad("max_line_bytes must be at least 1, not 0");
        }
        if self.merge_stderr && self.stderr.is_some() {
            return bad(
                "merge_stderr: the lines go to the function for stdout, so stderr_function is never called",
            );
        }
        if !HAS_GROUPS {
            let message = "commands need process groups, which only Unix has";
            return Err(OriError::new(ErrorKind::Unsupported, message).with_command(self.shown()));
        }
        if self.die_with_parent && !cfg!(target_os = "linux") {
            let message = "die_with_parent exists on Linux only";
            return Err(OriError::new(ErrorKind::Unsupported, message).with_command(self.shown()));
        }
        Ok(())
    }
}
