//! The work that items cost: an integer mixing loop that no optimiser can shorten, measured once a process
//! so that "10 µs" means 10 µs on this machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Mixes `item` for `iterations` rounds; each round needs the one before.
///
/// The number of rounds is only known at run time, so that a loop of a few rounds is neither unrolled into
/// its callers nor vectorised over several items.
#[inline]
pub(crate) fn mix(item: u64, iterations: u32) -> u64 {
    // Item 0 would stay 0, which is also what a missing answer looks like.
    let mut value = item ^ 0x5851_f42d_4c95_7f2d;
    for _ in 0..iterations {
        value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    value
}

/// Whether the item is one of the 1 % that cost a hundred times more.
///
/// Decided by the item's own bits: every run and every competitor meets the same ones in the same places,
/// and they are not evenly spaced.
#[inline]
pub(crate) fn is_rare(item: u64) -> bool {
    mix(item, 3) >> 32 < (1 << 32) / 100
}

/// How many rounds of [`mix`] make an item cost `nanos` in a plain loop over many items.
///
/// Found by measuring, corrected twice; of several samples the fastest counts, since whatever else runs on
/// the machine can only slow a sample down.
pub(crate) fn iterations_for(nanos: f64) -> u32 {
    let mut iterations = (nanos / cost_of(1_000) * 1_000.0).round().max(1.0);
    for _ in 0..2 {
        iterations = (iterations * nanos / cost_of(iterations as u32)).round().max(1.0);
    }
    iterations as u32
}

/// What an item of that many rounds costs in a plain loop, in nanoseconds.
fn cost_of(iterations: u32) -> f64 {
    const SAMPLES: usize = 7;
    const SAMPLE: Duration = Duration::from_millis(1);

    let iterations = black_box(iterations);
    let timed = |items: u64| {
        let clock = Instant::now();
        black_box((0..items).map(|item| mix(item, iterations)).fold(0, u64::wrapping_add));
        clock.elapsed()
    };
    let mut items = 1;
    while timed(items) < SAMPLE {
        items *= 2;
    }
    (0..SAMPLES).map(|_| timed(items)).min().unwrap_or(SAMPLE).as_nanos() as f64 / items as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_in_a_hundred_is_rare() {
        let rare = (0..100_000).filter(|item| is_rare(*item)).count();
        assert!((900..1_100).contains(&rare), "{rare} of 100,000");
    }

    #[test]
    fn mixing_is_calibrated_to_at_least_one_round() {
        assert_eq!(iterations_for(0.001), 1);
        assert!(iterations_for(10_000.0) > 100);
    }
}
