//! [`Candidate`]: a file on its way through the search, and how it is read.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};

use super::ledger::Ledger;

/// How much of a file is read to see whether the rest is worth it. Most files are no longer.
pub(crate) const BLOCK: u64 = 16 << 10;

/// What a worker reads with; small enough for its cache.
pub(crate) fn buffer() -> Vec<u8> {
    vec![0; 256 << 10]
}

/// A file that may have a duplicate.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    /// In bytes.
    pub(crate) size: u64,
    identity: Identity,
    /// Of what has been read so far.
    pub(crate) digest: Option<Hash>,
}

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

    /// Reads the first `limit` bytes, or the whole file if it has no more, and sets the digest.
    ///
    /// # Errors
    /// When the file cannot be read, or no longer has the size that it was found with.
    pub(crate) fn hash(&mut self, limit: u64, buffer: &mut [u8], ledger: &Ledger) -> io::Result<()> {
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
                    ledger.read(read as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if total != expected {
            return Err(io::Error::other("changed while it was being read"));
        }
        self.digest = Some(hasher.finalize());
        Ok(())
    }

    /// Whether the first block is all there is.
    pub(crate) fn is_complete(&self) -> bool {
        self.size <= BLOCK
    }

    /// What is known of the contents: the same for files that may be identical.
    pub(crate) fn contents(&self) -> (u64, Option<Hash>) {
        (self.size, self.digest)
    }
}
