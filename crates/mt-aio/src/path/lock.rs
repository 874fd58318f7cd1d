//! [`lock`]: a readers-writer lock for each path, within this program.
//!
//! The table of locks is the one thing here that the whole program shares: a path means the same
//! file wherever it is named. It holds the paths that are locked or waited for, and no others.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use ori_errors::Result;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::Context;
use crate::operation::{cannot, operate};
use crate::path::settled;
use crate::wait::wait_here;

/// What a [`lock`] is for.
///
/// ```
/// assert_ne!(mt_aio::path::Access::Read, mt_aio::path::Access::Write);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Together with other readers.
    Read,
    /// Alone.
    Write,
}

/// Locks a path for reading or writing, until the guard is dropped.
///
/// The lock is for the parts of one program that agree to use it: it neither needs nor touches the
/// file, and other programs do not see it. Names that lead to the same place by way of `.`, `..`
/// or a linked directory are one path. Whoever waits gets the lock in the order of asking, so a
/// writer does not starve. Sync and async callers can share a path.
///
/// A caller that asks again for a path that it has locked waits for itself, for ever.
///
/// # Errors
/// `Io` when the path cannot be made absolute.
///
/// # Cancel safety
/// Dropping the future gives up the place in the queue; nothing stays locked.
///
/// ```
/// use mt_aio::path::{Access, lock};
/// use mt_aio::srun;
///
/// srun(async |cx| {
///     let one = lock("settings.json", Access::Read, cx).await?;
///     let two = lock("./settings.json", Access::Read, cx).await?;
///     drop((one, two));
///     let alone = lock("settings.json", Access::Write, cx).await?;
///     drop(alone);
///     Ok::<_, mt_aio::OriError>(())
/// })
/// .unwrap();
/// ```
pub async fn lock(path: impl AsRef<Path>, access: Access, cx: &Context) -> Result<PathGuard> {
    let path = path.as_ref().to_owned();
    let path = operate(cx, move || settled(&path).map_err(cannot("find the directory of it", &path))).await?;
    let lock = of(&path);
    let entry = Entry { lock: Some(lock.clone()), path };
    let acquire = async {
        match access {
            Access::Read => Held::Reading(lock.read_owned().await),
            Access::Write => Held::Writing(lock.write_owned().await),
        }
    };
    let held = if cx.is_async() { acquire.await } else { wait_here(acquire) };
    Ok(PathGuard { _held: held, entry })
}

/// A path that is locked. Dropping it unlocks the path.
///
/// ```
/// use mt_aio::path::{Access, lock};
///
/// let guard = mt_aio::srun(async |cx| lock("a", Access::Write, cx).await).unwrap();
/// assert!(guard.path().is_absolute());
/// ```
#[must_use = "the path is unlocked when this is dropped"]
pub struct PathGuard {
    // Before `entry`, which looks whether the lock is still in use.
    _held: Held,
    entry: Entry,
}

impl PathGuard {
    /// The path, absolute.
    ///
    /// ```
    /// # use mt_aio::path::{Access, lock};
    /// # let guard = mt_aio::srun(async |cx| lock("a", Access::Write, cx).await).unwrap();
    /// assert!(guard.path().ends_with("a"));
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.entry.path
    }
}

impl fmt::Debug for PathGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PathGuard").field(&self.entry.path).finish()
    }
}

enum Held {
    Reading(#[expect(dead_code, reason = "held for its drop")] OwnedRwLockReadGuard<()>),
    Writing(#[expect(dead_code, reason = "held for its drop")] OwnedRwLockWriteGuard<()>),
}

/// A share of a path's lock. The last one takes the path out of the table.
struct Entry {
    path: PathBuf,
    lock: Option<Arc<RwLock<()>>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = table();
        self.lock = None;
        if table.get(&self.path).is_some_and(|lock| lock.strong_count() == 0) {
            table.remove(&self.path);
        }
    }
}

type Table = HashMap<PathBuf, Weak<RwLock<()>>>;

fn table() -> MutexGuard<'static, Table> {
    static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn of(path: &Path) -> Arc<RwLock<()>> {
    let mut table = table();
    if let Some(lock) = table.get(path).and_then(Weak::upgrade) {
        return lock;
    }
    let lock = Arc::default();
    table.insert(path.to_owned(), Arc::downgrade(&lock));
    lock
}
