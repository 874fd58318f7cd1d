//! [`Rhythm`]: how fast results come to a consumer that sleeps for each, and whether it should sleep
//! over several.
//!
//! A wake-up costs the consumer and whoever wakes it some microseconds, and on a machine without a
//! free processor it interrupts a worker. Where batches follow each other quickly, the consumer
//! therefore sleeps until half a millisecond's worth of results is there, at most a millisecond.
//! Results that come because of what the consumer does with the ones before do not come while it
//! sleeps: such a sleep ends in vain, and each of them makes the next one rarer.

use std::time::{Duration, Instant};

use crate::model::looks;

/// How long a sleep over several batches should be, and at most is.
const NAP: Duration = Duration::from_micros(500);
pub(super) const LONGEST_NAP: Duration = Duration::from_millis(1);
/// Results that come more slowly, sleep by sleep, are worth a wake-up each.
const QUICK: Duration = Duration::from_micros(250);
/// So many ordinary sleeps come before the first nap, and after one in vain.
const LEAST_SLEEPS: usize = looks(8);
const MOST_SLEEPS: usize = 1 << 14;
/// A nap in vain multiplies that.
const PENALTY: usize = 4;

#[derive(Debug)]
pub(super) struct Rhythm {
    /// When this count of sleeps began, and how many items had been taken then.
    since: Instant,
    taken: u64,
    sleeps: usize,
    /// The sleeps to be counted.
    enough: usize,
    /// The results that a nap should bring, while naps pay.
    nap: Option<u64>,
}

impl Rhythm {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), taken: 0, sleeps: 0, enough: LEAST_SLEEPS, nap: None }
    }

    /// The consumer, which has taken so many items, is about to sleep: the results that it should
    /// be woken for, if that is a nap.
    pub(super) fn nap(&mut self, taken: u64) -> Option<u64> {
        if self.nap.is_none() {
            self.sleeps += 1;
            if self.sleeps >= self.enough {
                let now = Instant::now();
                let (items, time) = (taken - self.taken, now - self.since);
                let per_nap = u128::from(items) * NAP.as_nanos() / time.as_nanos().max(1);
                let is_quick = time.as_nanos() < QUICK.as_nanos() * self.sleeps as u128;
                self.nap = u64::try_from(per_nap).ok().filter(|per_nap| is_quick && *per_nap > 1);
                (self.since, self.taken, self.sleeps) = (now, taken, 0);
            }
        }
        self.nap
    }

    /// A nap is over, and took so long.
    pub(super) fn napped(&mut self, time: Duration) {
        if time >= LONGEST_NAP {
            self.nap = None;
            self.enough = self.enough.saturating_mul(PENALTY).min(MOST_SLEEPS);
        } else {
            self.enough = LEAST_SLEEPS;
            if time < NAP / 2 {
                self.nap = self.nap.map(|results| results.saturating_mul(2));
            }
        }
    }
}
