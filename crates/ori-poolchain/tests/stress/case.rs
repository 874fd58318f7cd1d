//! One random chain: what it looks like, and what must come out of it.

use std::time::Duration;

use ori_errors::ErrorKind;
use ori_test_support::Random;

/// A chain, its source and its consumer, all of it given by `seed`.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) items: u64,
    pub(crate) source: Source,
    pub(crate) source_naps: bool,
    pub(crate) stages: Vec<Stage>,
    pub(crate) buffer: Option<usize>,
    pub(crate) unordered: bool,
    pub(crate) consumer: Consumer,
    pub(crate) consumer_naps: bool,
    /// The chain is dropped while its results are still taken.
    pub(crate) drop_chain_first: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Vector,
    Range,
    /// Does not know its length.
    Filtered,
    /// Another thread sends the items.
    Channel,
    /// The consumer sends an item for each result; so many are there at the start.
    Feedback(u64),
    /// Panics in the place of this item.
    Panics {
        at: u64,
        knows_length: bool,
    },
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Consumer {
    Lazy,
    DropsAfter(u64),
    CancelsAfter(u64),
    Eager,
    Scoped,
}

#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) workers: Option<usize>,
    pub(crate) chunk: Option<usize>,
    pub(crate) limit: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) pool: Pool,
    /// One item in so many panics; 0 is none.
    pub(crate) panics: u64,
    /// One item in so many fails, in a fallible stage.
    pub(crate) fails: u64,
    /// This item does not come back before the run is over; if it is tried again, it does.
    pub(crate) stuck: Option<u64>,
    /// These items cost their worker process.
    pub(crate) deadly: Vec<u64>,
    pub(crate) naps: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Init,
    Ref,
    Fallible,
    Async,
    Process,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// The chain's own threads.
    Own,
    Shared,
    Rayon,
    NewThread,
    /// Refuses some jobs.
    Refusing,
    /// Drops some jobs without a word.
    Dropping,
    /// Is shut down when so many results have come.
    ShutDownAt(u64),
}

impl Pool {
    /// The run may end early, because the executor fails it.
    fn is_unreliable(self) -> bool {
        matches!(self, Self::Refusing | Self::Dropping | Self::ShutDownAt(_))
    }
}

/// What a function does with an item.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    /// The first so many tries panic.
    Panics(u32),
    Fails,
    /// The first try does not come back.
    Sticks,
    /// Each try ends its process.
    Dies,
}

impl Case {
    pub(crate) fn random(seed: u64) -> Self {
        // Neighbouring seeds must not make neighbouring chains.
        let mut random = Random::seeded(Random::seeded(seed).next_u64());
        let items = match random.below(8) {
            0 => random.below(3),
            1..=4 => random.below(100),
            5 | 6 => random.below(1000),
            _ => random.below(20_000),
        };
        let consumer = match random.below(8) {
            0..=2 => Consumer::Lazy,
            3 => Consumer::DropsAfter(random.below(items + 1)),
            4 => Consumer::CancelsAfter(random.below(items + 1)),
            5 | 6 => Consumer::Eager,
            _ => Consumer::Scoped,
        };
        let is_lazy = !matches!(consumer, Consumer::Eager | Consumer::Scoped);
        let source = match random.below(7) {
            0 => Source::Vector,
            1 => Source::Range,
            2 => Source::Filtered,
            3 => Source::Channel,
            4 | 5 if is_lazy => Source::Feedback(1 + random.below(4)),
            4 | 5 => Source::Filtered,
            _ => Source::Panics { at: random.below(items + 1), knows_length: random.one_in(2) },
        };
        let naps = items < 1000;
        let source_naps = naps && random.one_in(3);
        let scoped = consumer == Consumer::Scoped;
        let count = 1 + random.below(4);
        let mut stages: Vec<_> = (0..count).map(|_| Stage::random(&mut random, items, scoped)).collect();
        if random.one_in(2) {
            // Equal neighbours share their workers.
            let workers = stages[0].workers;
            stages.iter_mut().for_each(|stage| (stage.workers, stage.chunk) = (workers, None));
        }
        Self {
            seed,
            items,
            source,
            source_naps,
            stages,
            buffer: (!random.one_in(3)).then(|| [1, 2, 3, 7, 64, 1000][pick(&mut random, 6)]),
            unordered: random.one_in(4),
            consumer,
            consumer_naps: naps && random.one_in(3),
            drop_chain_first: random.one_in(2),
        }
    }

    /// What the function of a stage does with an item.
    pub(crate) fn fate(&self, stage: usize, position: u64) -> Fate {
        let Stage { panics, fails, stuck, retries, ref deadly, .. } = self.stages[stage];
        let mut random = Random::seeded(self.seed ^ (position << 8) ^ stage as u64);
        if deadly.contains(&position) {
            Fate::Dies
        } else if stuck == Some(position) {
            Fate::Sticks
        } else if panics > 0 && random.one_in(panics) {
            Fate::Panics(1 + u32::try_from(random.below(u64::from(retries) + 2)).unwrap_or(0))
        } else if fails > 0 && random.one_in(fails) {
            Fate::Fails
        } else {
            Fate::Passes
        }
    }

    /// The value of an item after so many stages.
    pub(crate) fn value(position: u64, stages: usize) -> u64 {
        (0..stages).fold(position, Self::step)
    }

    pub(crate) fn step(value: u64, stage: usize) -> u64 {
        value.wrapping_mul(31).wrapping_add(stage as u64 + 1)
    }

    /// What must come out for an item: its value, or the kind and the stage of its error.
    pub(crate) fn expected(&self, position: u64) -> Result<u64, (ErrorKind, String)> {
        if matches!(self.source, Source::Panics { at, .. } if at == position) {
            return Err((ErrorKind::Panicked, "source".to_owned()));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let kind = match self.fate(index, position) {
                Fate::Passes => continue,
                Fate::Panics(tries) if tries <= stage.real_retries() => continue,
                Fate::Sticks if stage.real_retries() > 0 => continue,
                Fate::Panics(_) => ErrorKind::Panicked,
                Fate::Fails => ErrorKind::Task,
                Fate::Sticks => ErrorKind::TimedOut,
                Fate::Dies => ErrorKind::WorkerLost,
            };
            return Err((kind, format!("stage {}", index + 1)));
        }
        Ok(Self::value(position, self.stages.len()))
    }

    /// On a busy machine any item may run out of time where there is a limit.
    pub(crate) fn may_time_out(&self, stage: &str) -> bool {
        let number = stage.strip_prefix("stage ").and_then(|number| number.parse::<usize>().ok());
        number.is_some_and(|number| self.stages[number - 1].limit.is_some())
    }

    /// How many results there are.
    pub(crate) fn results(&self) -> u64 {
        match self.source {
            Source::Panics { at, .. } => at + 1,
            _ => self.items,
        }
    }

    pub(crate) fn is_unreliable(&self) -> bool {
        self.stages.iter().any(|stage| stage.pool.is_unreliable())
    }
}

impl Stage {
    fn random(random: &mut Random, items: u64, scoped: bool) -> Self {
        let kind = match random.below(28) {
            0..=11 => Kind::Plain,
            12..=15 => Kind::Init,
            16..=19 => Kind::Ref,
            20..=23 => Kind::Fallible,
            24..=26 => Kind::Async,
            // Each starts processes, which takes longer than a chain of threads.
            _ => Kind::Process,
        };
        let takes_executors = matches!(kind, Kind::Plain | Kind::Fallible);
        let pool = match random.below(20) {
            _ if scoped || !takes_executors => Pool::Own,
            0 | 1 => Pool::Shared,
            2 | 3 => Pool::Rayon,
            4 => Pool::NewThread,
            5 => Pool::Refusing,
            6 => Pool::Dropping,
            7 => Pool::ShutDownAt(random.below(items + 1)),
            _ => Pool::Own,
        };
        let retries = if random.one_in(3) { u32::try_from(random.below(3)).unwrap_or(0) } else { 0 };
        let is_process = kind == Kind::Process;
        // On a busy machine a process may not even get a turn within the limit.
        let limited = random.one_in(12) && !is_process;
        let sticks =
            limited && items > 0 && !scoped && pool == Pool::Own && kind != Kind::Async && random.one_in(2);
        let deaths = if is_process && items > 0 { random.below(3) } else { 0 };
        let panics = if random.one_in(3) { 2 + random.below(60) } else { 0 };
        Self {
            kind,
            workers: (is_process || !random.one_in(3))
                .then(|| 1 + pick(random, if is_process { 3 } else { 16 })),
            chunk: random.one_in(4).then(|| [1, 2, 5, 16, 100, 5000][pick(random, 6)]),
            limit: limited.then_some(Duration::from_millis(40)),
            retries,
            pool,
            panics: if is_process { 0 } else { panics },
            fails: if kind == Kind::Fallible { 1 + random.below(40) } else { 0 },
            stuck: sticks.then(|| random.below(items)),
            deadly: (0..deaths).map(|_| random.below(items)).collect(),
            naps: items < 1000 && random.one_in(3),
        }
    }

    /// Only a function that borrows its item can try it again.
    fn real_retries(&self) -> u32 {
        if self.kind == Kind::Ref { self.retries } else { 0 }
    }
}

fn pick(random: &mut Random, below: u64) -> usize {
    usize::try_from(random.below(below)).unwrap_or(0)
}
