//! The SIGKILLs: now and then, one of this process's workers, whatever it is doing.

use std::time::Duration;

use ori_test_support::Random;

/// The longest time between two kills.
const PAUSE: Duration = Duration::from_millis(700);

/// Chooses whom to kill, and when.
#[derive(Debug)]
pub(crate) struct Killer {
    random: Random,
}

impl Killer {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { random: Random::seeded(seed) }
    }

    /// How long to wait before the next one.
    pub(crate) fn pause(&mut self) -> Duration {
        PAUSE.mul_f64(self.random.below(1_000) as f64 / 1_000.0)
    }

    /// Kills one of the workers; whether there was one.
    #[cfg(target_os = "linux")]
    pub(crate) fn kill_one(&mut self) -> bool {
        let workers: Vec<u32> = children().into_iter().filter(|pid| is_worker(*pid)).collect();
        if workers.is_empty() {
            return false;
        }
        let chosen = self.random.below(workers.len() as u64);
        kill(workers[usize::try_from(chosen).unwrap_or(0)])
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn kill_one(&mut self) -> bool {
        false
    }
}

/// The processes that this one has started.
pub(crate) fn children() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_and_threads(*pid).is_some_and(|(parent, _)| parent == std::process::id()))
        .collect()
}

fn parent_and_threads(pid: u32) -> Option<(u32, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold any character; the state and the parent follow.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let threads = fields.nth(15)?.parse().ok()?;
    Some((parent, threads))
}

/// This same program, once it has its second thread, which watches the parent.
///
/// A command that is being started is this program too for a moment, but has one thread. And three
/// deaths in a row of workers that are starting would rightly make a pool give up.
#[cfg(target_os = "linux")]
fn is_worker(pid: u32) -> bool {
    let program = |pid: &str| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let same = program("self").is_some_and(|own| program(&pid.to_string()) == Some(own));
    same && parent_and_threads(pid).is_some_and(|(_, threads)| threads > 1)
}

#[cfg(target_os = "linux")]
fn kill(pid: u32) -> bool {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    // The descriptor stays with this process also when its number is given to another one.
    let Ok(process) = pidfd_open(raw, PidfdFlags::empty()) else { return false };
    is_worker(pid) && pidfd_send_signal(process, Signal::KILL).is_ok()
}
