//! Reading whole files, or their beginning: [`read_binary`] and [`read_text`].

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use ori_errors::{ErrorKind, OriError, Result};

use crate::Context;
use crate::operation::{cannot, operate, with_descriptor};

/// Reads a file, or its first `size` bytes (fewer when the file is shorter).
///
/// # Errors
/// `Io` when the file cannot be read.
///
/// # Cancel safety
/// In async mode the read goes on in the background when the future is dropped; the bytes are
/// thrown away.
///
/// ```
/// use mt_aio::{read_binary, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a.bin");
/// std::fs::write(&path, b"magic number").unwrap();
/// assert_eq!(srun(async |cx| read_binary(&path, Some(5), cx).await).unwrap(), b"magic");
/// ```
pub async fn read_binary(path: impl AsRef<Path>, size: Option<u64>, cx: &Context) -> Result<Vec<u8>> {
    let path = path.as_ref().to_owned();
    operate(cx, move || read_now(&path, size)).await
}

/// Reads a text file in UTF-8, or its first `size` bytes.
///
/// A character that `size` cuts in two is left out.
///
/// # Errors
/// `Io` when the file cannot be read, `Codec` when it is not UTF-8.
///
/// # Cancel safety
/// As [`read_binary`].
///
/// ```
/// use mt_aio::{read_text, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a.txt");
/// std::fs::write(&path, "smörgås").unwrap();
/// assert_eq!(srun(async |cx| read_text(&path, None, cx).await).unwrap(), "smörgås");
/// assert_eq!(srun(async |cx| read_text(&path, Some(3), cx).await).unwrap(), "sm");
/// ```
pub async fn read_text(path: impl AsRef<Path>, size: Option<u64>, cx: &Context) -> Result<String> {
    let path = path.as_ref().to_owned();
    operate(cx, move || {
        let mut bytes = read_now(&path, size)?;
        if size.is_some()
            && let Err(error) = str::from_utf8(&bytes)
            // No length: the bytes end inside a character that could still be a good one.
            && error.error_len().is_none()
        {
            bytes.truncate(error.valid_up_to());
        }
        String::from_utf8(bytes).map_err(|error| {
            OriError::new(ErrorKind::Codec, "not text in UTF-8: `read_binary` reads any file")
                .with_path(&path)
                .with_source(error.utf8_error())
        })
    })
    .await
}

/// The read itself, on the thread that it is called on.
pub(crate) fn read_now(path: &Path, size: Option<u64>) -> Result<Vec<u8>> {
    let read = match size {
        None => with_descriptor(|| fs::read(path)),
        Some(size) => with_descriptor(|| {
            let file = File::open(path)?;
            let expected = file.metadata()?.len().min(size);
            let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
            file.take(size).read_to_end(&mut bytes)?;
            Ok(bytes)
        }),
    };
    read.map_err(cannot("read", path))
}
