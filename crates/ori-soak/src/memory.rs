//! Memory over time, and whether it is flat: what is allocated and not freed, and what is resident.
//!
//! Memory goes up and down with the rounds. What shows a leak is the floor: each tenth of the run
//! has one, the lower quartile of its samples. The run is flat if the median floor of its last three
//! tenths is no more than a tenth and [`SLACK`] above the median floor of its second to fourth tenth.
//! (The first tenth still fills caches and thread stacks.) A short run has more slack, for the same
//! reason.

use std::fs;
use std::time::Duration;

/// Less than what 4,000 killed workers would leave if each left two pages behind.
pub(crate) const SLACK: u64 = 4 << 20;
const SHORT: Duration = Duration::from_secs(120);
const SHORT_SLACK: u64 = 96 << 20;

/// Memory in bytes.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Allocated by this process and not freed.
    pub(crate) heap: u64,
    /// Resident memory of this process.
    pub(crate) own: u64,
    /// Resident memory of all its children together.
    pub(crate) children: u64,
}

/// What was sampled.
#[derive(Debug)]
pub(crate) struct History {
    samples: Vec<Sample>,
}

/// Which of its figures of a sample.
pub(crate) type Of = fn(&Sample) -> u64;

/// What became of the floor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) flat: bool,
    pub(crate) early: u64,
    pub(crate) late: u64,
    pub(crate) allowed: u64,
}

impl History {
    /// Room for a run of this many samples, taken now: the history must not be what grows.
    pub(crate) fn with_room_for(samples: usize) -> Self {
        Self { samples: Vec::with_capacity(samples) }
    }

    pub(crate) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    pub(crate) fn last(&self) -> Sample {
        self.samples.last().copied().unwrap_or_default()
    }

    /// The most that all children together had.
    pub(crate) fn most_in_children(&self) -> u64 {
        self.samples.iter().map(|sample| sample.children).max().unwrap_or(0)
    }

    /// The lower quartile of each tenth of the run; empty if there are too few samples.
    pub(crate) fn floors(&self, of: Of) -> Vec<u64> {
        let end = self.last().at + Duration::from_nanos(1);
        let mut tenths = vec![Vec::new(); 10];
        for sample in &self.samples {
            let tenth = sample.at.as_secs_f64() / end.as_secs_f64() * 10.0;
            // At most 9, since every sample is before the end.
            tenths[(tenth as usize).min(9)].push(of(sample));
        }
        if tenths.iter().any(Vec::is_empty) {
            return Vec::new();
        }
        tenths.into_iter().map(|mut tenth| quantile(&mut tenth, 4)).collect()
    }

    /// `None` if there are too few samples to say.
    pub(crate) fn judge(&self, of: Of) -> Option<Judgement> {
        let floors = self.floors(of);
        let (early, late) = (floors.get(1..4)?, floors.get(7..)?);
        let (early, late) = (quantile(&mut early.to_vec(), 2), quantile(&mut late.to_vec(), 2));
        let slack = if self.last().at < SHORT { SHORT_SLACK } else { SLACK };
        let allowed = early + early / 10 + slack;
        Some(Judgement { flat: late <= allowed, early, late, allowed })
    }
}

/// The value that one in `parts` is below.
fn quantile(values: &mut [u64], parts: usize) -> u64 {
    values.sort_unstable();
    values[values.len() / parts]
}

/// The resident memory of a process in bytes; 0 if it is gone, or where there is no `/proc`.
pub(crate) fn resident(pid: u32) -> u64 {
    field(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// What this process has allocated and not freed, in bytes.
pub(crate) fn heap() -> u64 {
    crate::HEAP.current_usage() as u64
}

/// The most that this process ever had resident, in bytes.
pub(crate) fn peak() -> u64 {
    field("/proc/self/status", "VmHWM:")
}

fn field(path: &str, name: &str) -> u64 {
    let Ok(status) = fs::read_to_string(path) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A run of an hour, one sample a second.
    fn hour(own: impl Fn(u64) -> u64) -> History {
        let mut history = History::with_room_for(3_600);
        for second in 0..3_600 {
            history.add(Sample { at: Duration::from_secs(second), own: own(second), ..Sample::default() });
        }
        history
    }

    #[test]
    fn ups_and_downs_are_flat() {
        let history = hour(|second| 40 * MIB + second % 17 * 3 * MIB);
        assert!(history.judge(|sample| sample.own).unwrap().flat);
        assert_eq!(history.floors(|sample| sample.own).len(), 10);
    }

    #[test]
    fn warming_up_is_flat() {
        assert!(hour(|second| 60 * MIB - 30 * MIB / (1 + second)).judge(|sample| sample.own).unwrap().flat);
    }

    #[test]
    fn a_slow_leak_under_ups_and_downs_is_found() {
        // 5 KiB a second are 18 MiB in an hour.
        let history = hour(|second| 40 * MIB + second % 17 * 3 * MIB + second * 5 * 1024);
        let judgement = history.judge(|sample| sample.own).unwrap();
        assert!(!judgement.flat, "{judgement:?}");
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert_eq!(History::with_room_for(0).judge(|sample| sample.own), None);
        let mut history = History::with_room_for(1);
        history.add(Sample { at: Duration::from_secs(1), own: 1, ..Sample::default() });
        assert_eq!(history.judge(|sample| sample.own), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory() {
        assert!(resident(std::process::id()) > 0 && peak() > 0);
    }
}
