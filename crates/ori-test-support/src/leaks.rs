//! [`LeakCheck`]: what was started has ended, what was opened is closed.

use std::io;
use std::time::Duration;

use crate::{children, open_files, threads, wait_until, zombies};

/// Notes how many threads, file descriptors and children there are, and compares at the end.
///
/// Dropping it compares as [`finish`](Self::finish) does, unless a panic is under way. Use it in a
/// process of its own ([`alone`](crate::alone)): tests that run beside it start threads too.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// ori_test_support::LeakCheck::start().unwrap().finish();
/// ```
#[derive(Debug)]
#[must_use = "dropped at once it compares nothing"]
pub struct LeakCheck {
    start: Counts,
    limit: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    threads: usize,
    open_files: usize,
    children: usize,
    zombies: usize,
}

impl Counts {
    fn now() -> io::Result<Self> {
        Ok(Self {
            threads: threads()?,
            open_files: open_files()?,
            children: children()?,
            zombies: zombies()?,
        })
    }

    fn within(self, start: Self) -> bool {
        self.threads <= start.threads
            && self.open_files <= start.open_files
            && self.children <= start.children
            && self.zombies <= start.zombies
    }
}

impl LeakCheck {
    /// Notes the counts.
    ///
    /// # Errors
    /// `Unsupported` where there is no `/proc`; what reading it says otherwise.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// let check = ori_test_support::LeakCheck::start().unwrap();
    /// ```
    pub fn start() -> io::Result<Self> {
        Ok(Self { start: Counts::now()?, limit: Duration::from_secs(10) })
    }

    /// How long what was started may take to end. Default: 10 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[cfg(target_os = "linux")]
    /// ori_test_support::LeakCheck::start().unwrap().limit(Duration::from_secs(1)).finish();
    /// ```
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Waits until no count is above what it was.
    ///
    /// # Panics
    /// When one still is, with all of them.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// ori_test_support::LeakCheck::start().unwrap().finish();
    /// ```
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for LeakCheck {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut last = None;
        let settled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(self.limit, || {
                last = Counts::now().ok();
                last.is_some_and(|now| now.within(self.start))
            });
        }));
        assert!(settled.is_ok(), "leaked: {:?} at the start, {last:?} at the end", self.start);
    }
}
