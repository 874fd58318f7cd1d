//! [`Random`] and [`Naps`]: the same numbers and naps for the same seed, so that a failing stress
//! run can be repeated.

use std::thread;
use std::time::Duration;

/// Pseudo-random numbers: the generator SplitMix64 (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
///
/// ```
/// use ori_test_support::Random;
/// let (mut a, mut b) = (Random::seeded(7), Random::seeded(7));
/// assert_eq!(a.next_u64(), b.next_u64());
/// assert!(a.below(10) < 10);
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator that always gives the same numbers for this seed.
    ///
    /// ```
    /// let mut random = ori_test_support::Random::seeded(0);
    /// assert_eq!(random.next_u64(), 0xe220_a839_7b1d_cdaf);
    /// ```
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number, any of 2⁶⁴.
    ///
    /// ```
    /// let mut random = ori_test_support::Random::seeded(1);
    /// assert_ne!(random.next_u64(), random.next_u64());
    /// ```
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but not including `bound`; the bias is below `bound` / 2⁶⁴.
    ///
    /// # Panics
    /// When `bound` is 0.
    ///
    /// ```
    /// assert_eq!(ori_test_support::Random::seeded(1).below(1), 0);
    /// ```
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below 0");
        self.next_u64() % bound
    }

    /// True once in `times`, on average.
    ///
    /// ```
    /// assert!(ori_test_support::Random::seeded(1).one_in(1));
    /// ```
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Naps of random length, to shake the order in which threads meet.
///
/// ```
/// # use std::time::Duration;
/// let mut naps = ori_test_support::Naps::seeded(7, Duration::from_micros(50));
/// naps.nap();
/// ```
#[derive(Clone, Debug)]
pub struct Naps {
    random: Random,
    longest: Duration,
}

impl Naps {
    /// Naps that last up to `longest`, the same for the same seed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let naps = ori_test_support::Naps::seeded(7, Duration::from_micros(50));
    /// ```
    #[must_use]
    pub fn seeded(seed: u64, longest: Duration) -> Self {
        Self { random: Random::seeded(seed), longest }
    }

    /// Goes on at once (half of the time), yields (a quarter) or sleeps (a quarter).
    ///
    /// ```
    /// # use std::time::Duration;
    /// ori_test_support::Naps::seeded(7, Duration::ZERO).nap();
    /// ```
    pub fn nap(&mut self) {
        match self.random.below(4) {
            0 | 1 => {}
            2 => thread::yield_now(),
            _ => {
                let nanos = u64::try_from(self.longest.as_nanos()).unwrap_or(u64::MAX);
                thread::sleep(Duration::from_nanos(self.random.below(nanos.max(1))));
            }
        }
    }
}
