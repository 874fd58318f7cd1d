//! [`linger`]: looks a few microseconds for what is about to happen, before it sleeps.
//!
//! Putting a thread to sleep and waking it takes 5 to 50 µs, most of it until a sleeping processor
//! is awake again. A task of a microsecond that is waited for at once would take that twice.
//!
//! Between two looks it yields, because what it looks for may be waiting for this very processor.
//! Where others compete for the processor, a yield takes as long as their time slices, and a thread
//! that sleeps is woken sooner than one that yields gets its turn: so a thread that had to wait for
//! its turn once goes to sleep without lingering for a while.

use std::cell::Cell;
use std::hint;
use std::thread;
use std::time::{Duration, Instant};

const LONGEST: Duration = Duration::from_micros(20);
const LOOKS_A_YIELD: u32 = 8;
/// A yield that took longer let others run.
const CONTENDED: Duration = Duration::from_micros(100);
const SLEEPS_AFTER_CONTENTION: u32 = 100;

thread_local! {
    static SLEEPS_LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Returns when `happened` says so, or soon.
pub(crate) fn linger(happened: impl Fn() -> bool) {
    // In a model there are no microseconds: one look is as good as many.
    if cfg!(shuttle) {
        happened();
        return;
    }
    let sleeps_left = SLEEPS_LEFT.get();
    if sleeps_left > 0 {
        SLEEPS_LEFT.set(sleeps_left - 1);
        return;
    }
    let start = Instant::now();
    let mut last = start;
    while last - start < LONGEST {
        for _ in 0..LOOKS_A_YIELD {
            if happened() {
                return;
            }
            hint::spin_loop();
        }
        thread::yield_now();
        let now = Instant::now();
        if now - last > CONTENDED {
            SLEEPS_LEFT.set(SLEEPS_AFTER_CONTENTION);
            return;
        }
        last = now;
    }
}
