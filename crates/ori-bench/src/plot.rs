//! The plots of the document: bars side by side, a goal as a line across the bar it is for.
//!
//! Drawn by plotters as SVG. A reader's dark mode swaps the colours of paper and ink, so that one
//! file serves both.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::contest::{self, Limit, Unit, rate};
use crate::harness;
use crate::report::{digits, time};
use crate::scenario::{Goal, Measure};

const WIDTH: u32 = 860;
/// Where the bars begin and end.
const LEFT: i32 = 150;
const RIGHT: i32 = 770;
const BAR: i32 = 15;
const ROW: i32 = 18;
const HEADING: i32 = 30;
const TOP: i32 = 62;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(31, 35, 40);
const FAINT: RGBColor = RGBColor(208, 215, 222);
const OURS: RGBColor = RGBColor(47, 129, 247);
const OTHERS: RGBColor = RGBColor(139, 148, 158);
const GOAL: RGBColor = RGBColor(219, 109, 40);

/// What dark mode makes of paper, ink and lines; the others are seen on both.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) {\
    [fill=\"#FFFFFF\"] { fill: #0d1117 } [fill=\"#1F2328\"] { fill: #e6edf3 } \
    [stroke=\"#D0D7DE\"] { stroke: #30363d } }</style>";

/// A drawing and where it belongs.
#[derive(Debug)]
pub(crate) struct Plot {
    /// The end of its file's name.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) svg: String,
}

/// What is drawn, of whatever was measured.
struct Plan {
    name: &'static str,
    title: &'static str,
    ids: &'static [&'static str],
    scale: Scale,
    show: fn(f64) -> String,
}

#[derive(Clone, Copy, PartialEq)]
enum Scale {
    /// From zero.
    Even,
    /// Each step ten times the one before.
    Decades,
}

const PLANS: &[Plan] = &[
    Plan {
        name: "efficiency",
        title: "Chains: efficiency in % of all cores (more is better)",
        ids: &["B", "C", "D", "E", "F", "G", "G2"],
        scale: Scale::Even,
        show: |percent| format!("{percent:.0} %"),
    },
    Plan {
        name: "light",
        title: "Chains of items that cost next to nothing: time an item (less is better)",
        ids: &["A", "L", "T"],
        scale: Scale::Decades,
        show: time,
    },
    Plan {
        name: "memory",
        title: "Chains: peak memory for 10 million items in MiB (less is better)",
        ids: &["M"],
        scale: Scale::Even,
        show: |mebibytes| format!("{} MiB", digits(mebibytes)),
    },
    Plan {
        name: "pool-rates",
        title: "Worker processes: numbers there and back, a second (more is better)",
        ids: &["pool-serial", "pool-pipelined", "pool-batches"],
        scale: Scale::Decades,
        show: |figure| format!("{}/s", rate(figure)),
    },
    Plan {
        name: "pool-bytes",
        title: "Worker processes: bytes (more is better)",
        ids: &["pool-bytes", "pool-echo"],
        scale: Scale::Even,
        show: |figure| format!("{} GB/s", digits(figure)),
    },
    Plan {
        name: "pool-start",
        title: "Worker processes: from nothing to the first result (less is better)",
        ids: &["pool-start", "pool-start-1g"],
        scale: Scale::Decades,
        show: time,
    },
    Plan {
        name: "pool-efficiency",
        title: "Two worker processes that compute: efficiency in % (more is better)",
        ids: &["pool-1ms", "pool-10us"],
        scale: Scale::Even,
        show: |percent| format!("{percent:.0} %"),
    },
    Plan {
        name: "lines",
        title: "Reading a command's lines: time a line (less is better)",
        ids: &["lines"],
        scale: Scale::Even,
        show: time,
    },
    Plan {
        name: "aio",
        title: "Files, queues, tasks, messages: time each (less is better)",
        ids: &[
            "write-4k",
            "write-4k-x16",
            "write-durable",
            "queue-async",
            "queue-sync",
            "tasks",
            "bgprocess",
        ],
        scale: Scale::Decades,
        show: time,
    },
];

struct Group {
    heading: String,
    bars: Vec<Bar>,
}

struct Bar {
    name: &'static str,
    figure: f64,
    goal: Option<f64>,
}

/// Draws whatever all scenarios of a plot were measured for.
///
/// # Errors
/// The drawing failed.
pub(crate) fn draw(outcomes: &[harness::Outcome], results: &[contest::Outcome]) -> Result<Vec<Plot>, String> {
    let mut plots = Vec::new();
    for plan in PLANS {
        let group = |id: &&str| {
            let scenario = outcomes.iter().find(|outcome| outcome.plan.scenario.id == *id).map(of_scenario);
            scenario.or_else(|| results.iter().find(|outcome| outcome.contest.id == *id).map(of_contest))
        };
        let groups: Option<Vec<Group>> = plan.ids.iter().map(group).collect();
        if let Some(groups) = groups {
            let svg = picture(plan, &groups).map_err(|error| format!("plot {}: {error}", plan.name))?;
            plots.push(Plot { name: plan.name, title: plan.title, svg });
        }
    }
    Ok(plots)
}

fn of_scenario(outcome: &harness::Outcome) -> Group {
    let scenario = outcome.plan.scenario;
    let goal = match scenario.goal {
        Some(Goal::AtLeast(goal) | Goal::AtMost(goal)) => Some(goal),
        Some(Goal::Sequential) => outcome.rows.first().map(|row| row.figure.median),
        None => None,
    };
    // A plain loop on one core of two has half of them.
    let is_drawn = |name: &str| scenario.measure != Measure::Efficiency || !name.starts_with("sequential");
    let bars = outcome.rows.iter().filter(|row| is_drawn(row.name));
    Group {
        heading: format!("{}: {}", scenario.id, scenario.title),
        bars: bars
            .map(|row| Bar {
                name: row.name,
                figure: row.figure.median,
                goal: goal.filter(|_| row.name.starts_with("ours")),
            })
            .collect(),
    }
}

fn of_contest(outcome: &contest::Outcome) -> Group {
    let median = |row: &contest::Row| outcome.figure(row).median;
    let first = outcome.rows.first().map_or(0.0, median);
    let goal = |limit| match limit {
        Limit::Times(times) => first * times,
        Limit::Share(share) => first * share,
        Limit::Rate(goal) if outcome.contest.unit == Unit::Bytes => goal / 1e9,
        Limit::Nanos(goal) | Limit::Rate(goal) | Limit::Efficiency(goal) => goal,
    };
    let bar = |row: &contest::Row| Bar {
        name: row.contestant.name,
        figure: median(row),
        goal: row.contestant.goal.map(goal),
    };
    Group {
        heading: format!("{}: {}", outcome.contest.id, outcome.contest.title),
        bars: outcome.rows.iter().map(bar).collect(),
    }
}

fn picture(plan: &Plan, groups: &[Group]) -> Result<String, Box<dyn std::error::Error>> {
    let rows: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = TOP + groups.len() as i32 * HEADING + rows as i32 * ROW + 14;
    let axis = Axis::of(plan, groups);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height as u32)).into_drawing_area();
        root.fill(&PAPER)?;
        let style = |size: i32, color: RGBColor, at: HPos| {
            ("sans-serif", size).into_font().color(&color).pos(Pos::new(at, VPos::Center))
        };
        root.draw(&Text::new(plan.title, (12, 18), style(17, INK, HPos::Left)))?;
        for figure in axis.marks() {
            let x = axis.place(figure);
            root.draw(&PathElement::new([(x, TOP - 8), (x, height - 10)], FAINT))?;
            root.draw(&Text::new((plan.show)(figure), (x, TOP - 18), style(12, INK, HPos::Center)))?;
        }
        let mut y = TOP;
        for group in groups {
            root.draw(&Text::new(
                group.heading.as_str(),
                (12, y + HEADING / 2 + 3),
                style(13, INK, HPos::Left),
            ))?;
            y += HEADING;
            for Bar { name, figure, goal } in &group.bars {
                let color = if name.starts_with("ours") { OURS } else { OTHERS };
                let (end, middle) = (axis.place(*figure), y + BAR / 2);
                root.draw(&Text::new(*name, (LEFT - 8, middle), style(13, INK, HPos::Right)))?;
                root.draw(&Rectangle::new([(LEFT, y), (end.max(LEFT + 1), y + BAR)], color.filled()))?;
                root.draw(&Text::new((plan.show)(*figure), (end + 5, middle), style(12, INK, HPos::Left)))?;
                if let Some(goal) = goal {
                    let x = axis.place(*goal);
                    root.draw(&PathElement::new([(x, y - 1), (x, y + BAR + 1)], GOAL.stroke_width(3)))?;
                }
                y += ROW;
            }
        }
        root.draw(&Text::new("▏ goal of ours", (WIDTH as i32 - 12, 18), style(12, GOAL, HPos::Right)))?;
        root.present()?;
    }
    let head = svg.find("xmlns").and_then(|at| Some(at + svg[at..].find('>')? + 1)).unwrap_or(0);
    svg.insert_str(head, DARK);
    Ok(svg)
}

/// From figures to pixels.
struct Axis {
    scale: Scale,
    least: f64,
    most: f64,
}

impl Axis {
    fn of(plan: &Plan, groups: &[Group]) -> Self {
        let figures = || {
            groups.iter().flat_map(|group| &group.bars).flat_map(|bar| [Some(bar.figure), bar.goal]).flatten()
        };
        let most = figures().fold(0.0, f64::max);
        let least = figures().filter(|figure| *figure > 0.0).fold(most, f64::min);
        match plan.scale {
            Scale::Even => Self { scale: plan.scale, least: 0.0, most },
            // The shortest bar is still seen.
            Scale::Decades => {
                Self { scale: plan.scale, least: 10_f64.powf((least / 2.0).log10().floor()), most }
            }
        }
    }

    fn place(&self, figure: f64) -> i32 {
        let part = match self.scale {
            Scale::Even => figure / self.most,
            Scale::Decades => (figure / self.least).log10() / (self.most / self.least).log10(),
        };
        LEFT + (part.clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)) as i32
    }

    /// Round figures along it.
    fn marks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Even => {
                let rough = self.most / 5.0;
                let unit = 10_f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * unit);
                let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
                (0..).map(|n| f64::from(n) * step).take_while(|mark| *mark <= self.most).collect()
            }
            Scale::Decades => {
                (0..).map(|n| self.least * 10_f64.powi(n)).take_while(|mark| *mark <= self.most).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Group> {
        vec![Group {
            heading: "a <heading>".into(),
            bars: vec![
                Bar { name: "ours", figure: 90.0, goal: Some(50.0) },
                Bar { name: "other", figure: 0.2, goal: None },
            ],
        }]
    }

    #[test]
    fn a_picture_has_every_bar_with_its_name_and_figure() {
        for plan in PLANS {
            let svg = picture(plan, &groups()).expect("it can be drawn");
            for text in ["ours", "other", (plan.show)(90.0).as_str(), "a &lt;heading&gt;", DARK] {
                assert!(svg.contains(text), "no {text} in {svg}");
            }
            assert_eq!(svg.matches("#2F81F7").count(), 1, "one bar is ours");
        }
    }

    #[test]
    fn longer_bars_are_larger_figures() {
        for scale in [Scale::Even, Scale::Decades] {
            let plan = Plan { scale, ..PLANS[0] };
            let axis = Axis::of(&plan, &groups());
            assert!(LEFT < axis.place(0.2) || scale == Scale::Even);
            assert!(axis.place(0.2) < axis.place(50.0) && axis.place(50.0) < axis.place(90.0));
            assert_eq!(axis.place(90.0), RIGHT);
            assert!(axis.marks().len() >= 3, "{:?}", axis.marks());
        }
    }
}
