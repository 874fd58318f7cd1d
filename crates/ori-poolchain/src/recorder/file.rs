//! [`Files`]: what a run leaves, and how a file is written: it is the old one or the whole new one.

use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ori_errors::{ErrorKind, OriError, Result};
use tempfile::NamedTempFile;

use super::picture::Picture;
use super::{timeline, trace};

/// The files that a run of a chain leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) trace: Option<PathBuf>,
    pub(crate) timeline: Option<PathBuf>,
}

impl Files {
    pub(crate) fn is_empty(&self) -> bool {
        self.trace.is_none() && self.timeline.is_none()
    }

    /// Whether they can be made, as far as that can be known beforehand.
    pub(crate) fn check(&self) -> Result<()> {
        for path in self.trace.iter().chain(&self.timeline) {
            if path.is_dir() {
                return Err(failed(path, io::Error::from(io::ErrorKind::IsADirectory)));
            }
            // It is gone at once.
            drop(staged(path)?);
        }
        Ok(())
    }

    /// Writes all of them, if the first cannot be written the second all the same.
    pub(crate) fn write(&self, picture: &Picture) -> Result<()> {
        let trace = self.trace.as_deref().map(|path| write(path, |out| trace::write(picture, out)));
        let timeline = self.timeline.as_deref().map(|path| write(path, |out| timeline::write(picture, out)));
        trace.unwrap_or(Ok(())).and(timeline.unwrap_or(Ok(())))
    }
}

/// A file beside `path`, to become it.
fn staged(path: &Path) -> Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    if let Some(permissions) = for_everybody() {
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder).map_err(|error| failed(path, error))
}

/// What a new file has: as far as the process's mask allows, everybody may read it.
#[cfg(unix)]
fn for_everybody() -> Option<Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn for_everybody() -> Option<Permissions> {
    None
}

/// Writes a file, so that whoever reads it meanwhile sees the old one or the whole new one.
pub(super) fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut staged = staged(path)?;
    let written = {
        let mut out = BufWriter::new(staged.as_file_mut());
        content(&mut out).and_then(|()| out.flush())
    };
    written.map_err(|error| failed(path, error))?;
    staged.persist(path).map_err(|error| failed(path, error.error))?;
    Ok(())
}

fn failed(path: &Path, error: io::Error) -> OriError {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "cannot write what was recorded; make its folder first",
        _ => "cannot write what was recorded",
    };
    OriError::new(ErrorKind::Io, message).with_path(path).with_source(error)
}
