//! What a recorder tells of a run, read back from the files that it writes.

mod bounds;
mod files;
mod stages;
#[cfg(feature = "async")]
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ori_poolchain::Recorder;
use serde_json::Value;

/// A trace as a viewer reads it. Reading it checks what holds for every trace.
struct Trace {
    over: bool,
    limited_by: String,
    /// By the number of the process.
    stages: BTreeMap<u64, Stage>,
    /// From a stage and a span to another.
    flows: Vec<[(u64, usize); 2]>,
}

#[derive(Default)]
struct Stage {
    name: String,
    lanes: BTreeMap<u64, String>,
    spans: Vec<Span>,
    marks: Vec<Mark>,
    /// What counters said.
    counts: Vec<(String, u64)>,
}

#[derive(Clone, Debug)]
struct Span {
    lane: u64,
    begin: f64,
    end: f64,
    items: u64,
    positions: (u64, u64),
    errors: u64,
    batches: u64,
    process: u64,
    unfinished: bool,
}

#[derive(Debug)]
struct Mark {
    name: String,
    count: u64,
    item: Option<u64>,
    reason: String,
}

/// Half a nanosecond, in microseconds: times are written as decimal fractions.
const ROUNDED: f64 = 0.000_5;

impl Trace {
    fn of(recorder: &Recorder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        recorder.write_trace(&path).unwrap();
        Self::read(&path)
    }

    fn read(path: &Path) -> Self {
        let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let mut trace = Self {
            over: document["otherData"]["over"].as_bool().unwrap(),
            limited_by: document["otherData"]["limited_by"].as_str().unwrap().to_owned(),
            stages: BTreeMap::new(),
            flows: Vec::new(),
        };
        let events = document["traceEvents"].as_array().unwrap();
        for event in events {
            trace.take(event);
        }
        trace.check();
        let (mut starts, mut ends) = (BTreeMap::new(), BTreeMap::new());
        for event in events {
            let ends = match event["ph"].as_str().unwrap() {
                "s" => &mut starts,
                "f" => {
                    assert_eq!(event["bp"], "e");
                    &mut ends
                }
                _ => continue,
            };
            let old = ends.insert(event["id"].as_u64().unwrap(), (trace.span_at(event), at(event)));
            assert!(old.is_none(), "a flow begins and ends once: {event}");
        }
        assert!(starts.keys().eq(ends.keys()), "flows have both ends");
        for ((from, leaves), (to, arrives)) in starts.values().zip(ends.values()) {
            assert!(leaves <= arrives);
            trace.flows.push([*from, *to]);
        }
        trace
    }

    fn take(&mut self, event: &Value) {
        let pid = event["pid"].as_u64().unwrap();
        assert!(pid > 0, "0 is the idle task");
        let stage = self.stages.entry(pid).or_default();
        let args = &event["args"];
        let number = |name: &str| args[name].as_u64().unwrap_or_default();
        let text = |name: &str| args[name].as_str().unwrap_or_default().to_owned();
        match (event["ph"].as_str().unwrap(), event["name"].as_str().unwrap()) {
            ("M", "process_name") => stage.name = text("name"),
            ("M", "thread_name") => {
                stage.lanes.insert(event["tid"].as_u64().unwrap(), text("name"));
            }
            ("M", _) => {}
            ("X", name) => {
                assert!(stage.name.starts_with(name));
                let begin = at(event);
                stage.spans.push(Span {
                    lane: event["tid"].as_u64().unwrap(),
                    begin,
                    end: begin + event["dur"].as_f64().unwrap(),
                    items: number("items"),
                    positions: (number("first"), number("end")),
                    errors: number("errors"),
                    batches: number("batches"),
                    process: number("process"),
                    unfinished: args["unfinished"].as_bool().unwrap_or(false),
                });
                let span = stage.spans.last().unwrap();
                let alone = stage.lanes[&span.lane] != "others";
                assert!(
                    !alone || args["busy_us"].as_f64().unwrap() <= span.end - span.begin + ROUNDED,
                    "{span:?}"
                );
            }
            ("C", name) => stage.counts.push((name.to_owned(), number("items"))),
            ("i", name) => {
                at(event);
                let mark = Mark {
                    name: name.to_owned(),
                    count: number("count"),
                    item: args["item"].as_u64(),
                    reason: text("reason"),
                };
                stage.marks.push(mark);
            }
            ("s" | "f", _) => {}
            _ => panic!("an unknown event: {event}"),
        }
    }

    /// One lane is one worker, which does one thing at a time.
    fn check(&mut self) {
        let mut lanes = BTreeSet::new();
        for stage in self.stages.values_mut() {
            stage.spans.sort_by(|a, b| (a.lane, a.begin).partial_cmp(&(b.lane, b.begin)).unwrap());
            for lane in stage.lanes.keys() {
                assert!(lanes.insert(*lane), "a lane belongs to one stage");
            }
            for pair in stage.spans.windows(2).filter(|pair| pair[0].lane == pair[1].lane) {
                assert!(pair[0].end <= pair[1].begin + ROUNDED, "{pair:?}");
            }
            assert!(stage.spans.iter().all(|span| stage.lanes.contains_key(&span.lane)));
        }
    }

    /// The span around an event.
    fn span_at(&self, event: &Value) -> (u64, usize) {
        let (pid, tid, at) = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap(), at(event));
        let mut around =
            self.stages[&pid].spans.iter().enumerate().filter(|(_, span)| {
                span.lane == tid && span.begin <= at + ROUNDED && at <= span.end + ROUNDED
            });
        (pid, around.next_back().expect("it is in a span").0)
    }

    /// The stages, without what stands for the chain.
    fn stages(&self) -> Vec<&Stage> {
        self.stages.values().filter(|stage| !stage.name.starts_with("chain")).collect()
    }

    fn end(&self) -> f64 {
        self.stages.values().flat_map(|stage| &stage.spans).map(|span| span.end).fold(0.0, f64::max)
    }
}

fn at(event: &Value) -> f64 {
    let at = event["ts"].as_f64().unwrap();
    assert!(at >= 0.0);
    at
}

impl Stage {
    fn items(&self) -> u64 {
        self.spans.iter().map(|span| span.items).sum()
    }

    /// How often this has happened.
    fn marks(&self, name: &str) -> u64 {
        self.marks.iter().filter(|mark| mark.name == name).map(|mark| mark.count).sum()
    }

    /// Each of so many items was in one batch.
    fn assert_covers(&self, items: u64) {
        assert_eq!(self.items(), items, "{}", self.name);
        let mut ranges: Vec<_> = self.spans.iter().map(|span| span.positions).collect();
        ranges.sort_unstable();
        let mut next = 0;
        for (first, end) in ranges {
            assert_eq!(first, next, "{}", self.name);
            assert!(end > first);
            next = end;
        }
        assert_eq!(next, items, "{}", self.name);
    }
}

/// The drawing, whose elements must fit into each other.
fn svg_of(recorder: &Recorder) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("timeline.svg");
    recorder.write_timeline(&path).unwrap();
    let svg = fs::read_to_string(&path).unwrap();
    assert_is_svg(&svg);
    svg
}

fn assert_is_svg(svg: &str) {
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "));
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a tag has an end");
        assert!(!text.contains('>') && tag.matches('"').count() % 2 == 0, "{tag}");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        match (tag.strip_prefix('/'), tag.ends_with('/')) {
            (Some(_), _) => assert_eq!(open.pop(), Some(name)),
            (None, false) => open.push(name),
            (None, true) => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
