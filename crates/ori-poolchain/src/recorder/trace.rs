//! A trace in the Chrome format (the "Trace Event Format"), for Perfetto and `chrome://tracing`.
//!
//! A stage is a process of the trace, a lane is a thread of it, a span is a complete event (`X`). Flows
//! (`s` and `f`) lead from a stage's span to the spans of the next stage that hold the same items; where
//! a span is that of several batches, it is the items of its first one that count. Process and thread
//! numbers are those of stages and lanes, not of the system; 0 is avoided, since Perfetto takes it for
//! the idle task.

use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};

use super::picture::{Picture, RunPicture, StagePicture};
use super::track::{Mark, MarkKind, Span, Who};

/// Writes the trace of a picture.
pub(super) fn write(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Document(picture))?;
    out.write_all(b"\n")
}

struct Document<'p>(&'p Picture);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("displayTimeUnit", "ms")?;
        let limit = self.0.limit.as_ref().map_or("no stage", |limit| &limit.what);
        map.serialize_entry("otherData", &Other { limited_by: limit, over: self.0.is_over() })?;
        map.serialize_entry("traceEvents", &Events(self.0))?;
        map.end()
    }
}

#[derive(Serialize)]
struct Other<'p> {
    limited_by: &'p str,
    over: bool,
}

/// One line of the trace; what does not apply is left out.
#[derive(Default, Serialize)]
struct Event<'p> {
    ph: &'static str,
    name: &'p str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cat: &'static str,
    pid: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<usize>,
    /// In microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    /// Where a flow ends: at the span around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    /// How far an instant is seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Args<'p>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Args<'p> {
    Name {
        name: &'p str,
    },
    Order {
        sort_index: usize,
    },
    Span(SpanArgs),
    Mark {
        count: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        item: Option<u64>,
        #[serde(skip_serializing_if = "str::is_empty")]
        reason: &'p str,
    },
    Items {
        items: u64,
    },
}

#[derive(Serialize)]
struct SpanArgs {
    items: u64,
    /// The position of the first one.
    first: u64,
    /// The position after the last one, of the first batch if there are several.
    end: u64,
    #[serde(skip_serializing_if = "is_zero")]
    errors: u64,
    batches: u64,
    /// Of the span's time, how much was work.
    busy_us: f64,
    #[serde(skip_serializing_if = "is_zero")]
    process: u64,
    /// It had not ended when this was written, or when its run was over.
    #[serde(skip_serializing_if = "is_false")]
    unfinished: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Nanoseconds as the microseconds of a trace.
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

struct Events<'p>(&'p Picture);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        let mut numbers = Numbers { process: 0, thread: 0, flow: 0 };
        for (index, run) in self.0.runs.iter().enumerate() {
            let several = self.0.runs.len() > 1;
            write_run(run, several.then_some(index + 1), &mut numbers, &mut |event| {
                seq.serialize_element(&event)
            })?;
        }
        seq.end()
    }
}

/// The numbers used last.
struct Numbers {
    process: usize,
    thread: usize,
    flow: usize,
}

/// What takes the events in.
type Put<'s, E> = dyn FnMut(Event<'_>) -> Result<(), E> + 's;

fn write_run<E>(
    run: &RunPicture,
    number: Option<usize>,
    numbers: &mut Numbers,
    put: &mut Put<'_, E>,
) -> Result<(), E> {
    numbers.process += 1;
    let chain = numbers.process;
    let name = number.map_or_else(|| "chain".to_owned(), |number| format!("chain {number}"));
    name_process(chain, &name, put)?;
    for (at, items) in &run.inside {
        put(counter("items inside", chain, *at, *items))?;
    }
    let mut before: Option<Placed<'_>> = None;
    for stage in &run.stages {
        numbers.process += 1;
        let placed = Placed { stage, process: numbers.process, first_thread: numbers.thread + 1 };
        numbers.thread += stage.lanes.len();
        placed.write(put)?;
        if let Some(before) = &before {
            flows(before, &placed, numbers, put)?;
        }
        before = Some(placed);
    }
    Ok(())
}

fn name_process<E>(pid: usize, name: &str, put: &mut Put<'_, E>) -> Result<(), E> {
    put(Event { ph: "M", name: "process_name", pid, args: Some(Args::Name { name }), ..Event::default() })?;
    let order = Some(Args::Order { sort_index: pid });
    put(Event { ph: "M", name: "process_sort_index", pid, args: order, ..Event::default() })
}

fn counter(name: &str, pid: usize, at: u64, items: u64) -> Event<'_> {
    Event { ph: "C", name, pid, ts: Some(micros(at)), args: Some(Args::Items { items }), ..Event::default() }
}

/// A stage and its numbers in the trace.
struct Placed<'p> {
    stage: &'p StagePicture,
    process: usize,
    first_thread: usize,
}

impl<'p> Placed<'p> {
    fn write<E>(&self, put: &mut Put<'_, E>) -> Result<(), E> {
        let Self { stage, process: pid, .. } = *self;
        let limit = match stage.is_limit {
            true => format!(" — limits the run, busy {:.0} %", 100.0 * stage.busy),
            false => String::new(),
        };
        name_process(pid, &format!("{} ({}){limit}", stage.name, stage.workers()), put)?;
        for (at, items) in &stage.queued {
            put(counter("items waiting", pid, *at, *items))?;
        }
        for (index, lane) in stage.lanes.iter().enumerate() {
            let tid = Some(self.first_thread + index);
            let name = stage.lane_name(index);
            let event = || Event { ph: "M", pid, tid, ..Event::default() };
            put(Event { name: "thread_name", args: Some(Args::Name { name: &name }), ..event() })?;
            let order = Some(Args::Order { sort_index: index + 1 });
            put(Event { name: "thread_sort_index", args: order, ..event() })?;
            for span in &lane.spans {
                put(self.span(span, tid))?;
            }
        }
        stage.marks.iter().try_for_each(|mark| put(self.mark(mark)))
    }

    fn span(&self, span: &Span, tid: Option<usize>) -> Event<'p> {
        let Span { begin, end, positions, items, errors, batches, busy, pid, open } = span;
        let args = SpanArgs {
            items: *items,
            first: positions.start,
            end: positions.end,
            errors: *errors,
            batches: *batches,
            busy_us: micros(*busy),
            process: u64::from(*pid),
            unfinished: *open,
        };
        Event {
            ph: "X",
            name: &self.stage.name,
            cat: "batch",
            pid: self.process,
            tid,
            ts: Some(micros(*begin)),
            dur: Some(micros(end - begin)),
            args: Some(Args::Span(args)),
            ..Event::default()
        }
    }

    fn mark(&self, mark: &'p Mark) -> Event<'p> {
        let Mark { at, kind, count, item, reason } = mark;
        let name = match kind {
            MarkKind::Lost => "worker lost",
            MarkKind::Retried => "tried again",
            MarkKind::Failed => "failed",
        };
        Event {
            ph: "i",
            name,
            cat: "mark",
            pid: self.process,
            tid: Some(self.first_thread),
            ts: Some(micros(*at)),
            s: Some("p"),
            args: Some(Args::Mark { count: *count, item: *item, reason }),
            ..Event::default()
        }
    }

    /// Its spans in the order of the items that they held, with their lanes.
    fn by_position(&self) -> Vec<(usize, &'p Span)> {
        let lanes = self.stage.lanes.iter().enumerate().filter(|(_, lane)| lane.who != Who::Others);
        let spans = lanes.flat_map(|(index, lane)| lane.spans.iter().map(move |span| (index, span)));
        let mut spans: Vec<_> = spans.filter(|(_, span)| !span.positions.is_empty()).collect();
        spans.sort_by_key(|(_, span)| (span.positions.start, span.begin));
        spans
    }
}

/// Arrows from the spans of a stage to those of the next one that hold the same items.
fn flows<E>(
    from: &Placed<'_>,
    to: &Placed<'_>,
    numbers: &mut Numbers,
    put: &mut Put<'_, E>,
) -> Result<(), E> {
    let sources = from.by_position();
    let mut next_source = 0;
    for (lane, target) in to.by_position() {
        // An item that was tried again is in several spans: those that are over for good are passed by.
        while sources.get(next_source).is_some_and(|(_, one)| one.positions.end <= target.positions.start) {
            next_source += 1;
        }
        for (source_lane, source) in &sources[next_source..] {
            if source.positions.start >= target.positions.end {
                break;
            }
            if source.positions.end <= target.positions.start || source.begin > target.end {
                continue;
            }
            numbers.flow += 1;
            // Within both spans, and not backwards.
            let leaves = source.end.saturating_sub(1).clamp(source.begin, source.begin.max(target.end));
            let arrives = target.begin.max(leaves);
            let event = |ph, placed: &Placed<'_>, lane, at| Event {
                ph,
                name: "items",
                cat: "items",
                pid: placed.process,
                tid: Some(placed.first_thread + lane),
                ts: Some(micros(at)),
                id: Some(numbers.flow),
                ..Event::default()
            };
            put(event("s", from, *source_lane, leaves))?;
            put(Event { bp: Some("e"), ..event("f", to, lane, arrives) })?;
        }
    }
    Ok(())
}
