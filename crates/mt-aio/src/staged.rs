//! [`Staged`]: a file that appears whole or not at all.
//!
//! Whatever writes a file here, bytes, text, JSON, npz or HDF5, writes into a temporary file in
//! the directory of the target, created exclusively under a random name. [`Staged::commit`] then
//! sets the mode, syncs when asked, and renames it over the target: a reader sees the old content
//! or the new one. A `Staged` that is dropped before removes its file and leaves the target alone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ori_errors::{ErrorKind, OriError, Result};
use tempfile::NamedTempFile;

use crate::WriteOptions;
use crate::operation::{cannot, with_descriptor};

/// As many as Linux follows.
const MAX_SYMLINKS: usize = 40;

/// A temporary file on its way to become the target.
#[derive(Debug)]
pub(crate) struct Staged {
    temporary: NamedTempFile,
    target: PathBuf,
    /// What to set before the rename.
    mode: Option<u32>,
    durable: bool,
    /// Directories that got a new entry when `make_dirs` made others.
    touched_dirs: Vec<PathBuf>,
}

impl Staged {
    /// Creates the temporary file beside the file that `path` leads to.
    pub(crate) fn new(path: &Path, options: WriteOptions) -> Result<Self> {
        options.check(path)?;
        let (target, existing_mode) = follow(path)?;
        let dir = directory_of(&target);
        let touched_dirs = if options.make_dirs { make_dirs(dir, options.durable)? } else { Vec::new() };

        let mode = options.mode.or(existing_mode);
        let mut open = OpenOptions::new();
        open.read(true).write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // A mode that is known is set at the end: until then nobody else reads the file. An
            // unknown one is left to the umask, as for any new file.
            open.mode(if mode.is_some() { 0o600 } else { 0o666 });
        }
        // Short and independent of the target's name, which may be as long as names can be.
        let temporary = tempfile::Builder::new()
            .prefix(".")
            .suffix(".mttmp")
            .rand_bytes(12)
            .make_in(dir, |path| with_descriptor(|| open.open(path)))
            .map_err(cannot("create a temporary file beside it", path))?;
        Ok(Self { temporary, target, mode, durable: options.durable, touched_dirs })
    }

    /// The temporary file, open for reading and writing.
    pub(crate) fn file(&mut self) -> &mut File {
        self.temporary.as_file_mut()
    }

    /// Where the temporary file is.
    #[cfg(any(feature = "hdf5", feature = "hdf5-c"))]
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Where it is to be.
    #[cfg(any(feature = "hdf5", feature = "hdf5-c"))]
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Makes the temporary file the target.
    pub(crate) fn commit(mut self) -> Result<()> {
        let target = &self.target;
        if let Some(mode) = self.mode {
            set_mode(self.temporary.as_file(), mode).map_err(cannot("set the mode", target))?;
        }
        if self.durable {
            self.temporary.as_file().sync_data().map_err(cannot("sync", target))?;
        }
        fs::rename(self.temporary.path(), target).map_err(cannot("put the new file in place", target))?;
        // The name is the target's now.
        self.temporary.disable_cleanup(true);
        if self.durable {
            sync_dir(directory_of(target))?;
            self.touched_dirs.iter().try_for_each(|dir| sync_dir(dir))?;
        }
        Ok(())
    }
}

/// The path that `path` leads to through symbolic links, and the mode of the file there, if any.
fn follow(path: &Path) -> Result<(PathBuf, Option<u32>)> {
    if path.as_os_str().is_empty() {
        return Err(OriError::new(ErrorKind::Validation, "the path of the file is empty"));
    }
    let mut target = path.to_owned();
    for _ in 0..MAX_SYMLINKS {
        let metadata = match fs::symlink_metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((target, None)),
            Err(error) => return Err(cannot("look at it", path)(error)),
        };
        if metadata.is_symlink() {
            let next = fs::read_link(&target).map_err(cannot("follow the link", path))?;
            target = directory_of(&target).join(next);
        } else if metadata.is_file() {
            return Ok((target, Some(mode_of(&metadata))));
        } else if metadata.is_dir() {
            return Err(cannot("replace a directory by a file", path)(io::ErrorKind::IsADirectory.into()));
        } else {
            let advice =
                "not a regular file, and so cannot be replaced by one: open it and write to it instead";
            return Err(OriError::new(ErrorKind::Io, advice).with_path(path));
        }
    }
    Err(OriError::new(ErrorKind::Io, "too many symbolic links on the way").with_path(path))
}

/// The directory that holds `path`.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Makes `dir` and what leads to it. With `note`, tells which directories got a new entry.
fn make_dirs(dir: &Path, note: bool) -> Result<Vec<PathBuf>> {
    let touched = if note {
        let missing =
            dir.ancestors().filter(|dir| !dir.as_os_str().is_empty()).take_while(|dir| !dir.exists());
        missing.map(|dir| directory_of(dir).to_owned()).collect()
    } else {
        Vec::new()
    };
    fs::create_dir_all(dir).map_err(cannot("make the directory", dir))?;
    Ok(touched)
}

fn sync_dir(dir: &Path) -> Result<()> {
    // Only Unix opens directories as files; elsewhere the file system orders its own renames.
    if cfg!(unix) {
        let opened = with_descriptor(|| File::open(dir)).map_err(cannot("open the directory", dir))?;
        opened.sync_all().map_err(cannot("sync the directory", dir))?;
    }
    Ok(())
}

#[cfg(unix)]
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(unix)]
fn mode_of(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
pub(crate) fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn mode_of(_metadata: &fs::Metadata) -> u32 {
    0o666
}
