//! The promises of mt-aio, through its public API.

mod aproc;
#[cfg(target_os = "linux")]
mod bgprocess;
mod delayed;
mod faults;
#[cfg(any(feature = "hdf5", feature = "hdf5-c"))]
mod hdf5;
mod json;
mod migration;
mod mode;
#[cfg(feature = "npz")]
mod npz;
#[cfg(unix)]
mod paths;
#[cfg(any(feature = "npz", feature = "hdf5", feature = "hdf5-c"))]
mod python;
mod queue;
mod read;
mod running;
#[cfg(unix)]
mod write;

#[cfg(target_os = "linux")]
mt_aio::test_worker!();
