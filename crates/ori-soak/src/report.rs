//! The last page: every load, memory over time, what was held, and the verdict.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::course::Running;
use crate::holdings::Holdings;
use crate::memory::{self, History, Of};

/// Long enough for every load to have done something, and for workers to have been killed.
const MEANINGFUL: Duration = Duration::from_secs(10);

/// All that the run found out.
pub(crate) struct Findings<'a> {
    pub(crate) loads: &'a [Running],
    pub(crate) length: Duration,
    pub(crate) seed: u64,
    pub(crate) killed: u64,
    pub(crate) history: &'a History,
    pub(crate) before: Holdings,
    pub(crate) after: Holdings,
    /// Which load hangs.
    pub(crate) hung: Option<String>,
    /// Ctrl-C came.
    pub(crate) cut_short: bool,
}

/// The page, and whether all is well.
pub(crate) fn page(findings: &Findings<'_>) -> (String, bool) {
    let mut page = String::new();
    let minutes = findings.length.as_secs_f64() / 60.0;
    let _ = writeln!(page, "\nsoak of {minutes:.1} minutes, seed {}\n", findings.seed);
    loads(&mut page, findings);
    let _ = writeln!(page, "\nworkers killed: {}", findings.killed);
    let _ = writeln!(
        page,
        "peak memory: {} MiB resident, and {} MiB in all worker processes together",
        memory::peak() >> 20,
        findings.history.most_in_children() >> 20
    );
    let _ = writeln!(page, "memory (MiB, lower quartile of each tenth of the run):");
    for (what, of) in FIGURES {
        memory_over_time(&mut page, what, of, findings.history);
    }
    let (before, after) = (&findings.before, &findings.after);
    let _ = writeln!(page, "\n{:<18}{:>8}{:>8}", "held", "before", "after");
    for (what, before, after) in [
        ("threads", before.threads, after.threads),
        ("file descriptors", before.descriptors, after.descriptors),
        ("children", before.children, after.children),
        ("temporary files", before.files, after.files),
    ] {
        let _ = writeln!(page, "{what:<18}{before:>8}{after:>8}");
    }
    let complaints = complaints(findings);
    page.push('\n');
    if findings.cut_short {
        page.push_str("cut short by Ctrl-C\n");
    }
    if complaints.is_empty() {
        page.push_str("all is well");
    }
    complaints.iter().for_each(|complaint| _ = writeln!(page, "FAILED: {complaint}"));
    (page, complaints.is_empty())
}

/// What must be flat.
const FIGURES: [(&str, Of); 2] = [("allocated", |sample| sample.heap), ("resident", |sample| sample.own)];

fn memory_over_time(page: &mut String, what: &str, of: Of, history: &History) {
    let _ = write!(page, "  {what:<10}");
    history.floors(of).iter().for_each(|floor| _ = write!(page, " {:.1}", mib(*floor)));
    let _ = match history.judge(of) {
        None => writeln!(page, " too few samples"),
        Some(judged) => writeln!(
            page,
            "\n    {}: {:.1} in the last three tenths, {:.1} in the second to fourth, {:.1} allowed",
            if judged.flat { "flat" } else { "NOT FLAT" },
            mib(judged.late),
            mib(judged.early),
            mib(judged.allowed),
        ),
    };
}

fn loads(page: &mut String, findings: &Findings<'_>) {
    const HEADS: [&str; 9] =
        ["rounds", "in", "values", "errors", "killed", "dropped", "lost", "doubled", "wrong"];
    let _ = write!(page, "{:<16}", "load");
    HEADS.iter().for_each(|head| _ = write!(page, "{head:>11}"));
    let _ = writeln!(page, "{:>11}{:>11}", "p50", "p99");
    let mut sums = [0; HEADS.len()];
    let mut times = Histogram::new_with_bounds(1, 3_600_000_000, 2).expect("the bounds are good");
    for load in findings.loads {
        let tally = &load.tally;
        let _ = write!(page, "{:<16}", load.kind.name);
        for (sum, count) in sums.iter_mut().zip(counts(load)) {
            *sum += count;
            let _ = write!(page, "{count:>11}");
        }
        let _ = writeln!(page, "{:>11}{:>11}", time(tally.percentile(50.0)), time(tally.percentile(99.0)));
        tally.add_times_to(&mut times);
    }
    let _ = write!(page, "{:<16}", "all");
    sums.iter().for_each(|sum| _ = write!(page, "{sum:>11}"));
    let [p50, p99] = [0.5, 0.99].map(|part| time(Duration::from_micros(times.value_at_quantile(part))));
    let _ = writeln!(page, "{p50:>11}{p99:>11}");
}

/// In the order of the table's columns.
fn counts(load: &Running) -> [u64; 9] {
    let tally = &load.tally;
    let counts: [&AtomicU64; 9] = [
        &tally.rounds,
        &tally.taken_in,
        &tally.values,
        &tally.errors,
        &tally.charged,
        &tally.dropped,
        &tally.lost,
        &tally.doubled,
        &tally.wrong,
    ];
    counts.map(|count| count.load(Relaxed))
}

fn complaints(findings: &Findings<'_>) -> Vec<String> {
    let mut complaints: Vec<String> = findings.hung.iter().map(|hung| format!("it hangs: {hung}")).collect();
    let sum = |count: fn(&Running) -> u64| findings.loads.iter().map(count).sum::<u64>();
    for (what, count) in [
        ("lost", sum(|load| load.tally.lost.load(Relaxed))),
        ("doubled", sum(|load| load.tally.doubled.load(Relaxed))),
        ("wrong", sum(|load| load.tally.wrong.load(Relaxed))),
    ] {
        if count > 0 {
            complaints.push(format!("{count} {what}"));
        }
    }
    for load in findings.loads {
        complaints.extend(load.tally.faults());
        let idle = load.tally.values.load(Relaxed) == 0;
        if idle && findings.length >= MEANINGFUL {
            complaints.push(format!("{} gave no value", load.kind.name));
        }
    }
    let charged = sum(|load| load.tally.charged.load(Relaxed));
    if charged > findings.killed {
        complaints.push(format!("{charged} items went with {} killed workers", findings.killed));
    }
    let has_workers = findings.loads.iter().any(|load| load.kind.has_workers);
    if has_workers && findings.killed == 0 && findings.length >= MEANINGFUL {
        complaints.push("no worker was killed".to_owned());
    }
    for (what, of) in FIGURES {
        if let Some(judged) = findings.history.judge(of).filter(|judged| !judged.flat) {
            let (early, late) = (mib(judged.early), mib(judged.late));
            complaints.push(format!("{what} memory grew from {early:.1} MiB to {late:.1} MiB"));
        }
    }
    complaints.extend(findings.after.beyond(&findings.before));
    complaints
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn time(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 1_000 { format!("{micros} us") } else { format!("{:.1} ms", time.as_secs_f64() * 1e3) }
}
