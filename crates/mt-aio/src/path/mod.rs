//! Questions about paths, and what one does with them; each function in either mode.
//!
//! | module | what lives there |
//! |---|---|
//! | this one | [`exists`], [`remove`], [`make_dirs`], [`rename`], [`stat`], [`relative_symlink`] |
//! | `lock` | [`lock()`]: a readers-writer lock for each path |

mod lock;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use ori_errors::{ErrorKind, OriError, Result};

pub use self::lock::{Access, PathGuard, lock};
use crate::Context;
use crate::operation::{cannot, operate};
use crate::staged::directory_of;

/// Whether something has this name. A symbolic link that leads nowhere does not count.
///
/// # Errors
/// `Io` when that cannot be found out, for instance in a directory that may not be searched.
///
/// # Cancel safety
/// Nothing happens when it is dropped.
///
/// ```
/// assert!(mt_aio::srun(async |cx| mt_aio::exists(".", cx).await).unwrap());
/// ```
pub async fn exists(path: impl AsRef<Path>, cx: &Context) -> Result<bool> {
    let path = path.as_ref().to_owned();
    operate(cx, move || match path.try_exists() {
        Ok(exists) => Ok(exists),
        // A file on the way: nothing can be below it.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(cannot("look for it", &path)(error)),
    })
    .await
}

/// Removes a file, a symbolic link (not what it leads to) or an empty directory.
///
/// A directory with content is an error: `std::fs::remove_dir_all` is for those.
///
/// # Errors
/// `Io` when it is not there or cannot be removed.
///
/// # Cancel safety
/// In async mode it may be removed after the future was dropped.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a");
/// std::fs::write(&path, "").unwrap();
/// mt_aio::srun(async |cx| mt_aio::remove(&path, cx).await).unwrap();
/// assert!(!path.exists());
/// ```
pub async fn remove(path: impl AsRef<Path>, cx: &Context) -> Result<()> {
    let path = path.as_ref().to_owned();
    operate(cx, move || {
        let kind = fs::symlink_metadata(&path).map_err(cannot("remove", &path))?;
        let removed = if kind.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
        removed.map_err(cannot("remove", &path))
    })
    .await
}

/// Makes a directory and those that lead to it; one that is there already is fine.
///
/// # Errors
/// `Io` when it cannot be made, or a file has the name.
///
/// # Cancel safety
/// In async mode it may be made after the future was dropped.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// let deep = dir.path().join("a/b/c");
/// mt_aio::srun(async |cx| mt_aio::make_dirs(&deep, cx).await).unwrap();
/// assert!(deep.is_dir());
/// ```
pub async fn make_dirs(path: impl AsRef<Path>, cx: &Context) -> Result<()> {
    let path = path.as_ref().to_owned();
    operate(cx, move || fs::create_dir_all(&path).map_err(cannot("make the directory", &path))).await
}

/// Gives a file or directory another name, by the rules of the operating system.
///
/// [`safe_rename`](crate::safe_rename) never replaces a directory; this does when it is empty and
/// a directory takes its name.
///
/// # Errors
/// `Io` when it is not there, or cannot have that name.
///
/// # Cancel safety
/// In async mode it may be renamed after the future was dropped.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// let (old, new) = (dir.path().join("old"), dir.path().join("new"));
/// std::fs::create_dir(&old).unwrap();
/// mt_aio::srun(async |cx| mt_aio::rename(&old, &new, cx).await).unwrap();
/// assert!(new.is_dir());
/// ```
pub async fn rename(path: impl AsRef<Path>, new_path: impl AsRef<Path>, cx: &Context) -> Result<()> {
    let (path, new_path) = (path.as_ref().to_owned(), new_path.as_ref().to_owned());
    operate(cx, move || {
        fs::rename(&path, &new_path).map_err(|error| {
            let message = format!("cannot rename it to `{}`", new_path.display());
            OriError::new(ErrorKind::Io, message).with_path(&path).with_source(error)
        })
    })
    .await
}

/// Size, kind, times and permissions of what a path leads to.
///
/// # Errors
/// `Io` when there is nothing.
///
/// # Cancel safety
/// Nothing happens when it is dropped.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a");
/// std::fs::write(&path, "12345").unwrap();
/// let metadata = mt_aio::srun(async |cx| mt_aio::stat(&path, cx).await).unwrap();
/// assert_eq!(metadata.len(), 5);
/// ```
pub async fn stat(path: impl AsRef<Path>, cx: &Context) -> Result<fs::Metadata> {
    let path = path.as_ref().to_owned();
    operate(cx, move || fs::metadata(&path).map_err(cannot("look at it", &path))).await
}

/// Makes a symbolic link at `link` that leads to `target` by the way from the one to the other, so
/// that both can be moved together.
///
/// Both are meant from the current directory. `target` need not exist.
///
/// # Errors
/// `Io` when the link cannot be made, for instance because something has its name.
///
/// # Cancel safety
/// In async mode the link may be made after the future was dropped.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let root = dir.path();
/// std::fs::create_dir(root.join("data")).unwrap();
/// std::fs::create_dir(root.join("links")).unwrap();
/// let (target, link) = (root.join("data/a"), root.join("links/a"));
/// mt_aio::srun(async |cx| mt_aio::relative_symlink(&target, &link, cx).await).unwrap();
/// assert_eq!(std::fs::read_link(&link).unwrap().to_str(), Some("../data/a"));
/// ```
pub async fn relative_symlink(target: impl AsRef<Path>, link: impl AsRef<Path>, cx: &Context) -> Result<()> {
    let (target, link) = (target.as_ref().to_owned(), link.as_ref().to_owned());
    operate(cx, move || {
        let from = directory_of(&link);
        let from = from.canonicalize().map_err(cannot("find the directory of the link", &link))?;
        let to = settled(&target).map_err(cannot("find the target of the link", &target))?;
        symlink(&way(&from, &to), &link).map_err(cannot("make the link", &link))
    })
    .await
}

/// One name for each file, whether it exists or not: absolute, with the links of its directory
/// followed where that directory exists.
fn settled(path: &Path) -> io::Result<PathBuf> {
    let (Some(name), dir) = (path.file_name(), directory_of(path)) else {
        // `/`, `..`: directories, which exist.
        return path.canonicalize();
    };
    match dir.canonicalize() {
        Ok(dir) => Ok(dir.join(name)),
        Err(_) => std::path::absolute(path),
    }
}

/// The way from one directory to a path; both are absolute.
fn way(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    if directory_of(link).join(target).is_dir() {
        std::os::windows::fs::symlink_dir(target, link)
    } else {
        std::os::windows::fs::symlink_file(target, link)
    }
}
