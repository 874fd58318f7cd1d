//! Whether anything in a process group still runs.
//!
//! The system counts zombies as members of a group. An orphan that has ended stays one until the
//! init process reaps it, and in many containers that takes long or never happens.

use std::fs;

use crate::system::Pid;

/// Whether a member of the group has not ended. Reads all of `/proc`: tens of microseconds for each
/// hundred processes. Where there is no `/proc`, the answer is yes.
pub(crate) fn any_runs(group: Pid) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return true };
    let group = group.as_raw_nonzero().to_string();
    let mut processes =
        entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let mut seen_any = false;
    let runs = processes.any(|entry| {
        // A process may be gone between the listing and the reading.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { return false };
        seen_any = true;
        runs_in(&stat, &group)
    });
    runs || !seen_any
}

fn runs_in(stat: &str, group: &str) -> bool {
    // The name is in parentheses and may hold any character; state, parent and group follow it.
    let Some((_, fields)) = stat.rsplit_once(')') else { return false };
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next();
    fields.nth(1) == Some(group) && !matches!(state, Some("Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_group_are_read_behind_any_name() {
        assert!(runs_in("12 (a) Z 1 7 (b) S 1 42 42 0", "42"));
        assert!(!runs_in("12 (sleep) Z 1 42 42 0", "42"));
        assert!(!runs_in("12 (sleep) S 42 7 42 0", "42"));
        assert!(!runs_in("", "42"));
    }
}
