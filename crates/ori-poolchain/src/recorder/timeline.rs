//! A run as a picture for people: stages as rows, their workers as lanes, time from left to right.
//!
//! Three columns: who works, when he was busy, and what he did with his time. The stage that limits the
//! run has the one warm colour, and stands in the second line of the head.
//!
//! # The size
//! Where there are few spans each is a box of its own that tells what it was. Where there are many, a
//! lane is cut into columns, and how dark a column is says how much of it was work; columns are wider
//! when there are many lanes. A stage with very many workers is one curve: how many of them were busy.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::axis::{Axis, count, things, time};
use super::picture::{Limit, Picture, RunPicture, StagePicture};
use super::svg::{Area, Px, Svg};
use super::track::{Lane, Mark, MarkKind, Span};

const WIDTH: f64 = 1180.0;
const MARGIN: f64 = 16.0;
/// Where lanes begin and end.
const LEFT: f64 = 238.0;
const LANES: f64 = 720.0;
/// The last column.
const SHARES: f64 = LEFT + LANES + 22.0;
const SHARES_WIDTH: f64 = WIDTH - SHARES - MARGIN;
const HEAD: f64 = 128.0;
/// The least height of a stage, for what stands beside its lanes.
const LEAST: f64 = 66.0;
const GAP: f64 = 14.0;
/// The height of a run's name.
const NAME: f64 = 24.0;
/// The height of a row of marks, and of the items that wait.
const MARKS: f64 = 13.0;
const QUEUE: f64 = 26.0;
/// The height of a curve in place of lanes.
const CURVE: f64 = 84.0;
/// More lanes than this are one curve.
const MOST_LANES: usize = 16;
/// Up to so many spans are boxes of their own.
const MOST_BOXES: usize = 1_000;
/// So many lanes are cut into columns of one pixel.
const FINE_LANES: usize = 24;
/// The columns of a curve, in pixels.
const STEP: f64 = 2.0;
/// Marks of one kind that are nearer are one.
const MARK_STEP: f64 = 9.0;
/// How dark a column is of which at least so much was work.
const LEVELS: [(f64, f64); 6] =
    [(0.0, 0.12), (0.05, 0.25), (0.15, 0.45), (0.35, 0.65), (0.6, 0.82), (0.85, 1.0)];
/// The most characters of a stage's name.
const MOST_CHARS: usize = 18;

/// Draws a picture.
pub(super) fn write(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(draw(picture).as_bytes())
}

fn draw(picture: &Picture) -> String {
    let axis = Axis { left: LEFT, width: LANES, end: picture.end };
    let rows: Vec<Row<'_>> = rows(picture);
    let height = rows.last().map_or(HEAD, Row::bottom) + GAP;
    let mut svg = Svg::new();
    let title = head(&mut svg, picture);
    for row in rows.iter().filter(|row| row.stage.is_limit) {
        let (y, height) = (row.top - GAP / 2.0, row.height + GAP);
        svg.rect("glow", Area { x: MARGIN / 2.0, y, width: WIDTH - MARGIN, height });
    }
    for (at, name) in axis.marks() {
        let x = axis.place(at);
        svg.vertical("line", x, HEAD - 8.0, height - GAP);
        svg.text("s m", x, HEAD - 14.0, &name);
    }
    let style = Style::of(picture);
    for row in &rows {
        if let Some(name) = &row.heading {
            svg.text("s", MARGIN, row.top - 10.0, name);
        }
        row.draw(&mut svg, &axis, style);
    }
    let grain = picture.stages().map(|stage| stage.grain).max().unwrap_or(0);
    if grain > 0 {
        let text = format!("batches within {} are drawn as one", time(grain));
        svg.text("k e", WIDTH - MARGIN, height - 5.0, &text);
    }
    svg.finish(&title, WIDTH, height)
}

/// How spans are drawn.
#[derive(Copy, Clone)]
struct Style {
    boxes: bool,
    /// The width of a column, in pixels.
    column: f64,
}

impl Style {
    fn of(picture: &Picture) -> Self {
        let spans: usize = picture.stages().flat_map(|stage| &stage.lanes).map(|lane| lane.spans.len()).sum();
        let lanes = picture.stages().map(|stage| stage.lanes.len()).filter(|lanes| *lanes <= MOST_LANES);
        let lanes: usize = lanes.sum();
        Self { boxes: spans <= MOST_BOXES, column: lanes.div_ceil(FINE_LANES).max(1) as f64 }
    }
}

/// Title, what limits the run, legend. Gives the title.
fn head(svg: &mut Svg, picture: &Picture) -> String {
    let stages = things(picture.stages().count() as u64, "stage", "stages");
    let chains = match picture.runs.len() {
        1 => String::new(),
        runs => format!("{} with ", things(runs as u64, "chain", "chains")),
    };
    let results = picture.runs.last().and_then(|run| run.results);
    let results =
        results.map_or_else(String::new, |results| format!(", {}", things(results, "result", "results")));
    let so_far = if picture.is_over() { "" } else { " so far" };
    let title = format!("{chains}{stages}{results} in {}{so_far}", time(picture.end));
    svg.text("t", MARGIN, 34.0, &title);
    match &picture.limit {
        Some(Limit { what, busy: Some(busy) }) => {
            let after = format!(", whose workers are busy {:.0} % of the time", busy * 100.0);
            svg.sentence("u", (MARGIN, 58.0), ["Limited by ", what, &after]);
        }
        Some(Limit { what, busy: None }) => svg.sentence("u", (MARGIN, 58.0), ["Limited by ", what, ""]),
        None => svg.text(
            "u",
            MARGIN,
            58.0,
            "No stage limits it: the workers of each are busy less than half of the time",
        ),
    }
    let mut x = MARGIN;
    let boxes = [
        ("busy", "busy"),
        ("limit", "busy, and the limit"),
        ("mates", "busy with a stage that shares the workers"),
        ("input", "waits for input"),
        ("output", "waits for output"),
    ];
    for (class, name) in boxes {
        svg.rect(class, Area { x, y: 73.0, width: 12.0, height: 12.0 });
        svg.text("s", x + 17.0, 83.0, name);
        x += 38.0 + 6.1 * name.chars().count() as f64;
    }
    for kind in [MarkKind::Lost, MarkKind::Retried, MarkKind::Failed] {
        let (class, name) = named(kind);
        svg.shape(class, &sign(kind, x + 5.0, 79.0), name);
        svg.text("s", x + 15.0, 83.0, name);
        x += 36.0 + 6.1 * name.chars().count() as f64;
    }
    title
}

/// A stage and its place in the picture.
struct Row<'p> {
    run: &'p RunPicture,
    stage: &'p StagePicture,
    heading: Option<String>,
    top: f64,
    height: f64,
}

fn rows(picture: &Picture) -> Vec<Row<'_>> {
    let mut y = HEAD;
    let mut rows = Vec::new();
    for (number, run) in picture.runs.iter().enumerate() {
        for (index, stage) in run.stages.iter().enumerate() {
            let heading = (index == 0 && picture.runs.len() > 1).then(|| {
                let chain = number + 1;
                let end = if run.is_over { time(run.end) } else { "now".to_owned() };
                format!("chain {chain}, from {} to {end}", time(run.begin))
            });
            if heading.is_some() {
                y += NAME;
            }
            let marks = if stage.marks.is_empty() { 0.0 } else { MARKS };
            let queue = if has_queue(stage) { QUEUE + 4.0 } else { 0.0 };
            let height = (marks + lanes_height(stage) + queue).max(LEAST);
            rows.push(Row { run, stage, heading, top: y, height });
            y += height + GAP;
        }
    }
    rows
}

/// The height of a lane and of the space behind it.
fn lane_height(lanes: usize) -> (f64, f64) {
    match lanes {
        0..=4 => (16.0, 3.0),
        5..=8 => (12.0, 2.0),
        _ => (8.0, 1.0),
    }
}

fn lanes_height(stage: &StagePicture) -> f64 {
    let lanes = stage.lanes.len();
    let (height, space) = lane_height(lanes);
    if lanes > MOST_LANES { CURVE } else { lanes as f64 * (height + space) }
}

fn has_queue(stage: &StagePicture) -> bool {
    stage.queued.iter().any(|(_, items)| *items > 0)
}

impl Row<'_> {
    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    fn draw(&self, svg: &mut Svg, axis: &Axis, style: Style) {
        self.who(svg);
        let mut y = self.top;
        if !self.stage.marks.is_empty() {
            marks(svg, axis, &self.stage.marks, y + MARKS / 2.0);
            y += MARKS;
        }
        if self.stage.lanes.len() > MOST_LANES {
            self.curve(svg, axis, y);
        } else {
            self.lanes(svg, axis, style, y);
        }
        if has_queue(self.stage) {
            self.queue(svg, axis, y + lanes_height(self.stage) + 4.0);
        }
        self.shares(svg);
    }

    /// The colour of what is busy.
    fn class(&self) -> &'static str {
        if self.stage.is_limit { "limit" } else { "busy" }
    }

    /// The first column: which stage, and what came of it.
    fn who(&self, svg: &mut Svg) {
        let stage = self.stage;
        let name: String = match stage.name.chars().count() {
            0..=MOST_CHARS => stage.name.to_string(),
            _ => stage.name.chars().take(MOST_CHARS - 1).chain(['…']).collect(),
        };
        let class = if stage.is_limit { "n a" } else { "n" };
        svg.text_of(class, (MARGIN, self.top + 14.0), &name, &stage.name);
        svg.text("s", MARGIN, self.top + 31.0, &stage.workers());
        let Some(stats) = &stage.stats else { return };
        svg.text("s", MARGIN, self.top + 47.0, &things(stats.items, "item", "items"));
        let troubles = [
            (stats.errors, "error", "errors"),
            (stats.lost, "worker lost", "workers lost"),
            (stats.retries, "retry", "retries"),
        ];
        let troubles: Vec<_> = troubles.iter().filter(|(number, ..)| *number > 0).collect();
        let troubles: Vec<_> =
            troubles.iter().map(|(number, one, many)| things(*number, one, many)).collect();
        if !troubles.is_empty() {
            svg.text("s", MARGIN, self.top + 63.0, &troubles.join(", "));
        }
    }

    fn lanes(&self, svg: &mut Svg, axis: &Axis, style: Style, top: f64) {
        let (height, space) = lane_height(self.stage.lanes.len());
        let mut columns = Columns::new(axis, style.column);
        for (index, lane) in self.stage.lanes.iter().enumerate() {
            let y = top + index as f64 * (height + space);
            let (x, end) = (axis.place(self.run.begin), axis.place(self.run.end));
            svg.rect("lane", Area { x, y, width: end - x, height });
            svg.text("k e", LEFT - 8.0, y + height / 2.0 + 3.5, &self.stage.lane_name(index));
            if style.boxes {
                for span in &lane.spans {
                    let (x, end) = (axis.place(span.begin), axis.place(span.end));
                    let area = Area { x, y, width: (end - x).max(0.7), height };
                    svg.rect_of(self.class(), area, &describe(span));
                }
            } else {
                columns.add(lane, y + height / 2.0);
            }
        }
        columns.draw(svg, self.class(), height);
    }

    /// How many workers were busy.
    fn curve(&self, svg: &mut Svg, axis: &Axis, y: f64) {
        let mut busy = vec![0.0; (LANES / STEP) as usize];
        for lane in &self.stage.lanes {
            spread(&lane.spans, axis, STEP, &mut busy);
        }
        let (x, end) = (axis.place(self.run.begin), axis.place(self.run.end));
        svg.rect("lane", Area { x, y, width: end - x, height: CURVE });
        let most = self.stage.most.max(1) as f64;
        let heights = busy.iter().map(|busy| CURVE * (busy / most).min(1.0));
        let class = if self.stage.is_limit { "limit area" } else { "busy area" };
        svg.shape(class, &outline(heights, y + CURVE), "how many were busy");
        svg.text("k e", LEFT - 8.0, y + 9.0, &format!("{} busy", count(self.stage.most as u64)));
        svg.text("k e", LEFT - 8.0, y + CURVE, "0");
    }

    /// How many items waited before the stage.
    fn queue(&self, svg: &mut Svg, axis: &Axis, y: f64) {
        let mut depth = vec![0.0_f64; (LANES / STEP) as usize];
        let mut last = 0;
        let mut value = 0.0;
        for (at, items) in &self.stage.queued {
            let column = ((axis.place(*at) - LEFT) / STEP) as usize;
            let column = column.min(depth.len() - 1);
            // What it was, until it was looked at again.
            depth[last..column].fill(value);
            value = *items as f64;
            depth[column] = depth[column].max(value);
            last = column;
        }
        let most = self.stage.queued.iter().map(|(_, items)| *items).max().unwrap_or(0);
        let heights = depth.iter().map(|items| QUEUE * items / most.max(1) as f64);
        let title = format!("items that wait before the stage: up to {}", count(most));
        svg.shape("queue", &outline(heights, y + QUEUE), &title);
        svg.text("k e", LEFT - 8.0, y + 9.0, &format!("up to {}", count(most)));
        svg.text("k e", LEFT - 8.0, y + 21.0, "wait for it");
    }

    /// The last column: what the workers did with their time.
    fn shares(&self, svg: &mut Svg) {
        let Some(stats) = &self.stage.stats else { return };
        let all = stats.workers as f64 * (self.run.end - self.run.begin) as f64 / 1e9;
        let share =
            |time: std::time::Duration| (time.as_secs_f64() / all.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        let busy = share(stats.busy);
        let parts = [
            (self.class(), busy, "busy"),
            ("mates", (self.stage.busy - busy).clamp(0.0, 1.0 - busy), "busy with others"),
            ("input", share(stats.waiting_for_input), "waits for input"),
            ("output", share(stats.waiting_for_output), "waits for output"),
        ];
        let mut x = SHARES;
        let mut y = self.top + 14.0;
        svg.rect("lane", Area { x, y: self.top, width: SHARES_WIDTH, height: 6.0 });
        for (class, part, name) in parts {
            let width = (SHARES_WIDTH * part).min(SHARES + SHARES_WIDTH - x);
            if width >= 0.5 {
                svg.rect(class, Area { x, y: self.top, width, height: 6.0 });
                x += width;
            }
            if class == self.class() {
                let class = if self.stage.is_limit { "n a" } else { "n" };
                y += 7.0;
                svg.text(class, SHARES, y, &format!("{:.0} % busy", part * 100.0));
            } else if part >= 0.005 {
                y += 15.0;
                svg.text("s", SHARES, y, &format!("{:.0} % {name}", part * 100.0));
            }
        }
    }
}

/// What a span was.
fn describe(span: &Span) -> String {
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
struct Columns<'a> {
    axis: &'a Axis,
    width: f64,
    /// For each level, the bars of it.
    paths: [String; LEVELS.len()],
}

impl<'a> Columns<'a> {
    fn new(axis: &'a Axis, width: f64) -> Self {
        Self { axis, width, paths: Default::default() }
    }

    /// Adds a lane around the height `y`.
    fn add(&mut self, lane: &Lane, y: f64) {
        let mut busy = vec![0.0; (LANES / self.width).ceil() as usize];
        spread(&lane.spans, self.axis, self.width, &mut busy);
        let levels: Vec<_> = busy.iter().map(|busy| level(*busy)).collect();
        let mut begin = 0;
        for run in levels.chunk_by(|one, next| one == next) {
            if let Some(level) = run[0] {
                let x = LEFT + begin as f64 * self.width;
                let _ =
                    write!(self.paths[level], "M{} {}h{}", Px(x), Px(y), Px(run.len() as f64 * self.width));
            }
            begin += run.len();
        }
    }

    fn draw(&self, svg: &mut Svg, class: &str, thickness: f64) {
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
fn spread(spans: &[Span], axis: &Axis, width: f64, columns: &mut [f64]) {
    for span in spans {
        let (from, to) = ((axis.place(span.begin) - LEFT) / width, (axis.place(span.end) - LEFT) / width);
        let density = span.busy as f64 / (span.end - span.begin).max(1) as f64;
        let (first, last) = (from as usize, (to.ceil() as usize).min(columns.len()));
        for (index, column) in columns.iter_mut().enumerate().take(last).skip(first) {
            let part = to.min(index as f64 + 1.0) - from.max(index as f64);
            *column += density * part.max(0.0);
        }
    }
}

/// The outline of a curve over a base line.
fn outline(heights: impl Iterator<Item = f64>, base: f64) -> String {
    let mut path = format!("M{} {}", Px(LEFT), Px(base));
    let mut x = LEFT;
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
fn named(kind: MarkKind) -> (&'static str, &'static str) {
    match kind {
        MarkKind::Lost => ("lost", "worker lost"),
        MarkKind::Retried => ("retried", "tried again"),
        MarkKind::Failed => ("failed", "failed"),
    }
}

/// The shape of a mark at a place.
fn sign(kind: MarkKind, x: f64, y: f64) -> String {
    let (x, y) = (Px(x), Px(y));
    match kind {
        MarkKind::Lost => format!("M{x} {y}m-5 -5h10l-5 10Z"),
        MarkKind::Retried => format!("M{x} {y}m0 -5l5 5l-5 5l-5 -5Z"),
        MarkKind::Failed => format!("M{x} {y}m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z"),
    }
}

/// Marks above the lanes; neighbours of one kind become one. Losses are drawn last, above the others.
fn marks(svg: &mut Svg, axis: &Axis, marks: &[Mark], y: f64) {
    for kind in [MarkKind::Failed, MarkKind::Retried, MarkKind::Lost] {
        let (class, name) = named(kind);
        let of_kind: Vec<&Mark> = marks.iter().filter(|mark| mark.kind == kind).collect();
        let column = |mark: &Mark| (axis.place(mark.at) / MARK_STEP) as u64;
        for near in of_kind.chunk_by(|one, next| column(one) == column(next)) {
            let first = near[0];
            let number: u64 = near.iter().map(|mark| mark.count).sum();
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
