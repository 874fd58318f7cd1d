//! [`Candidate`]: a file on its way through the search, and how it is read.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use blake3::Hasher;
use serde::{Deserialize, Serialize};

/// How much of a file is read to see whether the rest is worth it. Most files are no longer.
pub(crate) const BLOCK: u64 = 16 << 10;

/// What a worker reads with; small enough for its cache.
pub(crate) fn buffer() -> Vec<u8> {
    vec![0; 256 << 10]
}

/// A file that may have a duplicate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Candidate {
    #[serde(with = "any_path")]
    pub(crate) path: PathBuf,
    /// In bytes.
    pub(crate) size: u64,
    identity: Identity,
    /// Of what has been read so far.
    pub(crate) digest: Option<Digest>,
}

/// BLAKE3 of what was read.
pub(crate) type Digest = [u8; 32];

/// The same for all names of one file: device and inode.
#[cfg(unix)]
pub(crate) type Identity = (u64, u64);

/// The same for all ways to write one path. A hard link looks like a file of its own here.
#[cfg(not(unix))]
pub(crate) type Identity = PathBuf;

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it takes a system call")]
fn identity(_: &Path, metadata: &Metadata) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path, _: &Metadata) -> io::Result<Identity> {
    path.canonicalize()
}

impl Candidate {
    pub(crate) fn new(path: &Path, metadata: &Metadata) -> io::Result<Self> {
        let identity = identity(path, metadata)?;
        Ok(Self { path: path.to_owned(), size: metadata.len(), identity, digest: None })
    }

    #[cfg_attr(unix, expect(clippy::clone_on_copy, reason = "elsewhere it is a path"))]
    pub(crate) fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// Reads the first `limit` bytes, or the whole file if it has no more, and sets the digest. `progress`
    /// is told how many bytes were read.
    ///
    /// # Errors
    /// When the file cannot be read, or no longer has the size that it was found with.
    pub(crate) fn hash(&mut self, limit: u64, buffer: &mut [u8], progress: impl Fn(u64)) -> io::Result<()> {
        let expected = self.size.min(limit);
        // One byte more, to see whether the file has grown.
        let mut reader = File::open(&self.path)?.take(self.size.saturating_add(1).min(limit));
        let mut hasher = Hasher::new();
        let mut total = 0;
        loop {
            match reader.read(buffer) {
                Ok(0) => break,
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    total += read as u64;
                    progress(read as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if total != expected {
            return Err(io::Error::other("changed while it was being read"));
        }
        self.digest = Some(hasher.finalize().into());
        Ok(())
    }

    /// Whether the first block is all there is.
    pub(crate) fn is_complete(&self) -> bool {
        self.size <= BLOCK
    }

    /// What is known of the contents: the same for files that may be identical.
    pub(crate) fn contents(&self) -> (u64, Option<Digest>) {
        (self.size, self.digest)
    }
}

/// Any path, on its way to another process: serde's own form for paths is text, and not all are.
mod any_path {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(deserializer).map(PathBuf::from)
    }
}
