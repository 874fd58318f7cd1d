//! [`Ledger`]: what one round put in, and whether all of it came out, once, right and in its place.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ori_errors::{ErrorKind, OriError};
use serde::{Deserialize, Serialize};

use crate::options::Fault;
use crate::tally::Tally;

/// One item on its way, through threads and processes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Its place in the input.
    pub(crate) number: u64,
    /// What the functions on its way make of it.
    pub(crate) value: u64,
    /// When it was taken from the source, in microseconds since this program began.
    since: u64,
}

impl Item {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, value: number, since: now() }
    }

    /// What each function on the way does to the value.
    pub(crate) fn step(mut self) -> Self {
        self.value = step(self.value);
        self
    }

    /// How long ago it was taken from the source.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_micros(now().saturating_sub(self.since))
    }
}

/// A function without a fixed point below, so that a step too few or too many shows.
pub(crate) fn step(value: u64) -> u64 {
    value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}

fn now() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGIN.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The books of one round.
///
/// Say of each result what it was, then [`close`](Self::close) it: what did not come out is lost.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    tally: &'a Tally,
    name: &'static str,
    plant: Option<Fault>,
    /// How many items the source gave so far.
    given: Arc<AtomicU64>,
    seen: Vec<bool>,
    came: u64,
    ordered: bool,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(name: &'static str, tally: &'a Tally, plant: Option<Fault>) -> Self {
        Self { tally, name, plant, given: Arc::default(), seen: Vec::new(), came: 0, ordered: false }
    }

    /// Results come in the order of the input.
    pub(crate) fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// A source of so many items, which counts what is taken from it.
    pub(crate) fn source(&self, items: u64) -> impl ExactSizeIterator<Item = Item> + Send + use<> {
        let given = Arc::clone(&self.given);
        // A range of `u64` does not know its length.
        let items = u32::try_from(items).expect("rounds are short");
        (0..items).map(move |number| {
            given.fetch_add(1, Relaxed);
            Item::new(u64::from(number))
        })
    }

    /// Counts items that have no source of ours.
    pub(crate) fn give(&self, items: u64) {
        self.given.fetch_add(items, Relaxed);
    }

    /// A value came out of a chain with so many functions.
    pub(crate) fn value(&mut self, item: &Item, steps: usize) {
        let expected = (0..steps).fold(item.number, |value, _| step(value));
        self.tally.took(item.age());
        let altered = self.spoils(Fault::Alter);
        self.plain_value(item.number, item.value == expected && !altered);
    }

    /// A value came out for an item; `right` says whether it was the one of this item.
    pub(crate) fn plain_value(&mut self, number: u64, right: bool) {
        if self.spoils(Fault::Lose) {
            return;
        }
        if self.spoils(Fault::Double) {
            self.enter(number);
        }
        self.enter(number);
        if right {
            self.tally.values.fetch_add(1, Relaxed);
        } else {
            self.tally.wrong(format!("{}: item {number} has a wrong value", self.name));
        }
    }

    /// The error came out that this item must have.
    pub(crate) fn expected_error(&mut self, number: u64) {
        self.enter(number);
        self.tally.errors.fetch_add(1, Relaxed);
    }

    /// An error came out for an item. Only a killed worker excuses it, and only where `charge` says
    /// that an item may go with its worker.
    pub(crate) fn error(&mut self, number: u64, error: &OriError, charge: Charge) {
        self.enter(number);
        let killed = match charge {
            Charge::Never => false,
            Charge::Allowed => error.signal() == Some(9),
            Charge::Idle => error.exit_code().is_none(),
        };
        if killed && error.kind() == ErrorKind::WorkerLost {
            self.tally.charged.fetch_add(1, Relaxed);
        } else {
            self.tally.wrong(format!("{}: item {number}: {error:?}", self.name));
        }
    }

    /// Whether this is the place for a fault that was asked for.
    fn spoils(&self, fault: Fault) -> bool {
        self.plant == Some(fault) && self.came == 3
    }

    fn enter(&mut self, number: u64) {
        let index = usize::try_from(number).expect("rounds are short");
        if self.seen.len() <= index {
            self.seen.resize(index + 1, false);
        }
        if std::mem::replace(&mut self.seen[index], true) {
            self.tally.doubled.fetch_add(1, Relaxed);
            self.tally.describe(format!("{}: item {number} came twice", self.name));
        } else if self.ordered && number != self.came {
            self.tally.wrong(format!("{}: item {number} came as number {}", self.name, self.came));
        }
        self.came += 1;
    }

    /// The round is over: everything that was taken in has come out, or is lost.
    pub(crate) fn close(self) {
        let given = self.given.load(Relaxed);
        let out = self.unique();
        self.tally.taken_in.fetch_add(given, Relaxed);
        if out < given {
            self.tally.lost.fetch_add(given - out, Relaxed);
            self.tally.describe(format!("{}: {} of {given} items never came", self.name, given - out));
        } else if out > given {
            self.tally.wrong(format!("{}: {out} results for {given} items", self.name));
        }
    }

    /// The round was dropped halfway: what did not come out by now never will, and should not.
    pub(crate) fn close_early(self) {
        let given = self.given.load(Relaxed);
        self.tally.taken_in.fetch_add(given, Relaxed);
        self.tally.dropped.fetch_add(given.saturating_sub(self.unique()), Relaxed);
    }

    fn unique(&self) -> u64 {
        self.seen.iter().filter(|seen| **seen).count() as u64
    }
}

/// Whether an item may go with a worker that is killed while it runs it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    Allowed,
    /// As `Allowed`; but what the worker died of may be unknown, when it died between two items.
    Idle,
    /// There are enough retries.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(round: impl FnOnce(&mut Ledger<'_>)) -> (Tally, [u64; 4]) {
        let tally = Tally::new();
        let mut ledger = Ledger::new("test", &tally, None).ordered();
        let items: Vec<Item> = ledger.source(4).collect();
        assert_eq!(items.len(), 4);
        round(&mut ledger);
        ledger.close();
        let counts =
            [&tally.values, &tally.lost, &tally.doubled, &tally.wrong].map(|count| count.load(Relaxed));
        (tally, counts)
    }

    #[test]
    fn a_round_without_fault_balances() {
        let (tally, counts) = after(|ledger| (0..4).for_each(|n| ledger.value(&Item::new(n).step(), 1)));
        assert_eq!(counts, [4, 0, 0, 0]);
        assert_eq!((tally.taken_in.load(Relaxed), tally.failures()), (4, 0));
    }

    #[test]
    fn what_never_comes_is_lost() {
        let (tally, counts) = after(|ledger| (0..3).for_each(|n| ledger.value(&Item::new(n).step(), 1)));
        assert_eq!(counts, [3, 1, 0, 0]);
        assert_eq!(tally.faults().len(), 1);
    }

    #[test]
    fn what_comes_twice_or_elsewhere_or_altered_is_found() {
        let (_, counts) =
            after(|ledger| [0, 1, 1, 2, 3].into_iter().for_each(|n| ledger.value(&Item::new(n).step(), 1)));
        assert_eq!(counts[2], 1, "doubled");
        let (_, counts) =
            after(|ledger| [0, 2, 1, 3].into_iter().for_each(|n| ledger.value(&Item::new(n).step(), 1)));
        assert_eq!(counts[3], 2, "out of place");
        let (_, counts) = after(|ledger| (0..4).for_each(|n| ledger.value(&Item::new(n), 1)));
        assert_eq!(counts[3], 4, "a step too few");
    }

    #[test]
    fn only_a_killed_worker_excuses_an_error_and_only_where_it_may() {
        let killed = || OriError::new(ErrorKind::WorkerLost, "killed").with_signal(9);
        let (tally, counts) = after(|ledger| {
            ledger.error(0, &killed(), Charge::Allowed);
            ledger.error(1, &killed(), Charge::Never);
            ledger.error(2, &OriError::new(ErrorKind::WorkerLost, "exit"), Charge::Allowed);
            ledger.expected_error(3);
        });
        assert_eq!(counts, [0, 0, 0, 2]);
        assert_eq!((tally.charged.load(Relaxed), tally.errors.load(Relaxed)), (1, 1));
    }

    #[test]
    fn a_round_that_was_dropped_loses_nothing() {
        let tally = Tally::new();
        let mut ledger = Ledger::new("test", &tally, None);
        let items: Vec<Item> = ledger.source(4).take(3).collect();
        ledger.value(&items[0].clone().step(), 1);
        ledger.close_early();
        assert_eq!((tally.dropped.load(Relaxed), tally.failures()), (2, 0));
    }
}
