//! A JSON file that many write and many read: every reader sees a whole one.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;

use ori::aio::path::{Access, lock};
use ori::aio::{Context, WriteOptions, json_load, json_save, json_save_delayed, mkdtemp, srun};

/// How often each word was seen.
type Counts = BTreeMap<String, u64>;

fn main() -> ori::Result<()> {
    let dir = srun(mkdtemp)?;
    let path = dir.join("counts.json");
    srun(async |cx| json_save(&path, &Counts::new(), WriteOptions::new().mode(0o644), cx).await)?;

    // Each write is whole by itself. Reading, changing and writing is more than one step, and so
    // needs a lock: of this path, in this program.
    std::thread::scope(|scope| {
        let workers = ["one", "two", "two", "three"].map(|word| {
            let path = &path;
            scope.spawn(move || {
                srun(async |cx| {
                    for _ in 0..100 {
                        let alone = lock(path, Access::Write, cx).await?;
                        let mut counts: Counts = json_load(path, cx).await?;
                        *counts.entry(word.to_owned()).or_default() += 1;
                        json_save(path, &counts, WriteOptions::new(), cx).await?;
                        drop(alone);
                    }
                    Ok::<_, ori::OriError>(())
                })
            })
        });
        // Meanwhile anybody may read, without the lock.
        for _ in 0..100 {
            let counts: Counts = srun(async |cx| json_load(&path, cx).await)?;
            assert!(counts.values().sum::<u64>() <= 400);
        }
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    let counts: Counts = srun(async |cx| json_load(&path, cx).await)?;
    println!("{counts:?}");
    assert_eq!(counts["two"], 200);

    // A write that survives a power cut, started now and awaited later.
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let bytes = runtime.block_on(async {
        let options = WriteOptions::new().durable().pretty();
        let write = json_save_delayed(&path, &counts, options, &Context::asynchronous());
        println!("this runs meanwhile");
        write.await
    })?;
    println!("{bytes} bytes are on the disk");
    Ok(())
}
