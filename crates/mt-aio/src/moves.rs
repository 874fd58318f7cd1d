//! Changing a file's mode and name, and waiting for one: [`safe_chmod`], [`safe_rename`],
//! [`safe_chmod_and_rename`] and [`wait_until_file_exists`].

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ori_errors::{ErrorKind, OriError, Result};

use crate::operation::{cannot, operate};
use crate::write::check_mode;
use crate::{Context, path, sleep};

/// Sets the permission bits of a file or directory, through a symbolic link.
///
/// Does nothing on Windows.
///
/// # Errors
/// `Io` when the file is not there or not ours; `Validation` for bits beyond `0o7777`.
///
/// # Cancel safety
/// In async mode the bits may be set after the future was dropped.
///
/// ```
/// use mt_aio::{safe_chmod, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a");
/// std::fs::write(&path, "").unwrap();
/// srun(async |cx| safe_chmod(&path, 0o600, cx).await).unwrap();
/// ```
pub async fn safe_chmod(path: impl AsRef<Path>, mode: u32, cx: &Context) -> Result<()> {
    let path = path.as_ref().to_owned();
    operate(cx, move || chmod(&path, mode)).await
}

/// Gives a file another name in one step; a file that has that name is replaced.
///
/// At every moment one of the two contents has the new name. Both names must be on one file
/// system. The original removed whatever had the new name first, directory trees included.
///
/// # Errors
/// `Io` when `path` is not there, or `new_path` is a directory, which stays untouched.
///
/// # Cancel safety
/// In async mode the file may be renamed after the future was dropped.
///
/// ```
/// use mt_aio::{safe_rename, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let (old, new) = (dir.path().join("old"), dir.path().join("new"));
/// std::fs::write(&old, "kept").unwrap();
/// srun(async |cx| safe_rename(&old, &new, cx).await).unwrap();
/// assert_eq!(std::fs::read_to_string(&new).unwrap(), "kept");
/// ```
pub async fn safe_rename(path: impl AsRef<Path>, new_path: impl AsRef<Path>, cx: &Context) -> Result<()> {
    let (path, new_path) = (path.as_ref().to_owned(), new_path.as_ref().to_owned());
    operate(cx, move || replace(&path, &new_path)).await
}

/// Sets the permission bits of a file, then gives it another name: nobody sees it under the new
/// name with the old bits. One operation; as [`safe_chmod`] and [`safe_rename`].
///
/// # Errors
/// As [`safe_chmod`] and [`safe_rename`]. When only the rename fails, the bits are set.
///
/// # Cancel safety
/// As [`safe_rename`].
///
/// ```
/// use mt_aio::{safe_chmod_and_rename, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let (draft, page) = (dir.path().join("draft"), dir.path().join("page"));
/// std::fs::write(&draft, "ready").unwrap();
/// srun(async |cx| safe_chmod_and_rename(&draft, &page, 0o644, cx).await).unwrap();
/// assert!(page.exists());
/// ```
pub async fn safe_chmod_and_rename(
    path: impl AsRef<Path>,
    new_path: impl AsRef<Path>,
    mode: u32,
    cx: &Context,
) -> Result<()> {
    let (path, new_path) = (path.as_ref().to_owned(), new_path.as_ref().to_owned());
    operate(cx, move || {
        refuse_directory(&new_path)?;
        chmod(&path, mode)?;
        replace(&path, &new_path)
    })
    .await
}

/// Waits until something has this name, for at most `limit` (for ever when `None`).
///
/// Looks at once, then after 1 ms, 2 ms and so on, up to ten times a second: file systems that are
/// shared over a network give no signal.
///
/// # Errors
/// `TimedOut` when the limit passes; `Io` when the directories on the way cannot be read.
///
/// # Cancel safety
/// Nothing happens when it is dropped.
///
/// ```
/// use std::time::Duration;
/// use mt_aio::{srun, wait_until_file_exists};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("never");
/// let waited = srun(async |cx| {
///     wait_until_file_exists(&path, Some(Duration::from_millis(3)), cx).await
/// });
/// assert!(waited.unwrap_err().is_timeout());
/// ```
pub async fn wait_until_file_exists(
    path: impl AsRef<Path>,
    limit: Option<Duration>,
    cx: &Context,
) -> Result<()> {
    let path = path.as_ref();
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    while !path::exists(path, cx).await? {
        let left = limit.map_or(Duration::MAX, |limit| limit.saturating_sub(start.elapsed()));
        if left.is_zero() {
            let message = format!("did not appear within {:?}", limit.unwrap_or_default());
            return Err(OriError::new(ErrorKind::TimedOut, message).with_path(path));
        }
        sleep(pause.min(left), cx).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
    Ok(())
}

fn chmod(path: &Path, mode: u32) -> Result<()> {
    check_mode(mode, path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(cannot("set the mode", path))?;
    }
    Ok(())
}

fn replace(path: &Path, new_path: &Path) -> Result<()> {
    refuse_directory(new_path)?;
    fs::rename(path, new_path).map_err(|error| {
        // The error may be about either name: the old one that is missing is the likelier.
        let message = format!("cannot rename it to `{}`", new_path.display());
        OriError::new(ErrorKind::Io, message).with_path(path).with_source(error)
    })
}

/// A rename may replace an empty directory by another; here a directory is never meant.
fn refuse_directory(new_path: &Path) -> Result<()> {
    match fs::symlink_metadata(new_path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(cannot("replace a directory", new_path)(io::ErrorKind::IsADirectory.into()))
        }
        _ => Ok(()),
    }
}
