//! Whole files, small and large, durable and not; JSON.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use mt_aio::{Context, WriteOptions, json_load as load, srun, write_binary};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::rounds::Scenario;

/// A directory that goes away, in memory if possible.
fn in_memory() -> Rc<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    Rc::new(made.expect("a directory"))
}

pub(crate) fn runtime() -> Rc<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    Rc::new(runtime.expect("a runtime"))
}

/// Old or new: what one writes by hand with the standard library.
fn replace(path: &Path, data: &[u8]) {
    let temporary = path.with_extension("tmp");
    let mut file = fs::File::create(&temporary).expect("created");
    file.write_all(data).expect("written");
    drop(file);
    fs::rename(&temporary, path).expect("renamed");
}

fn write_ours(path: &Path, data: &Bytes, options: WriteOptions) {
    srun(async |cx| write_binary(path, data.clone(), options, cx).await).expect("written");
}

async fn write_ours_async(path: &Path, data: &Bytes) {
    let cx = Context::asynchronous();
    write_binary(path, data.clone(), WriteOptions::new(), &cx).await.expect("written");
}

async fn replace_async(path: PathBuf, data: Bytes) {
    tokio::task::spawn_blocking(move || replace(&path, &data)).await.expect("no panic");
}

/// A variant that writes one file again and again, and reads it at the end.
fn writing(
    dir: &Rc<tempfile::TempDir>,
    data: &Bytes,
    write: impl Fn(&Path, &Bytes) + 'static,
) -> impl FnMut(u64) + 'static {
    let (dir, data) = (dir.clone(), data.clone());
    move |times| {
        let path = dir.path().join("a");
        (0..times).for_each(|_| write(&path, &data));
        if times == 1 {
            assert!(fs::read(&path).expect("there") == data, "another content");
        }
    }
}

pub(crate) fn write_4k() -> Scenario {
    let (dir, data, runtime) = (in_memory(), Bytes::from(vec![7; 4096]), runtime());
    let (one_shot, ours) = (runtime.clone(), runtime.clone());
    let scenario = Scenario::new("4 KiB, one after the other; old or new but for `fs::write`")
        .variant(
            "tokio one-shot",
            writing(&dir, &data, move |path, data| {
                one_shot.block_on(replace_async(path.to_owned(), data.clone()));
            }),
        )
        .variant(
            "mt-aio async",
            writing(&dir, &data, move |path, data| {
                ours.block_on(write_ours_async(path, data));
            }),
        )
        .variant("fs::write", writing(&dir, &data, |path, data| fs::write(path, data).expect("written")))
        .variant("std old or new", writing(&dir, &data, |path, data| replace(path, data)))
        .variant(
            "mt-aio sync",
            writing(&dir, &data, |path, data| write_ours(path, data, WriteOptions::new())),
        );
    #[cfg(feature = "peers")]
    let scenario = scenario.variant(
        "tokio::fs",
        writing(&dir, &data, move |path, data| {
            runtime.block_on(async {
                use tokio::io::AsyncWriteExt;
                let temporary = path.with_extension("tmp");
                let mut file = tokio::fs::File::create(&temporary).await.expect("created");
                file.write_all(data).await.expect("written");
                file.flush().await.expect("written");
                drop(file);
                tokio::fs::rename(&temporary, path).await.expect("renamed");
            });
        }),
    );
    scenario
}

pub(crate) fn write_4k_x16() -> Scenario {
    const IN_FLIGHT: u64 = 16;
    let (dir, data, runtime) = (in_memory(), Bytes::from(vec![7; 4096]), runtime());
    let paths = |dir: &tempfile::TempDir| -> Vec<PathBuf> {
        (0..IN_FLIGHT).map(|n| dir.path().join(n.to_string())).collect()
    };
    let (theirs_dir, theirs_data, theirs) = (dir.clone(), data.clone(), runtime.clone());
    Scenario::new("4 KiB, 16 files in flight; each figure is for 16")
        .variant("tokio one-shot", move |times| {
            let paths = paths(&theirs_dir);
            theirs.block_on(async {
                for _ in 0..times {
                    let writes = paths
                        .iter()
                        .map(|path| tokio::spawn(replace_async(path.clone(), theirs_data.clone())));
                    for write in writes.collect::<Vec<_>>() {
                        write.await.expect("no panic");
                    }
                }
            });
        })
        .variant("mt-aio async", move |times| {
            let paths = paths(&dir);
            runtime.block_on(async {
                for _ in 0..times {
                    let writes = paths.iter().map(|path| {
                        let (path, data) = (path.clone(), data.clone());
                        tokio::spawn(async move { write_ours_async(&path, &data).await })
                    });
                    for write in writes.collect::<Vec<_>>() {
                        write.await.expect("no panic");
                    }
                }
            });
            assert!(
                paths.iter().all(|path| fs::read(path).is_ok_and(|read| read == data)),
                "another content"
            );
        })
}

pub(crate) fn write_durable() -> Scenario {
    let dir = Rc::new(tempfile::tempdir().expect("a directory"));
    let data = Bytes::from(vec![7; 4096]);
    let scenario = Scenario::new("4 KiB on the disk, synced with its directory");
    #[cfg(feature = "peers")]
    let scenario = scenario.variant(
        "atomic-write-file",
        writing(&dir, &data, |path, data| {
            let mut file = atomic_write_file::AtomicWriteFile::open(path).expect("created");
            file.write_all(data).expect("written");
            file.commit().expect("renamed");
        }),
    );
    scenario.variant(
        "mt-aio sync",
        writing(&dir, &data, |path, data| write_ours(path, data, WriteOptions::new().durable())),
    )
}

pub(crate) fn write_512m() -> Scenario {
    let (dir, data, runtime) = (in_memory(), Bytes::from(vec![7; 512 << 20]), runtime());
    let ours = runtime.clone();
    let scenario = Scenario::new("512 MiB in memory")
        .variant(
            "fs::write to a new file",
            writing(&dir, &data, |path, data| {
                // As the others do: the old content is still there while the new one is written.
                replace(path, data);
            }),
        )
        .variant(
            "mt-aio sync",
            writing(&dir, &data, |path, data| write_ours(path, data, WriteOptions::new())),
        )
        .variant(
            "mt-aio async",
            writing(&dir, &data, move |path, data| ours.block_on(write_ours_async(path, data))),
        );
    #[cfg(feature = "peers")]
    let scenario = scenario.variant(
        "tokio::fs::write",
        writing(&dir, &data, move |path, data| {
            runtime.block_on(tokio::fs::write(path, &data[..])).expect("written");
        }),
    );
    scenario
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    id: u64,
    name: String,
    scores: Vec<f64>,
    parent: Option<u64>,
}

type Load = Box<dyn Fn(&Path) -> Vec<Record>>;

pub(crate) fn json_load() -> Scenario {
    let (dir, runtime) = (in_memory(), runtime());
    let path = dir.path().join("records.json");
    let record = |id: u64| Record {
        id,
        name: format!("record {id}"),
        scores: vec![id as f64 / 3.0; 4],
        parent: id.checked_sub(1),
    };
    let records: Rc<Vec<Record>> = Rc::new((0..10_000).map(record).collect());
    fs::write(&path, serde_json::to_vec(&*records).expect("JSON")).expect("written");
    let loading = |load: Load| {
        let (dir, path, records) = (dir.clone(), path.clone(), records.clone());
        move |times| {
            let _dir = &dir;
            for _ in 0..times {
                let loaded = load(&path);
                assert_eq!(loaded.len(), records.len());
                assert!(times > 1 || loaded == *records, "another value");
            }
        }
    };
    let from_slice = |path: &Path| serde_json::from_slice(&fs::read(path).expect("there")).expect("JSON");
    Scenario::new("10,000 records of JSON, typed")
        .variant("serde_json::from_slice", loading(Box::new(from_slice)))
        .variant(
            "mt-aio sync",
            loading(Box::new(|path| srun(async |cx| load(path, cx).await).expect("JSON"))),
        )
        .variant(
            "mt-aio async",
            loading(Box::new(move |path| {
                runtime.block_on(load(path, &Context::asynchronous())).expect("JSON")
            })),
        )
}
