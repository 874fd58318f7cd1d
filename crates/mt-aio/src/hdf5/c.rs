//! HDF5 by the crate hdf5-metno, over the C library of the system.

use hdf5_metno::File;

use super::{Failure, Library};

/// The crate hdf5-metno.
#[derive(Debug)]
pub(crate) struct C;

impl Library for C {
    type File = File;

    fn create(path: &Path) -> Result<File, Failure> {
        Ok(File::create(path)?)
    }

    fn close(file: File) -> Result<(), Failure> {
        file.flush()?;
        Ok(file.close()?)
    }
}

super::face!(
    C,
    File,
    "use mt_aio::hdf5_c::{CreateFileH5, create_file_h5};",
    "let fill = |file: &hdf5_metno::File| {
    file.new_dataset_builder().with_data(&[1.0, 2.0, 3.0]).create(\"x\")?;
    Ok(())
};"
);
