//! Files that several write and read at once, in both worlds: each read finds one whole content.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use mt_aio::{
    Context, WriteOptions, json_load, json_save, mkdtemp, srun, write_binary, write_binary_delayed,
};
use ori_errors::{OriError, Result};
use ori_test_support::Random;
use serde::{Deserialize, Serialize};

use super::{Load, Round};
use crate::ledger::Ledger;
use crate::tally::Tally;

const WRITERS: u64 = 3;
/// Fewer than writers, so that they meet.
const PATHS: u64 = 2;

pub(super) struct Files;

/// The same number again and again: parts of two contents are not a whole one.
#[derive(Serialize, Deserialize)]
struct Content {
    length: usize,
    numbers: Vec<u64>,
}

impl Content {
    fn new(number: u64, length: usize) -> Self {
        Self { length, numbers: vec![number; length] }
    }

    fn is_whole(&self) -> bool {
        self.numbers.len() == self.length && self.numbers.iter().all(|number| *number == self.numbers[0])
    }
}

impl Load for Files {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let paths: Vec<PathBuf> = (0..PATHS).map(|n| round.dir.join(format!("{n}.json"))).collect();
        for path in &paths {
            srun(async |cx: &Context| json_save(path, &Content::new(0, 1), WriteOptions::new(), cx).await)?;
        }
        let writes = round.items(60);
        let seeds: Vec<u64> = (0..WRITERS).map(|_| round.random.next_u64()).collect();
        let (tally, paths) = (round.tally, &paths);
        let wholes: Vec<Result<Vec<bool>>> = thread::scope(|scope| {
            let start = |(n, seed): (usize, &u64)| {
                let random = Random::seeded(*seed);
                scope.spawn(move || {
                    if n.is_multiple_of(2) {
                        srun(async |cx: &Context| writer(writes, random, paths, tally, cx).await)
                    } else {
                        ori_bridge::sync(async {
                            writer(writes, random, paths, tally, &Context::asynchronous()).await
                        })
                    }
                })
            };
            let writers: Vec<_> = seeds.iter().enumerate().map(start).collect();
            writers.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect()
        });
        let mut ledger = round.ledger();
        ledger.give(WRITERS * writes);
        for (number, whole) in (0..).zip(wholes.into_iter().flat_map(unfolded)) {
            ledger.plain_value(number, whole?);
        }
        ledger.close();
        Ledger::close(folders(round)?);
        for path in paths {
            srun(async |cx: &Context| mt_aio::remove(path, cx).await)?;
        }
        Ok(())
    }
}

fn unfolded(outcome: Result<Vec<bool>>) -> Vec<Result<bool>> {
    match outcome {
        Ok(wholes) => wholes.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// Writes and reads; for each time, whether what it read was whole.
async fn writer(
    writes: u64,
    mut random: Random,
    paths: &[PathBuf],
    tally: &Tally,
    cx: &Context,
) -> Result<Vec<bool>> {
    let mut wholes = Vec::new();
    for number in 0..writes {
        let path: &Path = &paths[usize::try_from(random.below(PATHS)).unwrap_or(0)];
        let length = 1 + usize::try_from(random.below(3_000)).unwrap_or(0);
        let content = Content::new(number, length);
        let begin = Instant::now();
        if random.one_in(4) {
            let bytes = serde_json::to_vec(&content).expect("numbers can be written");
            write_binary_delayed(path, bytes, WriteOptions::new(), cx).await?;
        } else {
            json_save(path, &content, WriteOptions::new(), cx).await?;
        }
        let read: Content = json_load(path, cx).await?;
        tally.took(begin.elapsed());
        wholes.push(read.is_whole());
    }
    Ok(wholes)
}

/// A temporary folder with files in it goes, by closing or by dropping it.
fn folders<'a>(round: &mut Round<'a>) -> Result<Ledger<'a>> {
    let mut ledger = round.ledger();
    ledger.give(1);
    let by_closing = round.random.one_in(2);
    let gone = srun(async |cx: &Context| {
        let folder = mkdtemp(cx).await?;
        let path = folder.path().to_path_buf();
        write_binary(path.join("a"), &b"a"[..], WriteOptions::new(), cx).await?;
        if by_closing {
            folder.close().await?;
        } else {
            drop(folder);
        }
        Ok::<_, OriError>(!path.exists())
    })?;
    ledger.plain_value(0, gone);
    Ok(ledger)
}
