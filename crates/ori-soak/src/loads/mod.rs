//! What is run, one file a kind: each load goes round by round, and keeps its books in a ledger.

mod bridge;
mod chains;
mod child;
mod commands;
mod files;
mod pools;
mod queues;

use std::path::Path;

use ori_errors::Result;
use ori_test_support::Random;

use crate::ledger::{Charge, Item, Ledger};
use crate::options::Fault;
use crate::tally::Tally;

/// One kind of work, which may keep its pools and chains from round to round.
pub(crate) trait Load: Send {
    /// Some seconds of work at most.
    ///
    /// # Errors
    /// What kept the round from being run; the fault of an item goes into the tally.
    fn round(&mut self, round: &mut Round<'_>) -> Result<()>;
}

/// What a round gets.
pub(crate) struct Round<'a> {
    pub(crate) name: &'static str,
    pub(crate) random: Random,
    pub(crate) tally: &'a Tally,
    /// A folder of this load's own.
    pub(crate) dir: &'a Path,
    pub(crate) plant: Option<Fault>,
}

impl<'a> Round<'a> {
    /// The books of this round, or of a part of it.
    pub(crate) fn ledger(&self) -> Ledger<'a> {
        Ledger::new(self.name, self.tally, self.plant)
    }

    /// A number of items, small ones as likely as large ones.
    pub(crate) fn items(&mut self, most: u64) -> u64 {
        let bits = 64 - u64::from(most.leading_zeros());
        let bits = self.random.below(bits);
        (1 + self.random.below(1 << bits)).min(most)
    }

    /// One of these.
    pub(crate) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.number(choices.len())]
    }

    /// A number below `bound`.
    pub(crate) fn number(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).unwrap_or(0)
    }
}

/// A load by its name.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Whether it has worker processes, which are killed.
    pub(crate) has_workers: bool,
    pub(crate) new: fn() -> Box<dyn Load>,
}

/// Every load there is.
pub(crate) const ALL: [Kind; 11] = [
    Kind { name: "thread chains", has_workers: false, new: || Box::new(chains::Threads::default()) },
    Kind { name: "async chains", has_workers: false, new: || Box::new(chains::Futures::default()) },
    Kind { name: "process chains", has_workers: true, new: || Box::new(chains::Processes::default()) },
    Kind { name: "process map", has_workers: true, new: || Box::new(pools::Mapped::default()) },
    Kind { name: "process calls", has_workers: true, new: || Box::new(pools::Calls::default()) },
    Kind { name: "thread pool", has_workers: false, new: || Box::new(pools::Threads::default()) },
    Kind { name: "commands", has_workers: false, new: || Box::new(commands::Commands) },
    Kind { name: "files", has_workers: false, new: || Box::new(files::Files) },
    Kind { name: "queues", has_workers: false, new: || Box::new(queues::Queues) },
    Kind { name: "child process", has_workers: true, new: || Box::new(child::Child::default()) },
    Kind { name: "bridge", has_workers: false, new: || Box::new(bridge::Bridge) },
];

/// Takes the results of a run into the books.
///
/// `drop_after` results the run is dropped. `fails` tells the items that the chain itself refuses.
fn take(
    results: impl Iterator<Item = Result<Item>>,
    mut ledger: Ledger<'_>,
    steps: usize,
    fails: fn(u64) -> bool,
    charge: Charge,
    drop_after: Option<u64>,
) {
    let mut results = results;
    let mut count = 0;
    loop {
        if drop_after == Some(count) {
            drop(results);
            return ledger.close_early();
        }
        let Some(result) = results.next() else { return ledger.close() };
        match result {
            Ok(item) => ledger.value(&item, steps),
            Err(error) => {
                // Pools say nothing of the position: there it is the place in the results.
                let number = error.item().unwrap_or(count);
                if error.kind() == ori_errors::ErrorKind::Task && fails(number) {
                    ledger.expected_error(number);
                } else {
                    ledger.error(number, &error, charge);
                }
            }
        }
        count += 1;
    }
}

/// Work for a processor: some tens of nanoseconds for each of `rounds`.
fn work(rounds: u64) -> u64 {
    std::hint::black_box((0..rounds * 16).fold(rounds, |sum, n| sum.rotate_left(5) ^ n))
}
