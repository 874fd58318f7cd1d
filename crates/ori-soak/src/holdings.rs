//! Threads, descriptors, children and temporary files that this process holds.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ori_test_support::{children, open_files, threads};

/// How often is looked whether what ends has ended.
const STEP: Duration = Duration::from_millis(50);

/// What a process has that must not grow.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    pub(crate) children: usize,
    pub(crate) files: usize,
}

impl Holdings {
    /// Counts, with the files below `dir`.
    ///
    /// # Errors
    /// `Unsupported` where there is no `/proc`; what reading it or `dir` says.
    pub(crate) fn count(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            threads: threads()?,
            descriptors: open_files()?,
            children: children()?,
            files: files(dir)?,
        })
    }

    /// Counts when the counts have not changed for `quiet`, or after ten times that.
    ///
    /// # Errors
    /// Those of [`count`](Self::count).
    pub(crate) fn settled(dir: &Path, quiet: Duration) -> io::Result<Self> {
        let begin = Instant::now();
        let (mut last, mut since) = (Self::count(dir)?, Instant::now());
        while since.elapsed() < quiet && begin.elapsed() < quiet * 10 {
            // tidy: allow(sleep): a look now and then
            std::thread::sleep(STEP);
            let now = Self::count(dir)?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        Ok(last)
    }

    /// Counts as soon as nothing is above `before`, or after `limit`.
    ///
    /// # Errors
    /// Those of [`count`](Self::count).
    pub(crate) fn back_to(before: &Self, dir: &Path, limit: Duration) -> io::Result<Self> {
        let begin = Instant::now();
        loop {
            let now = Self::count(dir)?;
            if now.beyond(before).is_empty() || begin.elapsed() >= limit {
                return Ok(now);
            }
            // tidy: allow(sleep): a look now and then
            std::thread::sleep(STEP);
        }
    }

    /// What there is more of than `before`, in words.
    pub(crate) fn beyond(&self, before: &Self) -> Vec<String> {
        let pairs = [
            ("threads", self.threads, before.threads),
            ("file descriptors", self.descriptors, before.descriptors),
            ("children", self.children, before.children),
            ("temporary files", self.files, before.files),
        ];
        let grown = pairs.into_iter().filter(|(_, now, before)| now > before);
        grown.map(|(what, now, before)| format!("{now} {what} at the end, {before} before")).collect()
    }
}

/// How many files and folders there are below a folder.
fn files(dir: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        count += 1;
        if entry.file_type()?.is_dir() {
            // A folder may be removed between the listing and the reading.
            count += files(&entry.path()).unwrap_or(0);
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_is_named() {
        let before = Holdings { threads: 4, descriptors: 9, children: 0, files: 0 };
        assert!(before.beyond(&before).is_empty());
        let after = Holdings { threads: 3, descriptors: 9, children: 1, files: 2 };
        let words = after.beyond(&before);
        assert_eq!(words, ["1 children at the end, 0 before", "2 temporary files at the end, 0 before"]);
    }

    #[test]
    fn files_are_counted_at_any_depth() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), "").unwrap();
        assert_eq!(files(dir.path()).unwrap(), 2);
    }
}
