//! HDF5 by the crate rust-hdf5: pure Rust, no library to install.

use rust_hdf5::H5File;

use super::{Failure, Library};

/// The crate rust-hdf5.
#[derive(Debug)]
pub(crate) struct Pure;

impl Library for Pure {
    type File = H5File;

    fn create(path: &Path) -> Result<H5File, Failure> {
        Ok(H5File::create(path)?)
    }

    fn close(file: H5File) -> Result<(), Failure> {
        // Whether it is synced is decided when the file gets its name.
        Ok(file.close_no_sync()?)
    }
}

super::face!(
    Pure,
    H5File,
    "use mt_aio::{CreateFileH5, create_file_h5};",
    "let fill = |file: &rust_hdf5::H5File| {
    let data = file.new_dataset::<f64>().shape([3]).create(\"x\")?;
    Ok(data.write_raw(&[1.0, 2.0, 3.0])?)
};"
);
