//! JSON files as typed values: [`json_load`] and [`json_save`].

use std::path::Path;

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::operation::operate;
use crate::read::read_now;
use crate::{Context, WriteOptions, write_binary};

/// Reads a JSON file into a value: any type that can be deserialised, or `serde_json::Value`.
///
/// # Errors
/// `Io` when the file cannot be read; `Codec` when it is not JSON or not of this type, with line
/// and column.
///
/// # Cancel safety
/// As [`read_binary`](crate::read_binary).
///
/// ```
/// use mt_aio::{WriteOptions, json_load, json_save, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("sizes.json");
/// let sizes: Vec<u32> = srun(async |cx| {
///     json_save(&path, &[640, 480], WriteOptions::new(), cx).await?;
///     json_load(&path, cx).await
/// })
/// .unwrap();
/// assert_eq!(sizes, [640, 480]);
/// ```
pub async fn json_load<T>(path: impl AsRef<Path>, cx: &Context) -> Result<T>
where
    T: DeserializeOwned + Send + 'static,
{
    let path = path.as_ref().to_owned();
    operate(cx, move || {
        let bytes = read_now(&path, None)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("not the JSON of a `{}`", std::any::type_name::<T>());
            OriError::new(ErrorKind::Codec, message).with_path(&path).with_source(error)
        })
    })
    .await
}

/// Writes a value as a JSON file, whole or not at all. Gives the number of bytes.
///
/// The value is encoded on the calling thread, which in async mode is the runtime's; then the
/// bytes are written as by [`write_binary`].
///
/// # Errors
/// `Codec` when the value cannot be expressed in JSON, `Panicked` when its `Serialize` panics; the
/// file is not touched then. Otherwise as [`write_binary`].
///
/// # Cancel safety
/// As [`write_binary`].
///
/// ```
/// use mt_aio::{WriteOptions, json_save, srun};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("a.json");
/// srun(async |cx| json_save(&path, &["x"], WriteOptions::new().pretty(), cx).await).unwrap();
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "[\n  \"x\"\n]");
/// ```
pub async fn json_save<T>(
    path: impl AsRef<Path>,
    value: &T,
    options: WriteOptions,
    cx: &Context,
) -> Result<u64>
where
    T: Serialize + ?Sized,
{
    let bytes = encode(path.as_ref(), value, options)?;
    write_binary(path, bytes, options, cx).await
}

/// The bytes of the file.
pub(crate) fn encode<T: Serialize + ?Sized>(
    path: &Path,
    value: &T,
    options: WriteOptions,
) -> Result<Vec<u8>> {
    let encoded = catch_panic(|| {
        if options.pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) }
    })?;
    encoded.map_err(|error| {
        let message = format!("a `{}` that JSON cannot express", std::any::type_name::<T>());
        OriError::new(ErrorKind::Codec, message).with_path(path).with_source(error)
    })
}
