//! The run from the first round to the report.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ori_test_support::Random;

use crate::holdings::Holdings;
use crate::killer::{self, Killer};
use crate::loads::{ALL, Kind, Round};
use crate::memory::{self, History, Sample};
use crate::options::{Fault, Options};
use crate::report::{self, Findings};
use crate::tally::Tally;

/// The folder for temporary files, which a second start of this program finds in its environment.
const FOLDER: &str = "ORI_SOAK_FOLDER";
/// How often is looked what there is to do.
const TICK: Duration = Duration::from_millis(20);
/// A round takes seconds; one that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(180);
/// Threads of runtimes that nobody needs end after ten seconds.
const LAST_ENDS: Duration = Duration::from_secs(45);
/// A run that is long enough to be exact about what is held.
const LONG: Duration = Duration::from_secs(300);

/// One load of this run.
pub(crate) struct Running {
    pub(crate) kind: &'static Kind,
    pub(crate) tally: Arc<Tally>,
    dir: PathBuf,
}

/// Runs the loads and reports; whether all is well.
///
/// # Errors
/// What keeps it from running at all.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    if !cfg!(target_os = "linux") {
        return Err("the counts that are compared come from Linux's /proc".into());
    }
    let kinds = chosen(options)?;
    let folder = own_folder()?;
    let loads = prepared(kinds, &folder)?;
    let names: Vec<_> = loads.iter().map(|load| load.kind.name).collect();
    println!("seed {}, {:?}, loads: {}", options.seed, options.length, names.join(", "));

    let interrupted = Arc::new(AtomicBool::new(false));
    on_ctrl_c(Arc::clone(&interrupted))?;
    let mut course = Course {
        loads,
        options,
        folder,
        interrupted,
        killer: Killer::seeded(options.seed),
        killed: 0,
        history: History::with_room_for(0),
        before: None,
    };
    let outcome = course.whole();
    let end = Holdings::count(&course.folder)?;
    let after = match (&outcome, &course.before) {
        // What hangs holds what it holds.
        (Ok(_), Some(before)) => {
            // What was planted stays.
            let limit = if options.plant.is_some() { Duration::from_secs(2) } else { LAST_ENDS };
            Holdings::back_to(before, &course.folder, limit)?
        }
        _ => end,
    };
    let findings = Findings {
        loads: &course.loads,
        length: outcome.as_ref().copied().unwrap_or_default(),
        seed: options.seed,
        killed: course.killed,
        history: &course.history,
        before: course.before.unwrap_or(after),
        after,
        hung: outcome.err(),
        cut_short: course.interrupted.load(Relaxed),
    };
    let (page, well) = report::page(&findings);
    println!("{page}");
    fs::remove_dir_all(&course.folder)?;
    if findings.hung.is_some() {
        // Threads that hang would keep the program from its end.
        process::exit(1);
    }
    Ok(well)
}

/// Starts this program once more in its own place, with a new folder for all temporary files.
fn own_folder() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Ok(folder.into());
    }
    let folder = tempfile::Builder::new().prefix("ori-soak-").tempdir()?.keep();
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env(FOLDER, &folder).env("TMPDIR", &folder);
    // Of sixteen arenas each grows to a peak of its own, one after the other, for hours: that looks
    // as a leak does. With one, what is resident follows what is allocated.
    again.env("MALLOC_ARENA_MAX", "1");
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(&mut again);
    #[cfg(not(unix))]
    let error = "a program cannot take the place of another here";
    fs::remove_dir_all(&folder)?;
    Err(format!("this program cannot be started again: {error}").into())
}

fn chosen(options: &Options) -> Result<Vec<&'static Kind>, String> {
    let Some(only) = &options.only else { return Ok(ALL.iter().collect()) };
    let find = |name: &String| {
        ALL.iter().find(|kind| kind.name == name).ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|kind| kind.name).collect();
            format!("there is no load `{name}`; there are {}", names.join(", "))
        })
    };
    only.iter().map(find).collect()
}

fn prepared(kinds: Vec<&'static Kind>, folder: &Path) -> std::io::Result<Vec<Running>> {
    let prepare = |kind: &'static Kind| {
        let dir = folder.join(kind.name.replace(' ', "-"));
        fs::create_dir(&dir)?;
        Ok(Running { kind, tally: Arc::new(Tally::new()), dir })
    };
    kinds.into_iter().map(prepare).collect()
}

fn on_ctrl_c(interrupted: Arc<AtomicBool>) -> ori_errors::Result<()> {
    ori_bridge::runtime()?.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.store(true, Relaxed);
        }
    });
    Ok(())
}

struct Course<'a> {
    loads: Vec<Running>,
    options: &'a Options,
    folder: PathBuf,
    interrupted: Arc<AtomicBool>,
    killer: Killer,
    killed: u64,
    history: History,
    /// What the process held after warming up.
    before: Option<Holdings>,
}

/// What a load was doing when it was given up.
type Hung = String;

impl Course<'_> {
    /// Warms up, counts, runs; how long the run was.
    fn whole(&mut self) -> Result<Duration, Hung> {
        let length = self.options.length;
        let warm_up = (length / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
        self.phase(warm_up, None, self.options.seed.wrapping_add(1))?;
        // What every part of it starts once is there now, and stays.
        let quiet = if length >= LONG { Duration::from_secs(12) } else { Duration::from_millis(500) };
        self.before = Holdings::settled(&self.folder, quiet).ok();
        println!("warmed up: {} rounds, {} workers killed", rounds(&self.loads), self.killed);
        self.loads.iter().for_each(|load| load.tally.forget());
        self.killed = 0;
        let every = (length / 3_600).clamp(Duration::from_millis(100), Duration::from_secs(1));
        self.history = History::with_room_for((length.as_secs_f64() / every.as_secs_f64()) as usize + 1);
        self.phase(length, Some(every), self.options.seed)
    }

    /// Lets all loads run for a while, and kills workers.
    fn phase(&mut self, length: Duration, samples: Option<Duration>, seed: u64) -> Result<Duration, Hung> {
        let stop = Arc::new(AtomicBool::new(false));
        let plant = self.options.plant.filter(|_| samples.is_some());
        let threads: Vec<_> =
            (0..).zip(&self.loads).map(|(n, load)| start(load, seed ^ n << 32, plant, &stop)).collect();
        let patience = if plant == Some(Fault::Hang) { Duration::from_secs(5) } else { PATIENCE };
        let begin = Instant::now();
        let (mut next_kill, mut next_sample, mut minute) = (self.killer.pause(), Duration::ZERO, 1);
        while begin.elapsed() < length && !self.interrupted.load(Relaxed) {
            thread::sleep(TICK);
            let now = begin.elapsed();
            if now >= next_kill {
                self.killed += u64::from(self.killer.kill_one());
                next_kill = now + self.killer.pause();
            }
            if let Some(every) = samples.filter(|_| now >= next_sample) {
                self.history.add(sample(now));
                next_sample += every;
                plant.into_iter().for_each(|fault| spoil(fault, &self.folder));
            }
            if samples.is_some() && now >= Duration::from_secs(60 * minute) {
                println!("{}", self.line(minute));
                minute += 1;
            }
            self.hung(patience)?;
        }
        stop.store(true, Relaxed);
        let took = begin.elapsed();
        while threads.iter().any(|thread| !thread.is_finished()) {
            thread::sleep(TICK);
            self.hung(patience)?;
        }
        for (load, thread) in self.loads.iter().zip(threads) {
            if thread.join().is_err() {
                load.tally.wrong(format!("{}: panicked", load.kind.name));
            }
        }
        Ok(took)
    }

    fn hung(&self, patience: Duration) -> Result<(), Hung> {
        let silent = self.loads.iter().find(|load| load.tally.silence() > patience);
        silent.map_or(Ok(()), |load| Err(format!("{} ended no round for {patience:?}", load.kind.name)))
    }

    /// How it goes after so many minutes.
    fn line(&self, minute: u64) -> String {
        let items: u64 = self.loads.iter().map(|load| load.tally.taken_in.load(Relaxed)).sum();
        let failures: u64 = self.loads.iter().map(|load| load.tally.failures()).sum();
        let last = self.history.last();
        let held = Holdings::count(&self.folder).map_or_else(
            |error| error.to_string(),
            |held| {
                format!(
                    "{} threads, {} descriptors, {} children",
                    held.threads, held.descriptors, held.children
                )
            },
        );
        format!(
            "minute {minute}: {items} items, {failures} failures, {} killed, {} MiB allocated, {} MiB resident and \
             {} MiB in workers, {held}",
            self.killed,
            last.heap >> 20,
            last.own >> 20,
            last.children >> 20,
        )
    }
}

fn rounds(loads: &[Running]) -> u64 {
    loads.iter().map(|load| load.tally.rounds.load(Relaxed)).sum()
}

fn start(load: &Running, seed: u64, plant: Option<Fault>, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (kind, tally, dir, stop) = (load.kind, Arc::clone(&load.tally), load.dir.clone(), Arc::clone(stop));
    tally.wake();
    let run = move || {
        let mut load = (kind.new)();
        // Neighbouring seeds must not make neighbouring rounds.
        let mut seeds = Random::seeded(Random::seeded(seed).next_u64());
        while !stop.load(Relaxed) {
            if plant == Some(Fault::Hang) {
                loop {
                    thread::park();
                }
            }
            let random = Random::seeded(seeds.next_u64());
            let mut round = Round { name: kind.name, random, tally: &tally, dir: &dir, plant };
            if let Err(error) = load.round(&mut round) {
                tally.wrong(format!("{}: a round ended with {error:?}", kind.name));
            }
            tally.round_ended();
        }
    };
    thread::Builder::new().name("soak".to_owned()).spawn(run).expect("a thread starts")
}

fn sample(at: Duration) -> Sample {
    let (heap, own) = (memory::heap(), memory::resident(process::id()));
    Sample { at, heap, own, children: killer::children().into_iter().map(memory::resident).sum() }
}

/// Makes the fault that must be found, a little at each sample.
fn spoil(fault: Fault, folder: &Path) {
    match fault {
        Fault::Memory if memory::peak() < 512 << 20 => {
            Box::leak(vec![1_u8; 16 << 20].into_boxed_slice());
        }
        Fault::Thread => {
            _ = thread::spawn(|| {
                loop {
                    thread::park()
                }
            })
        }
        Fault::Descriptor => std::mem::forget(fs::File::open(folder)),
        // Ends when this program does, which is when its input is closed.
        Fault::Child => std::mem::forget(Command::new("cat").stdin(Stdio::piped()).spawn()),
        Fault::File => _ = fs::write(folder.join("left over"), ""),
        Fault::Memory | Fault::Lose | Fault::Double | Fault::Alter | Fault::Hang => {}
    }
}
