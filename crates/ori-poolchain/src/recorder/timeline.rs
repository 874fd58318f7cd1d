//! A run as a picture for people: stages as rows, their workers as lanes, time from left to right.
//!
//! Three columns: who works, when he was busy, and what he did with his time. The stage that limits the
//! run has the one warm colour, and stands in the second line of the head.
//!
//! # The size
//! Where there are few spans each is a box of its own that tells what it was. Where there are many, a
//! lane is cut into columns, and how dark a column is says how much of it was work; columns are wider
//! when there are many lanes. A stage with very many workers is one curve: how many of them were busy.

use std::io::{self, Write};

use super::axis::{Axis, count, things, time};
use super::bars::{Columns, STEP, describe, marks, named, outline, sign, spread};
use super::picture::{Limit, Picture, RunPicture, StagePicture};
use super::svg::{Area, Svg};
use super::track::MarkKind;
use crate::StageStats;

const WIDTH: f64 = 1180.0;
const MARGIN: f64 = 16.0;
/// Where lanes begin and end.
const LEFT: f64 = 238.0;
const LANES: f64 = 720.0;
/// The last column.
const SHARES: f64 = LEFT + LANES + 22.0;
const SHARES_WIDTH: f64 = WIDTH - SHARES - MARGIN;
const HEAD: f64 = 128.0;
/// The least height of a stage, for what stands beside its lanes, and of each line more.
const LEAST: f64 = 66.0;
const LINE: f64 = 16.0;
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
/// Marks of one kind that are nearer are one, in so many stages; in more, those farther apart too.
const MARK_STEP: f64 = 9.0;
const FINE_MARKS: usize = 4;
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
    /// Marks of one kind that are nearer are one.
    near: f64,
}

impl Style {
    fn of(picture: &Picture) -> Self {
        let spans: usize = picture.stages().flat_map(|stage| &stage.lanes).map(|lane| lane.spans.len()).sum();
        let lanes = picture.stages().map(|stage| stage.lanes.len()).filter(|lanes| *lanes <= MOST_LANES);
        let lanes: usize = lanes.sum();
        let marked = picture.stages().filter(|stage| !stage.marks.is_empty()).count();
        Self {
            boxes: spans <= MOST_BOXES,
            column: lanes.div_ceil(FINE_LANES).max(1) as f64,
            near: MARK_STEP * marked.div_ceil(FINE_MARKS).max(1) as f64,
        }
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
            let lines = stage.stats.as_ref().map_or(0, |stats| troubles(stats).len());
            let height = (marks + lanes_height(stage) + queue).max(LEAST + LINE * lines as f64);
            rows.push(Row { run, stage, heading, top: y, height });
            y += height + GAP;
        }
    }
    rows
}

/// What went wrong in a stage.
fn troubles(stats: &StageStats) -> Vec<String> {
    let troubles = [
        (stats.errors, "error", "errors"),
        (stats.lost, "worker lost", "workers lost"),
        (stats.retries, "retry", "retries"),
    ];
    let troubles = troubles.iter().filter(|(number, ..)| *number > 0);
    troubles.map(|(number, one, many)| things(*number, one, many)).collect()
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
            marks(svg, axis, style.near, &self.stage.marks, y + MARKS / 2.0);
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
        for (line, trouble) in troubles(stats).iter().enumerate() {
            svg.text("s", MARGIN, self.top + 63.0 + LINE * line as f64, trouble);
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
        svg.shape(class, &outline(axis, heights, y + CURVE), "how many were busy");
        svg.text("k e", LEFT - 8.0, y + 9.0, &format!("{} busy", count(self.stage.most as u64)));
        svg.text("k e", LEFT - 8.0, y + CURVE, "0");
    }

    /// How many items waited before the stage.
    fn queue(&self, svg: &mut Svg, axis: &Axis, y: f64) {
        let mut depth = vec![0.0_f64; (LANES / STEP) as usize];
        let column = |at: u64| (((axis.place(at) - LEFT) / STEP) as usize).min(depth.len() - 1);
        let looks: Vec<_> =
            self.stage.queued.iter().map(|(at, items)| (column(*at), *items as f64)).collect();
        for pair in looks.windows(2) {
            let [(from, before), (to, after)] = [pair[0], pair[1]];
            // What lay between two looks is not known; a straight line is the best guess.
            for (column, items) in depth.iter_mut().enumerate().take(to + 1).skip(from) {
                let part = (column - from) as f64 / (to - from).max(1) as f64;
                *items = items.max(before + part * (after - before));
            }
        }
        let most = self.stage.queued.iter().map(|(_, items)| *items).max().unwrap_or(0);
        let heights = depth.iter().map(|items| QUEUE * items / most.max(1) as f64);
        let title = format!("items that wait before the stage: up to {}", count(most));
        svg.shape("queue", &outline(axis, heights, y + QUEUE), &title);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::track::{Kind, Lane, MOST_CHARS as MOST_OF_A_REASON, MOST_SPANS, Mark, Span, Who};

    /// As much as can be recorded of so many stages: on each lane work and rest in turn, never alike in
    /// two columns, and marks of all kinds all over.
    fn picture(stages: u64) -> Picture {
        const LANES: u64 = MOST_LANES as u64;
        const TICK: u64 = 1_000_000;
        let spans = MOST_SPANS as u64 / LANES;
        let lane = |number: u64| {
            let span = |n: u64| Span {
                busy: (n + number) % 7 * TICK / 14,
                ..Span::of(n * TICK, n * TICK + TICK / 2, n..n + 1, 1, 0)
            };
            let mut lane = Lane::new(Who::Others);
            lane.spans = (0..spans).map(span).collect();
            lane
        };
        let mark = |n: u64, kind| Mark {
            at: n * TICK,
            kind,
            count: 2,
            item: Some(n),
            reason: "x".repeat(MOST_OF_A_REASON),
        };
        let marks = [MarkKind::Lost, MarkKind::Retried, MarkKind::Failed];
        let stage = |_| StagePicture {
            name: "stage".into(),
            kind: Kind::Threads,
            most: MOST_LANES,
            lanes: (0..LANES).map(lane).collect(),
            marks: marks.iter().flat_map(|kind| (0..1024).map(|n| mark(n, *kind))).collect(),
            grain: TICK,
            queued: (0..2048).map(|n| (n * TICK / 2, n * 7919 % 1000)).collect(),
            stats: None,
            busy: 0.0,
            is_limit: false,
        };
        let end = spans * TICK;
        let run = RunPicture {
            begin: 0,
            end,
            is_over: true,
            stages: (0..stages).map(stage).collect(),
            inside: Vec::new(),
            results: None,
        };
        Picture { runs: vec![run], end, limit: None }
    }

    #[test]
    fn a_drawing_of_all_that_can_be_recorded_is_small() {
        for stages in [1, 4, 16] {
            let bytes = draw(&picture(stages)).len();
            assert!(bytes < 500_000, "{stages} stages: {bytes} bytes");
        }
    }
}
