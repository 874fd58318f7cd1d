//! What programs of random rounds share (`tests/stress.rs` of a crate): how much to do, the panics
//! that belong to it, and how a round that failed is repeated.
//!
//! `ORI_STRESS_CHAINS` says how many rounds, `ORI_STRESS_SEED` which: round number `n` of seed `s` is
//! round 0 of seed `s + n`, so that one that fails can be run alone.

use std::time::Duration;
use std::{env, panic, process};

use crate::within;

/// How many rounds to run, if the environment says so.
///
/// # Panics
/// When what it says is no number.
///
/// ```
/// let rounds = ori_test_support::stress::rounds().unwrap_or(200);
/// ```
#[must_use]
pub fn rounds() -> Option<u64> {
    number("ORI_STRESS_CHAINS")
}

/// The seed of the first round, if the environment says so.
///
/// # Panics
/// When what it says is no number.
///
/// ```
/// let seed = ori_test_support::stress::seed().unwrap_or(1);
/// ```
#[must_use]
pub fn seed() -> Option<u64> {
    number("ORI_STRESS_SEED")
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// From now on, formatted panics that say just this are not printed: they belong to the test.
///
/// ```
/// ori_test_support::stress::quiet_panics("as planned");
/// assert!(std::panic::catch_unwind(|| panic!("{}", "as planned")).is_err());
/// ```
pub fn quiet_panics(expected: &'static str) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>();
        if text.is_none_or(|text| text != expected) {
            before(info);
        }
    }));
}

/// Runs so many rounds, one after the other. One that panics, or takes longer than `limit`, ends the
/// program with the line that repeats it.
///
/// ```
/// use std::time::Duration;
///
/// ori_test_support::stress::run(3, 7, Duration::from_secs(10), |seed| assert!((7..10).contains(&seed)));
/// ```
#[expect(clippy::print_stderr, reason = "the last words of a program of its own")]
pub fn run(rounds: u64, seed: u64, limit: Duration, round: fn(u64)) {
    for seed in seed..seed + rounds {
        if panic::catch_unwind(|| within(limit, move || round(seed))).is_err() {
            eprintln!("to repeat it: ORI_STRESS_CHAINS=1 ORI_STRESS_SEED={seed}");
            process::exit(1);
        }
    }
}
