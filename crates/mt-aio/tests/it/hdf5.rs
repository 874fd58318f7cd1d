//! HDF5 files, by each of the libraries.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mt_aio::{ErrorKind, WriteOptions};

use crate::python::python;
use crate::running::{in_both_modes, names};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Reads the file that each library writes: `values`, two by three, and the group `g` with `count`.
const READ: &str = r#"
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    v = f["values"]
    assert v.shape == (2, 3) and v.dtype == "float64", (v.shape, v.dtype)
    assert v[...].tolist() == [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]
    assert f["g/count"][...].tolist() == [1, 2, 3]
"#;

const WRITE: &str = r#"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w") as f:
    f.create_dataset("values", data=np.arange(10_000, dtype="f8").reshape(100, 100), chunks=(10, 10), compression="gzip")
    f.create_group("g").create_dataset("count", data=np.array([1, 2, 3], dtype="i4"))
"#;

macro_rules! tests_of {
    ($library:ident, $functions:path, $file:ty, $fill:expr, $read:expr) => {
        mod $library {
            use super::*;
            use $functions::{CreateFileH5, create_file_h5};

            fn fill(file: &$file) -> Result<(), Failure> {
                let fill: fn(&$file) -> Result<(), Failure> = $fill;
                fill(file)
            }

            #[test]
            fn h5py_reads_our_files_and_we_read_theirs() {
                in_both_modes(async |cx| {
                    let dir = tempfile::tempdir().unwrap();
                    let path = dir.path().join("new folder/ours.h5");
                    create_file_h5(&path, fill, WriteOptions::new().durable(), cx).await.unwrap();
                    let theirs = dir.path().join("theirs.h5");
                    if python("h5py numpy", READ, &[path.to_str().unwrap()])
                        && python("h5py numpy", WRITE, &[theirs.to_str().unwrap()])
                    {
                        let read: fn(&std::path::Path) -> Result<(Vec<f64>, Vec<i32>), Failure> = $read;
                        let (values, count) = read(&theirs).unwrap();
                        assert_eq!(values, (0..10_000).map(f64::from).collect::<Vec<_>>());
                        assert_eq!(count, [1, 2, 3]);
                    }
                });
            }

            #[test]
            fn the_file_appears_only_when_it_is_whole() {
                in_both_modes(async |cx| {
                    let dir = tempfile::tempdir().unwrap();
                    let path = dir.path().join("a.h5");
                    fs::write(&path, "old").unwrap();
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
                    let file = CreateFileH5::new(&path, WriteOptions::new(), cx).await.unwrap();
                    fill(&file).unwrap();
                    assert_eq!(file.tmp_filepath().parent(), Some(dir.path()));
                    assert_eq!((names(dir.path()).len(), fs::read(&path).unwrap()), (2, b"old".to_vec()));
                    file.close().await.unwrap();
                    assert_eq!(names(dir.path()), ["a.h5"]);
                    assert!(fs::read(&path).unwrap().starts_with(b"\x89HDF"));
                    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
                    create_file_h5(&path, fill, WriteOptions::new().mode(0o604), cx).await.unwrap();
                    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o604);
                });
            }

            #[test]
            fn a_failed_body_leaves_neither_target_nor_temporary_file() {
                in_both_modes(async |cx| {
                    let dir = tempfile::tempdir().unwrap();
                    let path = dir.path().join("a.h5");
                    let options = WriteOptions::new();
                    let fails = |file: &$file| {
                        fill(file)?;
                        Err("no more data".into()) as Result<(), Failure>
                    };
                    let error = create_file_h5(&path, fails, options, cx).await.unwrap_err();
                    assert_eq!((error.kind(), error.path()), (ErrorKind::Task, Some(&*path)));
                    let panics = |_: &$file| -> Result<(), Failure> { panic!("no data at all") };
                    let error = create_file_h5(&path, panics, options, cx).await.unwrap_err();
                    assert_eq!(error.panic_message(), Some("no data at all"));
                    let own =
                        |_: &$file| Err(mt_aio::OriError::new(ErrorKind::Cancelled, "never mind").into());
                    let error = create_file_h5::<()>(&path, own, options, cx).await.unwrap_err();
                    assert!(error.is_cancelled());
                    drop(CreateFileH5::new(&path, options, cx).await.unwrap());
                    assert!(names(dir.path()).is_empty());

                    fs::write(&path, "old").unwrap();
                    assert!(create_file_h5(&path, fails, options, cx).await.is_err());
                    assert_eq!((names(dir.path()).len(), fs::read(&path).unwrap()), (1, b"old".to_vec()));
                    let error = CreateFileH5::new(dir.path(), options, cx).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Io);
                });
            }
        }
    };
}

#[cfg(feature = "hdf5")]
tests_of!(
    pure,
    mt_aio,
    rust_hdf5::H5File,
    |file| {
        let values = file.new_dataset::<f64>().shape([2, 3]).create("values")?;
        values.write_raw(&[0.5, 1.5, 2.5, 3.5, 4.5, 5.5])?;
        let count = file.create_group("g")?.new_dataset::<i32>().shape([3]).create("count")?;
        Ok(count.write_raw(&[1, 2, 3])?)
    },
    |path| {
        let file = rust_hdf5::H5File::open(path)?;
        Ok((file.dataset("values")?.read_raw()?, file.dataset("g/count")?.read_raw()?))
    }
);

#[cfg(feature = "hdf5-c")]
tests_of!(
    c,
    mt_aio::hdf5_c,
    hdf5_metno::File,
    |file| {
        let values = file.new_dataset::<f64>().shape((2, 3)).create("values")?;
        values.write_raw(&[0.5, 1.5, 2.5, 3.5, 4.5, 5.5])?;
        file.create_group("g")?.new_dataset_builder().with_data(&[1, 2, 3]).create("count")?;
        Ok(())
    },
    |path| {
        let file = hdf5_metno::File::open(path)?;
        Ok((file.dataset("values")?.read_raw()?, file.dataset("g/count")?.read_raw()?))
    }
);
