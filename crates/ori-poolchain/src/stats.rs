//! [`ChainStats`]: what a run has done so far, stage by stage.

use std::fmt;
use std::time::Duration;

/// What a run of a chain has done so far, from [`Results::stats`](crate::Results::stats), or from
/// another thread by a [`Watcher`](crate::Watcher).
///
/// `Display` is an aligned table that names what limits the run:
/// ```text
/// stage  items  errors  retries      busy  for input  for output  workers  lost  queued  batch
/// fetch   1000       0        0    1.02 s     3.1 ms      5.83 s     0/16     0       0    1.0
/// parse   1000       3        0  120.4 ms    13.6 ms     13.56 s      0/2     0       0   31.2
/// store    997       0        0    6.85 s    12.8 ms         0 s      0/1     0       0    8.1  <- limit
/// limited by the stage `store`, whose workers are busy 99 % of the time
/// ```
/// The columns are the fields of [`StageStats`]; `for input` and `for output` are the times for which
/// workers waited, `workers` are those that are there now and the most, `batch` is the
/// [`batch_size`](StageStats::batch_size).
///
/// The figures are those of one moment as far as that can be had without stopping anybody: while the
/// run goes on, those of a batch that begins or ends at that very moment may be in one and not yet in
/// another. When the run is over they are exact.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).name("add");
/// let mut results = chain.execute_lazy(0..1000)?;
/// assert_eq!(results.by_ref().filter_map(Result::ok).sum::<u64>(), 500_500);
/// let stats = results.stats();
/// assert_eq!((stats.read(), stats.results(), stats.is_over()), (1000, 1000, true));
/// assert_eq!(stats.stages()[0].items, 1000);
/// println!("{stats}");
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChainStats {
    pub(crate) elapsed: Duration,
    pub(crate) over: bool,
    /// From the beginning of the run to the end of the source, or until now.
    pub(crate) reading: Duration,
    pub(crate) read: u64,
    pub(crate) expected: Option<u64>,
    pub(crate) results: u64,
    pub(crate) stages: Vec<StageStats>,
}

/// What one stage has done so far.
///
/// Neighbouring stages with the same options share their workers. They show the same `workers`,
/// `alive`, `running` and waiting times, and there is one sum for all of them: the `busy` of each, with
/// `waiting_for_input` and `waiting_for_output` once, is `workers` times the time from the beginning of
/// the run until they were done.
///
/// ```
/// use ori_poolchain::PoolChain;
///
/// let chain = PoolChain::new().add_threadpool(|n: u64| n + 1).name("add").max_workers(2);
/// let results = chain.execute_lazy(0..10)?;
/// assert_eq!(results.stats().stages()[0].name, "add");
/// assert_eq!(results.stats().stages()[0].workers, 2);
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct StageStats {
    /// The name of the stage.
    pub name: String,
    /// Items that its function was called with, and whose outcome is known. (A batch is counted when
    /// it ends; of an async stage, when it begins.)
    pub items: u64,
    /// Items that failed in it.
    pub errors: u64,
    /// Tries beyond the first of an item.
    pub retries: u64,
    /// Time in the stage's function, added up over its workers; of what runs, the time until now. For
    /// an async stage, the time of its futures from their start to their end; for a stage in worker
    /// processes, the time for which they had something to do, its way to them and back included.
    pub busy: Duration,
    /// Time for which its workers had nothing to do because nothing came, added up over the workers:
    /// the source or an earlier stage was slower, or what came was on its way. Time spent in reading
    /// the source counts here.
    pub waiting_for_input: Duration,
    /// Time for which its workers had nothing to do because the chain's
    /// [`buffer`](crate::PoolChain::buffer) was full of items that had passed the stage already, added
    /// up over the workers: a later stage, or whoever takes the results, was slower.
    pub waiting_for_output: Duration,
    /// The most workers: threads, processes, or futures in flight.
    pub workers: usize,
    /// Workers that are there now. They come and go with the work.
    pub alive: usize,
    /// Workers that run something now, the consumer included when it helps.
    pub running: usize,
    /// Workers that were lost and replaced: threads that were stuck past a time limit, processes that
    /// died or were killed.
    pub lost: u64,
    /// Items that wait before the stage.
    pub queued: usize,
    /// Batches that its items came in.
    pub batches: u64,
    /// The same for stages that share their workers.
    pub(crate) crew: usize,
}

impl StageStats {
    /// How many items came in a batch, on average; 0 before the first.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n).chunksize(10);
    /// let mut results = chain.execute_lazy(0..100)?;
    /// results.by_ref().for_each(drop);
    /// assert_eq!(results.stats().stages()[0].batch_size(), 10.0);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn batch_size(&self) -> f64 {
        self.items as f64 / self.batches.max(1) as f64
    }
}

/// What limits a run, from [`ChainStats::bottleneck`].
///
/// ```
/// use std::thread::sleep;
/// use std::time::Duration;
/// use ori_poolchain::{Bottleneck, PoolChain};
///
/// let chain = PoolChain::new().add_threadpool(|ms| sleep(Duration::from_millis(ms))).name("sleep");
/// let mut results = chain.execute_lazy(vec![10; 20])?;
/// results.by_ref().for_each(drop);
/// let stats = results.stats();
/// assert!(matches!(stats.bottleneck(), Some(Bottleneck::Stage(stage)) if stage.name == "sleep"));
/// # Ok::<(), ori_errors::OriError>(())
/// ```
#[non_exhaustive]
#[derive(Copy, Clone, Debug)]
pub enum Bottleneck<'s> {
    /// The source: the stages could have done more than it gave.
    Source,
    /// A stage: more workers, or a faster function, would make the run faster.
    Stage(&'s StageStats),
    /// Whoever takes the results: the stages had to wait until there was room for more.
    Consumer,
}

impl ChainStats {
    /// How long the run has gone on, or did until it was over.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n);
    /// let results = chain.execute_lazy(0..10)?;
    /// assert!(results.stats().elapsed() <= results.stats().elapsed());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether the run is over: all results have been taken, or it was ended early.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n);
    /// let results = chain.execute_lazy(0..)?;
    /// assert!(!results.stats().is_over());
    /// results.cancel();
    /// assert!(results.stats().is_over());
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Items that were read from the source.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n).buffer(5);
    /// let results = chain.execute_lazy(0..100)?;
    /// assert!(results.stats().read() <= 5); // nobody has taken any result
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Items that the source has in all, if it knew when the run began.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n);
    /// assert_eq!(chain.execute_lazy(vec![1, 2, 3])?.stats().expected(), Some(3));
    /// assert_eq!(chain.execute_lazy((0..9).filter(|n| n % 2 == 0))?.stats().expected(), None);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Results that have come out, errors included, whether or not they have been taken.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n);
    /// let mut results = chain.execute_lazy(0..10)?;
    /// results.by_ref().for_each(drop);
    /// assert_eq!(results.stats().results(), 10);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn results(&self) -> u64 {
        self.results
    }

    /// Items that failed, in any stage.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|text: &str| text.parse::<u8>()).fallible();
    /// let mut results = chain.execute_lazy(["1", "two"])?;
    /// results.by_ref().for_each(drop);
    /// assert_eq!(results.stats().errors(), 1);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.stages.iter().map(|stage| stage.errors).sum()
    }

    /// The stages, in the order of the chain.
    ///
    /// ```
    /// # use ori_poolchain::PoolChain;
    /// let chain = PoolChain::new().add_threadpool(|n: u64| n).add_threadpool(|n: u64| n);
    /// assert_eq!(chain.execute_lazy(0..10)?.stats().stages().len(), 2);
    /// # Ok::<(), ori_errors::OriError>(())
    /// ```
    #[must_use]
    pub fn stages(&self) -> &[StageStats] {
        &self.stages
    }

    /// What limits the run, judged by what the workers did so far; `None` before there is anything to
    /// judge by.
    ///
    /// It is the stage whose workers have been busy for the greatest part of their time, if that is
    /// half of it or more (of several with the same workers, the one that took more time). Where none
    /// is that busy, it is whoever takes the results if the last stage waits for him, and else the first
    /// stage that does not wait for those behind it; if that is none but the source, it is the source,
    /// or after its end, when that was early in the run, again the busiest stage: it has too few items
    /// for all of its workers.
    #[must_use]
    pub fn bottleneck(&self) -> Option<Bottleneck<'_>> {
        let (first, last) = (self.stages.first()?, self.stages.last()?);
        let busiest = self.stages.iter().max_by(|a, b| {
            let by_share = self.busy_share(a).total_cmp(&self.busy_share(b));
            by_share.then(a.busy.cmp(&b.busy))
        })?;
        if busiest.busy.is_zero() {
            return None;
        }
        let waits_behind = |stage: &StageStats| stage.waiting_for_output > stage.waiting_for_input;
        Some(if self.busy_share(busiest) >= BUSY {
            Bottleneck::Stage(busiest)
        } else if waits_behind(last) {
            Bottleneck::Consumer
        } else if waits_behind(first) {
            Bottleneck::Stage(self.stages.iter().find(|stage| !waits_behind(stage))?)
        } else if self.reading.as_secs_f64() >= BUSY * self.elapsed.as_secs_f64() {
            Bottleneck::Source
        } else {
            Bottleneck::Stage(busiest)
        })
    }

    /// The part of the run for which the workers of a stage were busy, with it or with another one.
    pub(crate) fn busy_share(&self, stage: &StageStats) -> f64 {
        let mates = self.stages.iter().filter(|mate| mate.crew == stage.crew);
        let busy: Duration = mates.map(|mate| mate.busy).sum();
        busy.as_secs_f64() / (stage.workers as f64 * self.elapsed.as_secs_f64()).max(f64::MIN_POSITIVE)
    }
}

/// A stage whose workers are busy for so much of the time limits the run, whatever else waits.
pub(crate) const BUSY: f64 = 0.5;

/// The head of a column of the table, and what stands there for a stage.
type Column = (&'static str, fn(&StageStats) -> String);

/// The columns but the first, which has the names.
const COLUMNS: [Column; 10] = [
    ("items", |stage| stage.items.to_string()),
    ("errors", |stage| stage.errors.to_string()),
    ("retries", |stage| stage.retries.to_string()),
    ("busy", |stage| time(stage.busy)),
    ("for input", |stage| time(stage.waiting_for_input)),
    ("for output", |stage| time(stage.waiting_for_output)),
    ("workers", |stage| format!("{}/{}", stage.alive, stage.workers)),
    ("lost", |stage| stage.lost.to_string()),
    ("queued", |stage| stage.queued.to_string()),
    ("batch", |stage| format!("{:.1}", stage.batch_size())),
];

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        _ if duration.is_zero() => "0 s".to_owned(),
        0 if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        0 => format!("{:.1} ms", seconds * 1e3),
        1..3600 => format!("{seconds:.2} s"),
        whole => format!("{}:{:02} h", whole / 3600, whole / 60 % 60),
    }
}

impl fmt::Display for Bottleneck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("the source"),
            Self::Stage(stage) => write!(f, "the stage `{}`", stage.name),
            Self::Consumer => f.write_str("whoever takes the results"),
        }
    }
}

impl fmt::Display for ChainStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.bottleneck();
        let names = self.stages.iter().map(|stage| stage.name.chars().count());
        let name_width = names.max().unwrap_or(0).max("stage".len());
        let rows: Vec<_> = self.stages.iter().map(|stage| COLUMNS.map(|(_, cell)| cell(stage))).collect();
        let widths: Vec<_> = (0..COLUMNS.len())
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                cells.max().unwrap_or(0).max(COLUMNS[column].0.len())
            })
            .collect();
        write!(f, "{:name_width$}", "stage")?;
        for ((head, _), width) in COLUMNS.iter().zip(&widths) {
            write!(f, "  {head:>width$}")?;
        }
        for (stage, row) in self.stages.iter().zip(&rows) {
            write!(f, "\n{:name_width$}", stage.name)?;
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            if matches!(limit, Some(Bottleneck::Stage(limit)) if std::ptr::eq(limit, stage)) {
                f.write_str("  <- limit")?;
            }
        }
        let Some(limit) = limit else { return Ok(()) };
        write!(f, "\nlimited by {limit}")?;
        if let Bottleneck::Stage(stage) = limit {
            write!(f, ", whose workers are busy {:.0} % of the time", 100.0 * self.busy_share(stage))?;
        }
        Ok(())
    }
}
