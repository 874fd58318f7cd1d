//! [`Bar`]: the search's progress on a terminal; nothing where there is none.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::search::Observer;

/// Files found, and how much of what must be read has been. Dropping it clears the line.
pub(crate) struct Bar {
    bar: ProgressBar,
    files: AtomicU64,
}

impl Bar {
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template(
            "{spinner} {msg} {wide_bar} {binary_bytes} of {binary_total_bytes} read",
        );
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, files: AtomicU64::new(0) }
    }
}

impl Observer for Bar {
    fn found(&self, _: &Path) {
        let files = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        // A new text costs more than finding the file did.
        if files.is_multiple_of(256) {
            self.bar.set_message(format!("{} files found", HumanCount(files)));
        }
    }

    fn to_read(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    fn read(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
