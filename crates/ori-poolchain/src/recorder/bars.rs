//! What stands between the first and the last column of a timeline: bars, curves and marks.

use std::fmt::Write as _;

use super::axis::{Axis, count, things, time};
use super::svg::{Px, Svg};
use super::track::{Lane, Mark, MarkKind, Span};

/// The columns of a curve, in pixels.
pub(super) const STEP: f64 = 2.0;
/// How dark a column is of which at least so much was work.
const LEVELS: [(f64, f64); 6] =
    [(0.0, 0.12), (0.05, 0.25), (0.15, 0.45), (0.35, 0.65), (0.6, 0.82), (0.85, 1.0)];
/// What a span was.
pub(super) fn describe(span: &Span) -> String {
    let Span { begin, end, positions, items, errors, batches, busy, pid, open } = span;
    let mut text = match (batches, items) {
        _ if *open => format!("from item {} on, not ended", count(positions.start)),
        (1, 1) => format!("item {}", count(positions.start)),
        (1, _) => format!("{} from {} on", things(*items, "item", "items"), count(positions.start)),
        _ => format!(
            "{} in {} batches, busy {}",
            things(*items, "item", "items"),
            count(*batches),
            time(*busy)
        ),
    };
    let _ = write!(text, ": {} at {}", time(end - begin), time(*begin));
    if *errors > 0 {
        let _ = write!(text, ", {}", things(*errors, "error", "errors"));
    }
    if *pid > 0 {
        let _ = write!(text, ", process {pid}");
    }
    text
}

/// Lanes cut into columns.
pub(super) struct Columns<'a> {
    axis: &'a Axis,
    width: f64,
    /// For each level, the bars of it.
    paths: [String; LEVELS.len()],
}

impl<'a> Columns<'a> {
    pub(super) fn new(axis: &'a Axis, width: f64) -> Self {
        Self { axis, width, paths: Default::default() }
    }

    /// Adds a lane around the height `y`.
    pub(super) fn add(&mut self, lane: &Lane, y: f64) {
        let mut busy = vec![0.0; (self.axis.width / self.width).ceil() as usize];
        spread(&lane.spans, self.axis, self.width, &mut busy);
        let levels: Vec<_> = busy.iter().map(|busy| level(*busy)).collect();
        let mut begin = 0;
        for run in levels.chunk_by(|one, next| one == next) {
            if let Some(level) = run[0] {
                let x = self.axis.left + begin as f64 * self.width;
                let _ =
                    write!(self.paths[level], "M{} {}h{}", Px(x), Px(y), Px(run.len() as f64 * self.width));
            }
            begin += run.len();
        }
    }

    pub(super) fn draw(&self, svg: &mut Svg, class: &str, thickness: f64) {
        for (path, (_, opacity)) in self.paths.iter().zip(LEVELS).filter(|(path, _)| !path.is_empty()) {
            svg.bars(class, thickness, opacity, path);
        }
    }
}

/// How dark a column is of which so much was work; `None` is nothing at all.
fn level(busy: f64) -> Option<usize> {
    (busy > 0.0).then(|| LEVELS.partition_point(|(least, _)| *least <= busy) - 1)
}

/// Adds to each column of so many pixels the part of its time that was work.
pub(super) fn spread(spans: &[Span], axis: &Axis, width: f64, columns: &mut [f64]) {
    for span in spans {
        let (from, to) =
            ((axis.place(span.begin) - axis.left) / width, (axis.place(span.end) - axis.left) / width);
        let density = span.busy as f64 / (span.end - span.begin).max(1) as f64;
        let (first, last) = (from as usize, (to.ceil() as usize).min(columns.len()));
        for (index, column) in columns.iter_mut().enumerate().take(last).skip(first) {
            let part = to.min(index as f64 + 1.0) - from.max(index as f64);
            *column += density * part.max(0.0);
        }
    }
}

/// The outline of a curve over a base line.
pub(super) fn outline(axis: &Axis, heights: impl Iterator<Item = f64>, base: f64) -> String {
    let mut path = format!("M{} {}", Px(axis.left), Px(base));
    let mut x = axis.left;
    let mut before = f64::NAN;
    for height in heights {
        // Steps, not slopes: it was so all the while. To a tenth of a pixel, which nobody sees.
        let height = (height * 10.0).round() / 10.0;
        if height != before {
            let _ = write!(path, "H{}V{}", Px(x), Px(base - height));
            before = height;
        }
        x += STEP;
    }
    let _ = write!(path, "H{}V{}Z", Px(x), Px(base));
    path
}

/// The class and the name of a mark.
pub(super) fn named(kind: MarkKind) -> (&'static str, &'static str) {
    match kind {
        MarkKind::Lost => ("lost", "worker lost"),
        MarkKind::Retried => ("retried", "tried again"),
        MarkKind::Failed => ("failed", "failed"),
    }
}

/// The shape of a mark at a place.
pub(super) fn sign(kind: MarkKind, x: f64, y: f64) -> String {
    let (x, y) = (Px(x), Px(y));
    match kind {
        MarkKind::Lost => format!("M{x} {y}m-5 -5h10l-5 10Z"),
        MarkKind::Retried => format!("M{x} {y}m0 -5l5 5l-5 5l-5 -5Z"),
        MarkKind::Failed => format!("M{x} {y}m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z"),
    }
}

/// Marks above the lanes; those of one kind that are nearer than `near` pixels become one. Losses are drawn last, above the others.
pub(super) fn marks(svg: &mut Svg, axis: &Axis, near: f64, marks: &[Mark], y: f64) {
    for kind in [MarkKind::Failed, MarkKind::Retried, MarkKind::Lost] {
        let (class, name) = named(kind);
        let of_kind: Vec<&Mark> = marks.iter().filter(|mark| mark.kind == kind).collect();
        let column = |mark: &Mark| (axis.place(mark.at) / near) as u64;
        for group in of_kind.chunk_by(|one, next| column(one) == column(next)) {
            let first = group[0];
            let number: u64 = group.iter().map(|mark| mark.count).sum();
            let mut title = format!("{name} at {}", time(first.at));
            if number > 1 {
                let _ = write!(title, ", {} times", count(number));
            }
            if let Some(item) = first.item {
                let _ = write!(title, ", item {}", count(item));
            }
            if !first.reason.is_empty() {
                let _ = write!(title, ": {}", first.reason);
            }
            svg.shape(class, &sign(kind, axis.place(first.at), y), &title);
        }
    }
}
