//! How it is measured: variants take turns, and each round's time is compared within the round.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// Rounds for each scenario.
const ROUNDS: usize = 9;
/// How long a variant's turn is made to last by repetition.
const TURN: Duration = Duration::from_millis(60);

/// One thing to do, done in several ways.
pub(crate) struct Scenario {
    about: &'static str,
    variants: Vec<Variant>,
}

struct Variant {
    name: &'static str,
    /// Does it so many times.
    run: Box<dyn FnMut(u64)>,
    repeats: u64,
    nanos: Vec<f64>,
}

impl Scenario {
    pub(crate) fn new(about: &'static str) -> Self {
        Self { about, variants: Vec::new() }
    }

    /// One more way; the first is what the others are compared with. `run` is given how often, and
    /// checks what it did.
    pub(crate) fn variant(mut self, name: &'static str, run: impl FnMut(u64) + 'static) -> Self {
        self.variants.push(Variant { name, run: Box::new(run), repeats: 1, nanos: Vec::new() });
        self
    }

    /// A table: nanoseconds for each time, and how often the first one's time that is.
    pub(crate) fn measure(mut self) -> String {
        for variant in &mut self.variants {
            // Warm, and checked.
            (variant.run)(1);
            let once = variant.time().max(1.0);
            variant.repeats = ((TURN.as_nanos() as f64 / once) as u64).clamp(1, 200_000);
        }
        for round in 0..ROUNDS {
            let count = self.variants.len();
            // Each round begins with another one, so that nobody always follows the same neighbour.
            for turn in 0..count {
                let variant = &mut self.variants[(round + turn) % count];
                let nanos = variant.time();
                variant.nanos.push(nanos);
            }
        }
        let first = self.variants[0].nanos.clone();
        let mut table =
            format!("{}\n\n| variant | ns | ratio | ratio, least to most |\n|---|---|---|---|", self.about);
        for variant in &self.variants {
            let ratios: Vec<f64> = variant.nanos.iter().zip(&first).map(|(own, first)| own / first).collect();
            let (least, most) =
                (ratios.iter().copied().fold(f64::MAX, f64::min), ratios.iter().copied().fold(0.0, f64::max));
            let (time, ratio) = (median(&variant.nanos), median(&ratios));
            write!(table, "\n| {} | {time:.0} | {ratio:.2} | {least:.2} – {most:.2} |", variant.name)
                .expect("a string takes everything");
        }
        table
    }
}

impl Variant {
    /// Nanoseconds for doing it once.
    fn time(&mut self) -> f64 {
        let start = Instant::now();
        (self.run)(self.repeats);
        start.elapsed().as_nanos() as f64 / self.repeats as f64
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
