//! Writers that are killed: whatever the moment, the file is the old or the new one.
//!
//! A writer is this program, started again. It replaces one file as fast as it can, with contents
//! that tell when they are not whole, until it is killed after a random time.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mt_aio::{OriError, WriteOptions, srun, write_binary};
use ori_test_support::{Random, stress, wait_until};

const WRITER: &str = "MT_AIO_STRESS_WRITER";
const LIMIT: Duration = Duration::from_secs(30);
const SIZE: usize = 100_000;

/// Kills `ORI_STRESS_CHAINS` writers, half of them durable ones, after times that
/// `ORI_STRESS_SEED` makes the same again. Gives both numbers.
pub(crate) fn main(default_kills: u64) -> (u64, u64) {
    if let Some(path) = env::var_os(WRITER) {
        let durable = env::args().any(|argument| argument == "durable");
        write_for_ever(Path::new(&path), durable);
    }
    let kills = stress::rounds().unwrap_or(default_kills);
    let seed = stress::seed().unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").subsec_nanos().into()
    });
    let mut out = io::stdout();
    writeln!(out, "killing {kills} writers, ORI_STRESS_SEED={seed}").expect("stdout is open");
    let mut random = Random::seeded(seed);
    let (mut left_behind, mut progress) = (0, 0);
    for kill in 0..kills {
        let survived = kill_a_writer(kill % 2 == 0, &mut random);
        left_behind += survived.temporary_files;
        progress += u64::from(survived.was_new);
    }
    assert!(progress > 0 || kills == 0, "no writer ever got to write");
    writeln!(out, "ok: {progress} left new content, {left_behind} a temporary file").expect("stdout is open");
    (kills, seed)
}

struct Survived {
    was_new: bool,
    temporary_files: usize,
}

/// Lets a writer begin, kills it at some moment, and looks at what it left.
fn kill_a_writer(durable: bool, random: &mut Random) -> Survived {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("target");
    fs::write(&path, content(0)).expect("the first content");
    let mut writer = start(&path, durable);
    // The writer's first write shows that it is running; then any moment is as good as another.
    wait_until(LIMIT, || number_in(&fs::read(&path).expect("never missing")) > 0);
    let (start, life) = (Instant::now(), Duration::from_micros(random.below(3_000)));
    wait_until(LIMIT, || start.elapsed() >= life);
    writer.kill().expect("a child can be killed");
    writer.wait().expect("a child can be waited for");

    let left = fs::read(&path).expect("never missing");
    let number = number_in(&left);
    assert_eq!(left, content(number), "neither an old content nor a new one");
    let names = fs::read_dir(&dir).expect("readable").map(|entry| entry.expect("readable").file_name());
    let others: Vec<_> = names.filter(|name| name != "target").collect();
    // What is killed cannot clean up, but it has one file in the making at most.
    assert!(others.len() <= 1, "{others:?}");
    assert!(others.iter().all(|name| name.to_string_lossy().ends_with(".mttmp")), "{others:?}");

    // The path is as usable as before.
    srun(async |cx| write_binary(&path, &b"after"[..], WriteOptions::new(), cx).await)
        .expect("a file can be written after a crash");
    assert_eq!(fs::read(&path).expect("written"), b"after");
    Survived { was_new: number > 1, temporary_files: others.len() }
}

fn start(path: &Path, durable: bool) -> Child {
    let program: PathBuf = env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.env(WRITER, path).args(durable.then_some("durable")).stdin(Stdio::null());
    command.spawn().expect("this program can be started again")
}

fn write_for_ever(path: &Path, durable: bool) -> ! {
    let options = if durable { WriteOptions::new().durable() } else { WriteOptions::new() };
    for number in 1.. {
        let write = async |cx: &mt_aio::Context| write_binary(path, content(number), options, cx).await;
        srun(write).map_err(|error: OriError| error).expect("every write works");
    }
    unreachable!("there are enough numbers")
}

/// The number, again and again: a part of it, or parts of two, are never the same as a whole.
fn content(number: u64) -> Vec<u8> {
    // Every content has its own length, too.
    let words = SIZE / 8 + (number % 1_000) as usize;
    std::iter::repeat_n(number.to_le_bytes(), words).flatten().collect()
}

fn number_in(bytes: &[u8]) -> u64 {
    let first = bytes.first_chunk().expect("a content has at least one number");
    u64::from_le_bytes(*first)
}
