//! Files of named arrays, as NumPy's `savez` writes them: [`npz_load`], [`npz_save`], [`Npz`].
//!
//! An `.npz` file is a zip archive with one `.npy` file for each array. The crate ndarray-npy knows
//! the arrays, the crate zip the archive.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use bytes::Bytes;
use ndarray::{Array, ArrayBase, Data, Dimension};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
pub use ndarray_npy::{ReadableElement, WritableElement};
use ori_errors::{ErrorKind, OriError, Result};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::operation::{cannot, operate, with_descriptor};
use crate::staged::Staged;
use crate::{Context, WriteOptions};

/// Reads an `.npz` file, NumPy's or our own, compressed or not.
///
/// # Errors
/// `Io` when the file cannot be read; `Codec` when it is not an `.npz` file, or damaged.
///
/// # Cancel safety
/// As [`read_binary`](crate::read_binary).
///
/// ```
/// use mt_aio::{Npz, WriteOptions, npz_load, npz_save, srun};
/// use ndarray::{Array1, array};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("a.npz");
/// let loaded = srun(async |cx| {
///     let mut arrays = Npz::new();
///     arrays.insert("x", &array![1.0, 2.5])?;
///     npz_save(&path, &arrays, WriteOptions::new(), cx).await?;
///     npz_load(&path, cx).await
/// })
/// .unwrap();
/// let x: Array1<f64> = loaded.get("x").unwrap();
/// assert_eq!(x, array![1.0, 2.5]);
/// ```
pub async fn npz_load(path: impl AsRef<Path>, cx: &Context) -> Result<Npz> {
    let path = path.as_ref().to_owned();
    operate(cx, move || {
        let file = with_descriptor(|| std::fs::File::open(&path)).map_err(cannot("read", &path))?;
        unpack(BufReader::new(file)).map_err(|error| match error {
            ZipError::Io(error) if error.raw_os_error().is_some() => cannot("read", &path)(error),
            error => OriError::new(ErrorKind::Codec, "not an npz file, or damaged")
                .with_path(&path)
                .with_source(error),
        })
    })
    .await
}

/// Writes an `.npz` file that NumPy's `load` reads, whole or not at all. Gives the number of bytes.
///
/// # Errors
/// As [`write_binary`](crate::write_binary).
///
/// # Cancel safety
/// As [`write_binary`](crate::write_binary).
///
/// ```
/// use mt_aio::{Npz, WriteOptions, npz_save, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("a.npz");
/// let mut arrays = Npz::new().compressed();
/// arrays.insert("zeros", &ndarray::Array2::<f32>::zeros((100, 100))).unwrap();
/// let bytes = srun(async |cx| npz_save(&path, &arrays, WriteOptions::new(), cx).await).unwrap();
/// assert!(bytes < 4 * 100 * 100);
/// ```
pub async fn npz_save(
    path: impl AsRef<Path>,
    arrays: &Npz,
    options: WriteOptions,
    cx: &Context,
) -> Result<u64> {
    // A copy of the handles; the arrays are shared.
    let (path, arrays) = (path.as_ref().to_owned(), arrays.clone());
    operate(cx, move || {
        let mut staged = Staged::new(&path, options)?;
        let packed = pack(&arrays, staged.file()).and_then(|()| Ok(staged.file().stream_position()?));
        let length = packed.map_err(|error| {
            OriError::new(ErrorKind::Io, "cannot write").with_path(&path).with_source(error)
        })?;
        staged.commit()?;
        Ok(length)
    })
    .await
}

/// Named arrays, of any shape and element type each: what an `.npz` file holds.
///
/// Arrays are encoded when they are inserted and decoded when they are got. Clones share them.
///
/// ```
/// use mt_aio::Npz;
/// use ndarray::{Array2, array};
///
/// let mut arrays = Npz::new();
/// arrays.insert("identity", &Array2::<f64>::eye(3)).unwrap();
/// arrays.insert("counts", &array![1_u32, 2, 3]).unwrap();
/// assert_eq!(arrays.names().collect::<Vec<_>>(), ["counts", "identity"]);
/// ```
#[derive(Clone, Default)]
pub struct Npz {
    /// The bytes of an `.npy` file for each name.
    arrays: BTreeMap<String, Bytes>,
    is_compressed: bool,
}

impl Npz {
    /// Without arrays.
    ///
    /// ```
    /// assert_eq!(mt_aio::Npz::new().names().count(), 0);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses the arrays when they are saved, as NumPy's `savez_compressed` does. Default: they
    /// are stored as they are.
    ///
    /// ```
    /// let arrays = mt_aio::Npz::new().compressed();
    /// ```
    #[must_use = "the arrays are returned, not changed in place"]
    pub fn compressed(mut self) -> Self {
        self.is_compressed = true;
        self
    }

    /// Adds an array, or replaces the one of that name.
    ///
    /// # Errors
    /// `Validation` for an empty name; `Codec` when the array cannot be encoded.
    ///
    /// ```
    /// let mut arrays = mt_aio::Npz::new();
    /// arrays.insert("x", &ndarray::array![[true, false], [false, true]]).unwrap();
    /// ```
    pub fn insert<A, S, D>(&mut self, name: &str, array: &ArrayBase<S, D>) -> Result<()>
    where
        A: WritableElement,
        S: Data<Elem = A>,
        D: Dimension,
    {
        if name.is_empty() {
            return Err(OriError::new(ErrorKind::Validation, "the name of the array is empty"));
        }
        let mut bytes = Vec::with_capacity(128 + array.len() * size_of::<A>());
        array.write_npy(&mut bytes).map_err(|error| {
            OriError::new(ErrorKind::Codec, format!("cannot encode the array `{name}`")).with_source(error)
        })?;
        self.arrays.insert(name.to_owned(), bytes.into());
        Ok(())
    }

    /// Gives the array of this name.
    ///
    /// # Errors
    /// `Validation` when there is none; `Codec` when its elements are of another type, or it has
    /// another number of dimensions.
    ///
    /// ```
    /// # let mut arrays = mt_aio::Npz::new();
    /// # arrays.insert("x", &ndarray::array![1_u8, 2]).unwrap();
    /// let x: ndarray::Array1<u8> = arrays.get("x").unwrap();
    /// assert!(arrays.get::<f64, ndarray::Ix1>("x").is_err());
    /// assert!(arrays.get::<u8, ndarray::IxDyn>("x").is_ok());
    /// ```
    pub fn get<A, D>(&self, name: &str) -> Result<Array<A, D>>
    where
        A: ReadableElement,
        D: Dimension,
    {
        let Some(bytes) = self.arrays.get(name) else {
            let names: Vec<_> = self.names().collect();
            let message = format!("no array is named `{name}`; there are: {}", names.join(", "));
            return Err(OriError::new(ErrorKind::Validation, message));
        };
        Array::read_npy(&bytes[..]).map_err(|error| {
            let wanted = std::any::type_name::<Array<A, D>>();
            let message = format!("cannot decode the array `{name}` as `{wanted}`");
            OriError::new(ErrorKind::Codec, message).with_source(error)
        })
    }

    /// The names, sorted.
    ///
    /// ```
    /// assert_eq!(mt_aio::Npz::new().names().next(), None);
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }
}

impl fmt::Debug for Npz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn pack(arrays: &Npz, file: &mut std::fs::File) -> Result<(), ZipError> {
    let method = if arrays.is_compressed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let mut archive = ZipWriter::new(BufWriter::new(file));
    for (name, bytes) in &arrays.arrays {
        let is_large = bytes.len() >= u32::MAX as usize;
        let options = SimpleFileOptions::default().compression_method(method).large_file(is_large);
        archive.start_file(format!("{name}.npy"), options)?;
        archive.write_all(bytes)?;
    }
    archive.finish()?.flush()?;
    Ok(())
}

fn unpack(file: impl Read + Seek) -> Result<Npz, ZipError> {
    let mut archive = ZipArchive::new(file)?;
    let mut npz = Npz::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        npz.is_compressed |= entry.compression() != CompressionMethod::Stored;
        let name = entry.name().strip_suffix(".npy").unwrap_or(entry.name()).to_owned();
        // What the archive says of the size is not to be trusted with memory.
        let mut bytes =
            Vec::with_capacity(usize::try_from(entry.size().min(entry.compressed_size())).unwrap_or(0));
        entry.read_to_end(&mut bytes)?;
        if npz.arrays.insert(name, bytes.into()).is_some() {
            return Err(ZipError::Io(io::Error::new(io::ErrorKind::InvalidData, "two arrays have one name")));
        }
    }
    Ok(npz)
}
