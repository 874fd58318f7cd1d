//! Whole files, small and large, durable and not, and JSON.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mt_aio::{Context, WriteOptions, json_load, srun, write_binary};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit, Run, Unit};
use crate::python;

const SMALL: usize = 4096;
const IN_FLIGHT: usize = 16;

/// Small files in memory, one after the other.
pub(crate) const SMALL_FILES: Contest = Contest {
    id: "write-4k",
    title: "files of 4 KiB in memory, one after the other; the old or the new content for all but `fs::write`",
    items: 100,
    smoke_items: 2,
    contestants: &[
        ONE_SHOT,
        Contestant {
            name: "ours-async",
            about: "`mt_aio::write_binary` in async mode",
            goal: Some(Limit::Times(1.1)),
            prepare: |files| {
                let (dir, data, runtime) = (in_memory(), small(), runtime());
                writing(dir, files, move |path| runtime.block_on(write_async(path, data.clone())))
            },
            ..PLAIN
        },
        Contestant {
            name: "ours-sync",
            about: "`mt_aio::write_binary` in sync mode: no runtime",
            prepare: |files| {
                let data = small();
                writing(in_memory(), files, move |path| write_sync(path, &data, WriteOptions::new()))
            },
            ..PLAIN
        },
        Contestant {
            name: "std",
            about: "`fs::File`, `write_all`, `rename`",
            prepare: |files| {
                let data = small();
                writing(in_memory(), files, move |path| replace(path, &data))
            },
            ..PLAIN
        },
        Contestant {
            name: "fs-write",
            about: "`fs::write`: a reader may see half a file",
            prepare: |files| {
                let data = small();
                writing(in_memory(), files, move |path| fs::write(path, &data).expect("written"))
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "tokio-fs",
            about: "`tokio::fs::File`, `write_all`, `flush`, `tokio::fs::rename`",
            peer: true,
            prepare: |files| {
                let (data, runtime) = (small(), runtime());
                writing(in_memory(), files, move |path| runtime.block_on(peers::replace(path, &data)))
            },
            ..PLAIN
        },
        Contestant {
            about: "`mt.aio.write_binary` in async mode, Python",
            prepare: |files| writing_python("write", in_memory(), SMALL, files),
            ..PYTHON
        },
    ],
    ..FILES
};

/// Small files in memory, some at a time.
pub(crate) const FILES_IN_FLIGHT: Contest = Contest {
    id: "write-4k-x16",
    title: "files of 4 KiB in memory, 16 in flight",
    items: 320,
    smoke_items: 32,
    contestants: &[
        Contestant {
            name: "tokio-one-shot",
            about: "one `spawn_blocking` a file, each in a task: `fs::File`, `write_all`, `rename`",
            prepare: |files| in_flight(files, replace_async),
            ..PLAIN
        },
        Contestant {
            name: "ours-async",
            about: "`mt_aio::write_binary` in async mode, each in a task",
            goal: Some(Limit::Times(1.1)),
            prepare: |files| in_flight(files, async |path, data| write_async(&path, data).await),
            ..PLAIN
        },
        Contestant {
            about: "`mt.aio.write_binary` in async mode, Python, `asyncio.gather`",
            prepare: |files| writing_python("write-x16", in_memory(), SMALL, files),
            ..PYTHON
        },
    ],
    ..FILES
};

/// Small files that survive a power cut.
pub(crate) const DURABLE_FILES: Contest = Contest {
    id: "write-durable",
    title: "files of 4 KiB on the disk, synced with their directory",
    items: 20,
    smoke_items: 1,
    contestants: &[
        #[cfg(feature = "peers")]
        Contestant {
            name: "atomic-write-file",
            about: "atomic-write-file 0.3",
            peer: true,
            prepare: |files| {
                let data = small();
                writing(on_disk(), files, move |path| peers::commit(path, &data))
            },
            ..PLAIN
        },
        Contestant {
            name: "ours-sync",
            about: "`mt_aio::write_binary` with `WriteOptions::durable`",
            goal: Some(Limit::Times(1.0)),
            prepare: |files| {
                let data = small();
                writing(on_disk(), files, move |path| write_sync(path, &data, WriteOptions::new().durable()))
            },
            ..PLAIN
        },
    ],
    ..FILES
};

/// A large file in memory.
pub(crate) const LARGE_FILE: Contest = Contest {
    id: "write-512m",
    title: "a file of 512 MiB in memory; the old or the new content for all but `tokio::fs::write`",
    item: "byte",
    items: 512 << 20,
    smoke_items: 1 << 20,
    unit: Unit::Bytes,
    contestants: &[
        Contestant {
            name: "std",
            about: "`fs::File`, `write_all`, `rename`",
            prepare: |bytes| {
                let data = Bytes::from(vec![7; bytes as usize]);
                writing(in_memory(), 1, move |path| replace(path, &data))
            },
            ..PLAIN
        },
        Contestant {
            name: "ours-async",
            about: "`mt_aio::write_binary` in async mode, the data handed over",
            goal: Some(Limit::Share(0.95)),
            prepare: |bytes| {
                let (data, runtime) = (Bytes::from(vec![7; bytes as usize]), runtime());
                writing(in_memory(), 1, move |path| runtime.block_on(write_async(path, data.clone())))
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "tokio-fs",
            about: "`tokio::fs::write(path, &data[..])`, which copies the data first",
            peer: true,
            prepare: |bytes| {
                let (data, runtime) = (Bytes::from(vec![7; bytes as usize]), runtime());
                writing(in_memory(), 1, move |path| {
                    runtime.block_on(tokio::fs::write(path, &data[..])).expect("written");
                })
            },
            ..PLAIN
        },
        Contestant {
            about: "`mt.aio.write_binary` in async mode, Python",
            prepare: |bytes| writing_python("write", in_memory(), bytes as usize, 1),
            ..PYTHON
        },
    ],
    ..TASK
};

/// Typed JSON.
pub(crate) const JSON: Contest = Contest {
    id: "json-load",
    title: "10,000 records of JSON from a file",
    item: "record",
    items: 10_000,
    smoke_items: 10,
    contestants: &[
        Contestant {
            name: "serde_json",
            about: "`fs::read`, `serde_json::from_slice`",
            prepare: |records| {
                loading(records, |path| {
                    serde_json::from_slice(&fs::read(path).expect("there")).expect("JSON")
                })
            },
            ..PLAIN
        },
        Contestant {
            name: "ours-sync",
            about: "`mt_aio::json_load` in sync mode",
            goal: Some(Limit::Times(1.05)),
            prepare: |records| {
                loading(records, |path| srun(async |cx| json_load(path, cx).await).expect("JSON"))
            },
            ..PLAIN
        },
        Contestant {
            name: "ours-async",
            about: "`mt_aio::json_load` in async mode",
            prepare: |records| {
                let runtime = runtime();
                loading(records, move |path| {
                    runtime.block_on(json_load(path, &Context::asynchronous())).expect("JSON")
                })
            },
            ..PLAIN
        },
        Contestant {
            about: "`mt.aio.json_load` in async mode, Python: untyped",
            prepare: |records| {
                let (dir, path) = written(records);
                let mut run = python::aio(&["json-load", text(&path)], records);
                Box::new(move |clock| {
                    let _kept = &dir;
                    run(clock)
                })
            },
            ..PYTHON
        },
    ],
    ..TASK
};

const FILES: Contest = Contest { item: "file", unit: Unit::Time, ..TASK };

const ONE_SHOT: Contestant = Contestant {
    name: "tokio-one-shot",
    about: "one `spawn_blocking` a file: `fs::File`, `write_all`, `rename`",
    prepare: |files| {
        let (data, runtime) = (small(), runtime());
        writing(in_memory(), files, move |path| {
            runtime.block_on(replace_async(path.to_owned(), data.clone()));
        })
    },
    ..PLAIN
};

const PYTHON: Contestant = Contestant { name: "mt.aio", peer: true, missing: python::aio_missing, ..PLAIN };

/// A directory that goes away, in memory if possible.
fn in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a directory")
}

fn on_disk() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn small() -> Bytes {
    Bytes::from(vec![7; SMALL])
}

pub(super) fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.expect("a runtime")
}

/// Old or new: what one writes by hand with the standard library.
fn replace(path: &Path, data: &[u8]) {
    let temporary = path.with_extension("tmp");
    let mut file = fs::File::create(&temporary).expect("created");
    file.write_all(data).expect("written");
    drop(file);
    fs::rename(&temporary, path).expect("renamed");
}

async fn replace_async(path: PathBuf, data: Bytes) {
    tokio::task::spawn_blocking(move || replace(&path, &data)).await.expect("no panic");
}

fn write_sync(path: &Path, data: &Bytes, options: WriteOptions) {
    srun(async |cx| write_binary(path, data.clone(), options, cx).await).expect("written");
}

async fn write_async(path: &Path, data: Bytes) {
    let cx = Context::asynchronous();
    write_binary(path, data, WriteOptions::new(), &cx).await.expect("written");
}

/// Writes one file again and again; the answer tells what is in it at the end.
fn writing(dir: tempfile::TempDir, times: u64, write: impl Fn(&Path) + 'static) -> Run {
    Box::new(move |clock| {
        let path = dir.path().join("a");
        (0..times).for_each(|_| write(&path));
        clock.aside(|| length_and_last_byte(&path))
    })
}

fn in_flight<F>(times: u64, write: impl Fn(PathBuf, Bytes) -> F + 'static) -> Run
where
    F: Future<Output = ()> + Send + 'static,
{
    let (dir, data, runtime) = (in_memory(), small(), runtime());
    Box::new(move |clock| {
        let paths: Vec<PathBuf> = (0..IN_FLIGHT).map(|n| dir.path().join(n.to_string())).collect();
        runtime.block_on(async {
            for _ in 0..times / IN_FLIGHT as u64 {
                let writes = paths.iter().map(|path| tokio::spawn(write(path.clone(), data.clone())));
                for write in writes.collect::<Vec<_>>() {
                    write.await.expect("no panic");
                }
            }
        });
        clock.aside(|| paths.iter().map(|path| length_and_last_byte(path)).sum())
    })
}

fn writing_python(task: &str, dir: tempfile::TempDir, bytes: usize, times: u64) -> Run {
    let mut run = python::aio(&[task, text(dir.path()), &bytes.to_string()], times);
    Box::new(move |clock| {
        let _kept = &dir;
        run(clock)
    })
}

fn length_and_last_byte(path: &Path) -> u64 {
    let mut file = fs::File::open(path).expect("there");
    let length = file.seek(SeekFrom::End(-1)).expect("it has bytes") + 1;
    let mut last = [0];
    file.read_exact(&mut last).expect("one byte");
    length + u64::from(last[0])
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

#[derive(Serialize, Deserialize)]
struct Record {
    id: u64,
    name: String,
    scores: Vec<f64>,
    parent: Option<u64>,
}

fn written(records: u64) -> (tempfile::TempDir, PathBuf) {
    let dir = in_memory();
    let path = dir.path().join("records.json");
    let record = |id: u64| Record {
        id,
        name: format!("record {id}"),
        scores: vec![id as f64 / 3.0; 4],
        parent: id.checked_sub(1),
    };
    let records: Vec<Record> = (0..records).map(record).collect();
    fs::write(&path, serde_json::to_vec(&records).expect("JSON")).expect("written");
    (dir, path)
}

fn loading(records: u64, load: impl Fn(&Path) -> Vec<Record> + 'static) -> Run {
    let (dir, path) = written(records);
    Box::new(move |clock| {
        let _kept = &dir;
        let records = load(&path);
        let sum = clock.aside(|| {
            let parts = |record: &Record| {
                record.id
                    + record.parent.unwrap_or(0)
                    + (record.name.len() + record.scores.len()) as u64
                    + record.scores.iter().sum::<f64>() as u64
            };
            records.iter().map(parts).sum()
        });
        clock.aside(|| drop(records));
        sum
    })
}

#[cfg(feature = "peers")]
mod peers {
    use std::io::Write as _;
    use std::path::Path;

    use tokio::io::AsyncWriteExt as _;

    pub(super) async fn replace(path: &Path, data: &[u8]) {
        let temporary = path.with_extension("tmp");
        let mut file = tokio::fs::File::create(&temporary).await.expect("created");
        file.write_all(data).await.expect("written");
        file.flush().await.expect("written");
        drop(file);
        tokio::fs::rename(&temporary, path).await.expect("renamed");
    }

    pub(super) fn commit(path: &Path, data: &[u8]) {
        let mut file = atomic_write_file::AtomicWriteFile::open(path).expect("created");
        file.write_all(data).expect("written");
        file.commit().expect("renamed");
    }
}
