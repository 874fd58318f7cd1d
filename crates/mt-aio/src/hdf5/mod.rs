//! HDF5 files that appear whole or not at all.
//!
//! A library for HDF5 wants a path, not a file: it is given that of a temporary file beside the
//! target, created under a name that nobody else has. When the library has closed it, the file is
//! synced if asked, gets its mode and then the target's name. That is all in here; what a library
//! has to do is [`Library`], and there is one file for each.
//!
//! | module | library |
//! |---|---|
//! | `pure` | rust-hdf5, without C (feature `hdf5`) |
//! | `c` | hdf5-metno, over the HDF5 library of the system (feature `hdf5-c`) |

#[cfg(feature = "hdf5-c")]
pub(crate) mod c;
#[cfg(feature = "hdf5")]
pub(crate) mod pure;

use std::error::Error as StdError;
use std::path::Path;

use ori_errors::{ErrorKind, OriError, Result};

use crate::operation::operate;
use crate::staged::Staged;
use crate::{Context, WriteOptions};

/// A library for HDF5: how it makes a file and how it ends one.
pub(crate) trait Library: 'static {
    /// An open file.
    type File: Send + 'static;

    /// Opens the empty file at `path` as a new HDF5 file.
    fn create(path: &Path) -> Result<Self::File, Failure>;

    /// Hands all that was written to the operating system.
    fn close(file: Self::File) -> Result<(), Failure>;
}

/// What goes wrong in a body, or in a library.
pub(crate) type Failure = Box<dyn StdError + Send + Sync>;

/// Runs `body` with a new file, all in one operation.
pub(crate) async fn create<L: Library, T: Send + 'static>(
    path: &Path,
    body: impl FnOnce(&L::File) -> Result<T, Failure> + Send + 'static,
    options: WriteOptions,
    cx: &Context,
) -> Result<T> {
    let path = path.to_owned();
    operate(cx, move || {
        let making = Making::<L>::new(&path, options)?;
        let value = body(making.file()).map_err(|failure| match failure.downcast::<OriError>() {
            Ok(error) => *error,
            Err(other) => OriError::new(ErrorKind::Task, "the function that fills the file failed")
                .with_path(&path)
                .with_source(other),
        })?;
        making.finish()?;
        Ok(value)
    })
    .await
}

/// A file that is being made. Dropping it leaves neither target nor temporary file.
#[derive(Debug)]
pub(crate) struct Making<L: Library> {
    /// Both are there until one of `finish` and `drop` takes them.
    parts: Option<(L::File, Staged)>,
}

impl<L: Library> Making<L> {
    pub(crate) fn new(path: &Path, options: WriteOptions) -> Result<Self> {
        // The original makes directories without being asked.
        let staged = Staged::new(path, options.make_dirs())?;
        let file = L::create(staged.path()).map_err(failed("cannot create the HDF5 file", path))?;
        Ok(Self { parts: Some((file, staged)) })
    }

    pub(crate) fn file(&self) -> &L::File {
        &self.parts().0
    }

    pub(crate) fn tmp_path(&self) -> &Path {
        self.parts().1.path()
    }

    /// Makes it the target.
    pub(crate) fn finish(mut self) -> Result<()> {
        let (file, staged) = self.parts.take().expect("taken only when it ends");
        L::close(file).map_err(failed("cannot finish the HDF5 file", staged.target()))?;
        staged.commit()
    }

    fn parts(&self) -> &(L::File, Staged) {
        self.parts.as_ref().expect("taken only when it ends")
    }
}

impl<L: Library> Drop for Making<L> {
    fn drop(&mut self) {
        if let Some((file, staged)) = self.parts.take() {
            // It goes away: whether all of it was written is nobody's concern.
            let _ = L::close(file);
            drop(staged);
        }
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(Failure) -> OriError {
    move |failure| OriError::new(ErrorKind::Io, what).with_path(path).with_source(failure)
}

/// The public face of one library; the faces differ in nothing but the type of the file.
macro_rules! face {
    ($library:ty, $file:ty, $import:literal, $filling:literal) => {
        use std::error::Error as StdError;
        use std::ops::Deref;
        use std::path::Path;

        use ori_errors::Result;

        use super::Making;
        use crate::operation::operate;
        use crate::{Context, WriteOptions};

        /// Writes an HDF5 file: `body` fills it, then it appears under its name, whole.
        ///
        /// `body` runs in the thread of the operation: in async mode one of tokio's blocking
        /// threads. Directories that lead to the file are made.
        ///
        /// # Errors
        /// What `body` returns, as an error of kind `Task` (or its own, if it is an
        /// [`OriError`](crate::OriError)), `Panicked` when it panics, `Io` when the file cannot be
        /// written. The target is as it was then, and the temporary file gone.
        ///
        /// # Cancel safety
        /// In async mode the body goes on when the future is dropped.
        ///
        /// ```
        #[doc = $import]
        /// use mt_aio::{WriteOptions, srun};
        ///
        /// # let dir = tempfile::tempdir().unwrap();
        /// let path = dir.path().join("new/a.h5");
        #[doc = $filling]
        /// srun(async |cx| create_file_h5(&path, fill, WriteOptions::new(), cx).await).unwrap();
        /// assert!(path.exists());
        /// ```
        pub async fn create_file_h5<T: Send + 'static>(
            path: impl AsRef<Path>,
            body: impl FnOnce(&$file) -> Result<T, Box<dyn StdError + Send + Sync>> + Send + 'static,
            options: WriteOptions,
            cx: &Context,
        ) -> Result<T> {
            super::create::<$library, T>(path.as_ref(), body, options, cx).await
        }

        /// An HDF5 file in the making, for programs that fill it in several steps. Derefs to the
        /// library's file.
        ///
        /// [`close`](Self::close) makes it appear under its name. Dropping it instead leaves
        /// neither the file nor the temporary one, and the old file if there was one.
        ///
        /// ```
        #[doc = $import]
        /// use mt_aio::{WriteOptions, srun};
        ///
        /// # let dir = tempfile::tempdir().unwrap();
        /// # let path = dir.path().join("a.h5");
        /// srun(async |cx| {
        ///     let file = CreateFileH5::new(&path, WriteOptions::new(), cx).await?;
        ///     assert!(file.tmp_filepath().exists() && !path.exists());
        ///     file.close().await
        /// })
        /// .unwrap();
        /// assert!(path.exists());
        /// ```
        #[must_use = "dropped without `close` it leaves no file"]
        pub struct CreateFileH5 {
            making: Making<$library>,
            cx: Context,
        }

        impl CreateFileH5 {
            /// Creates the temporary file, and the directories that lead to it.
            ///
            /// # Errors
            /// `Io` when it cannot be created, or the target is a directory or device;
            /// `Validation` for an empty path or a bad mode.
            ///
            /// # Cancel safety
            /// Nothing but directories is left behind when the future is dropped.
            ///
            /// ```
            #[doc = $import]
            /// use mt_aio::{WriteOptions, srun};
            ///
            /// let error = srun(async |cx| CreateFileH5::new("/", WriteOptions::new(), cx).await);
            /// assert!(error.is_err());
            /// ```
            pub async fn new(path: impl AsRef<Path>, options: WriteOptions, cx: &Context) -> Result<Self> {
                let path = path.as_ref().to_owned();
                let making = operate(cx, move || Making::new(&path, options)).await?;
                Ok(Self { making, cx: cx.clone() })
            }

            /// The library's file: the original's `handle`.
            ///
            /// ```
            #[doc = $import]
            /// # let dir = tempfile::tempdir().unwrap();
            /// # let path = dir.path().join("a.h5");
            /// # mt_aio::srun(async |cx| {
            /// let file = CreateFileH5::new(&path, mt_aio::WriteOptions::new(), cx).await?;
            /// file.handle().create_group("g").unwrap();
            /// # file.close().await
            /// # }).unwrap();
            /// ```
            #[must_use]
            pub fn handle(&self) -> &$file {
                self.making.file()
            }

            /// Where the temporary file is.
            ///
            /// ```
            #[doc = $import]
            /// # let dir = tempfile::tempdir().unwrap();
            /// # let path = dir.path().join("a.h5");
            /// # mt_aio::srun(async |cx| {
            /// let file = CreateFileH5::new(&path, mt_aio::WriteOptions::new(), cx).await?;
            /// assert_eq!(file.tmp_filepath().parent(), path.parent());
            /// # file.close().await
            /// # }).unwrap();
            /// ```
            #[must_use]
            pub fn tmp_filepath(&self) -> &Path {
                self.making.tmp_path()
            }

            /// Finishes the file and gives it its name, in the mode that it was created in.
            ///
            /// # Errors
            /// `Io` when it cannot be finished or renamed: the target is as it was.
            ///
            /// # Cancel safety
            /// In async mode the file may appear after the future was dropped; it is whole then.
            ///
            /// ```
            #[doc = $import]
            /// # let dir = tempfile::tempdir().unwrap();
            /// # let path = dir.path().join("a.h5");
            /// # mt_aio::srun(async |cx| {
            /// CreateFileH5::new(&path, mt_aio::WriteOptions::new().durable(), cx).await?.close().await
            /// # }).unwrap();
            /// ```
            pub async fn close(self) -> Result<()> {
                let Self { making, cx } = self;
                operate(&cx, move || making.finish()).await
            }
        }

        impl Deref for CreateFileH5 {
            type Target = $file;

            fn deref(&self) -> &$file {
                self.handle()
            }
        }

        impl std::fmt::Debug for CreateFileH5 {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple("CreateFileH5").field(&self.tmp_filepath()).finish()
            }
        }
    };
}
pub(crate) use face;
