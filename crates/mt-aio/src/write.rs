//! Writing whole files: [`WriteOptions`], [`write_binary`] and [`write_text`].

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use ori_errors::{ErrorKind, OriError, Result};

use crate::Context;
use crate::operation::{cannot, operate};
use crate::staged::Staged;

/// How a file is written.
///
/// ```
/// use mt_aio::{WriteOptions, srun, write_text};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("new/folder/a.txt");
/// let options = WriteOptions::new().mode(0o640).make_dirs().durable();
/// srun(async |cx| write_text(&path, "hello", options, cx).await).unwrap();
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "hello");
/// ```
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    pub(crate) mode: Option<u32>,
    pub(crate) make_dirs: bool,
    pub(crate) durable: bool,
    pub(crate) pretty: bool,
}

impl WriteOptions {
    /// Every option at its default.
    ///
    /// ```
    /// assert_eq!(mt_aio::WriteOptions::new(), mt_aio::WriteOptions::default());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { mode: None, make_dirs: false, durable: false, pretty: false }
    }

    /// The file's permission bits, set exactly, whatever the umask: the original's `file_mode`.
    ///
    /// Default: a file that is there keeps its mode, a new one gets what the umask leaves of
    /// `0o666`. (The original's default was `0o664` in both cases.) Does nothing on Windows.
    ///
    /// ```
    /// let private = mt_aio::WriteOptions::new().mode(0o600);
    /// ```
    #[must_use = "options are returned, not changed in place"]
    pub const fn mode(mut self, bits: u32) -> Self {
        self.mode = Some(bits);
        self
    }

    /// Makes the directories that lead to the file. Default: they have to be there.
    ///
    /// ```
    /// let anywhere = mt_aio::WriteOptions::new().make_dirs();
    /// ```
    #[must_use = "options are returned, not changed in place"]
    pub const fn make_dirs(mut self) -> Self {
        self.make_dirs = true;
        self
    }

    /// Returns only when the file would survive a power cut: `fdatasync` of the file and `fsync`
    /// of its directory. Default: the operating system writes it when it likes; a crash of the
    /// program alone loses nothing in either case.
    ///
    /// ```
    /// let safe = mt_aio::WriteOptions::new().durable();
    /// ```
    #[must_use = "options are returned, not changed in place"]
    pub const fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Indents JSON by two spaces a level. Default: everything on one line. Other content is not
    /// touched.
    ///
    /// ```
    /// let readable = mt_aio::WriteOptions::new().pretty();
    /// ```
    #[must_use = "options are returned, not changed in place"]
    pub const fn pretty(mut self) -> Self {
        self.pretty = true;
        self
    }

    pub(crate) fn check(self, path: &Path) -> Result<()> {
        match self.mode {
            Some(mode) => check_mode(mode, path),
            None => Ok(()),
        }
    }
}

/// Bits beyond the permissions are a mistake in the program, such as a decimal for an octal.
pub(crate) fn check_mode(mode: u32, path: &Path) -> Result<()> {
    if mode <= 0o7777 {
        return Ok(());
    }
    let message = format!("a mode has only permission bits (0o7777), not {mode:#o}");
    Err(OriError::new(ErrorKind::Validation, message).with_path(path))
}

/// Writes a file: afterwards it has exactly this content. Gives the number of bytes.
///
/// The bytes go to a temporary file in the same directory, which then takes the target's name: a
/// reader sees the old content or the new one, never a part, whoever else writes at the same time.
/// A symbolic link stays, and what it leads to is replaced; other hard links to the file keep the
/// old content. The data is never copied.
///
/// # Errors
/// `Io` when the file cannot be written, or is a directory or device; `Validation` for an empty
/// path or a bad mode. The target is as it was then and the temporary file gone; only when the
/// directory of a [`durable`](WriteOptions::durable) write cannot be synced is the new content in
/// place.
///
/// # Cancel safety
/// In async mode the write goes on when the future is dropped, unless it has not begun and the
/// runtime ends. The file is the old or the new one in any case.
///
/// ```
/// use mt_aio::{WriteOptions, read_binary, srun, write_binary};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("a.bin");
/// let read = srun(async |cx| {
///     assert_eq!(write_binary(&path, vec![1, 2, 3], WriteOptions::new(), cx).await?, 3);
///     read_binary(&path, None, cx).await
/// });
/// assert_eq!(read.unwrap(), [1, 2, 3]);
/// ```
pub async fn write_binary(
    path: impl AsRef<Path>,
    data: impl Into<Bytes>,
    options: WriteOptions,
    cx: &Context,
) -> Result<u64> {
    let (path, data) = (path.as_ref().to_owned(), data.into());
    operate(cx, move || write_now(&path, &data, options)).await
}

/// Writes a text file, in UTF-8: afterwards it has exactly this content. Gives the number of bytes.
///
/// In all else [`write_binary`].
///
/// # Errors
/// As [`write_binary`].
///
/// # Cancel safety
/// As [`write_binary`].
///
/// ```
/// use mt_aio::{WriteOptions, srun, write_text};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("a.txt");
/// let bytes = srun(async |cx| write_text(&path, "smörgås", WriteOptions::new(), cx).await);
/// assert_eq!(bytes.unwrap(), 9);
/// ```
pub async fn write_text(
    path: impl AsRef<Path>,
    text: impl Into<String>,
    options: WriteOptions,
    cx: &Context,
) -> Result<u64> {
    write_binary(path, text.into(), options, cx).await
}

/// The write itself, on the thread that it is called on.
pub(crate) fn write_now(path: &Path, data: &[u8], options: WriteOptions) -> Result<u64> {
    let mut staged = Staged::new(path, options)?;
    staged.file().write_all(data).map_err(cannot("write", path))?;
    staged.commit()?;
    Ok(data.len() as u64)
}
