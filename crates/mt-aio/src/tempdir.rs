//! [`mkdtemp`]: a directory that goes away with its owner.

use std::ops::Deref;
use std::path::Path;

use ori_errors::Result;

use crate::Context;
use crate::operation::{cannot, operate};

/// Makes a directory for temporary files, readable by this user alone.
///
/// # Errors
/// `Io` when it cannot be made.
///
/// # Cancel safety
/// Nothing is left behind when it is dropped.
///
/// ```
/// use mt_aio::{OriError, mkdtemp, srun};
///
/// srun(async |cx| {
///     let dir = mkdtemp(cx).await?;
///     std::fs::write(dir.join("a"), "scratch").unwrap();
///     dir.close().await
/// })
/// .unwrap();
/// ```
pub async fn mkdtemp(cx: &Context) -> Result<TempDir> {
    let make = || {
        let made = tempfile::Builder::new().prefix("mt-aio-").tempdir();
        made.map_err(cannot("make a temporary directory in it", &std::env::temp_dir()))
    };
    Ok(TempDir { inner: operate(cx, make).await?, cx: cx.clone() })
}

/// A temporary directory; derefs to its path.
///
/// Dropping it removes it with all that it holds, on the thread that drops it, and says nothing
/// when that fails. [`close`](Self::close) waits without holding a runtime's thread, and does.
///
/// ```
/// let dir = mt_aio::srun(mt_aio::mkdtemp).unwrap();
/// let path = dir.to_owned();
/// drop(dir);
/// assert!(!path.exists());
/// ```
#[must_use = "the directory is removed when this is dropped"]
#[derive(Debug)]
pub struct TempDir {
    inner: tempfile::TempDir,
    cx: Context,
}

impl TempDir {
    /// Where it is: an absolute path.
    ///
    /// ```
    /// # let dir = mt_aio::srun(mt_aio::mkdtemp).unwrap();
    /// assert!(dir.path().is_dir());
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.path()
    }

    /// Removes the directory with all that it holds, in the mode that it was made in.
    ///
    /// # Errors
    /// `Io` when something cannot be removed.
    ///
    /// # Cancel safety
    /// It is removed even when the future is dropped.
    ///
    /// ```
    /// mt_aio::srun(async |cx| mt_aio::mkdtemp(cx).await?.close().await).unwrap();
    /// ```
    pub async fn close(self) -> Result<()> {
        let Self { inner, cx } = self;
        operate(&cx, move || {
            let path = inner.path().to_owned();
            inner.close().map_err(cannot("remove the temporary directory", &path))
        })
        .await
    }
}

impl Deref for TempDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.path()
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        self.path()
    }
}
