//! [`Track`]: what one stage of a run did, as spans on lanes, in bounded memory.
//!
//! A lane is a worker: a thread, a process, a future in flight, or the consumer while it helps. Workers
//! come and go, so a new one takes the lane of one that is gone as soon as there are as many lanes as
//! the stage may have workers: a lane is a place at which one works at a time.
//!
//! # The bound
//! A stage keeps [`MOST_SPANS`] spans. When there are more, neighbours on a lane become one as long as
//! the two together are no longer than a *grain*, which doubles until half of the room is free. A span
//! of several batches knows how many they were and how long they took; only where in it they lay is
//! forgotten. Marks (losses, retries, errors) are treated in the same way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use ori_errors::OriError;

use crate::engine::lock;

/// The most spans that a stage keeps.
pub(crate) const MOST_SPANS: usize = 16 * 1024;
/// The most marks of one kind that a stage keeps.
const MOST_MARKS: usize = 1024;
/// The most lanes of a stage; those who come when all are taken share the last one.
const MOST_LANES: usize = 512;
/// Where the grain begins, in nanoseconds.
const FIRST_GRAIN: u64 = 1024;
/// The most characters of an error that a mark keeps.
pub(super) const MOST_CHARS: usize = 160;

/// What the workers of a stage are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Threads,
    Processes,
    Futures,
}

/// Who ran a batch.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever takes the results.
    Consumer,
    Thread(ThreadId),
    Process(u32),
    Future,
    /// Those for whom there is no lane; their work adds up, and may be more than the time.
    Others,
}

/// Batches that one worker ran; times are in nanoseconds since the run began.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    /// The positions of the items of the first batch.
    pub(crate) positions: Range<u64>,
    pub(crate) items: u64,
    pub(crate) errors: u64,
    pub(crate) batches: u64,
    /// How much of the time was work.
    pub(crate) busy: u64,
    /// The process; 0 for several, or a thread.
    pub(crate) pid: u32,
    /// It had not ended when somebody looked.
    pub(crate) open: bool,
}

impl Span {
    pub(crate) fn of(begin: u64, end: u64, positions: Range<u64>, items: usize, errors: usize) -> Self {
        let end = end.max(begin);
        let (items, errors) = (items as u64, errors as u64);
        Self { begin, end, positions, items, errors, batches: 1, busy: end - begin, pid: 0, open: false }
    }

    fn unite(&mut self, next: &Self) {
        self.end = self.end.max(next.end);
        self.items += next.items;
        self.errors += next.errors;
        self.batches += next.batches;
        self.busy += next.busy;
        if self.pid != next.pid {
            self.pid = 0;
        }
    }
}

/// What happened at one moment.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// A worker was lost.
    Lost,
    /// An item is tried again.
    Retried,
    /// An item failed.
    Failed,
}

/// Something that happened, once or several times.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) at: u64,
    pub(crate) kind: MarkKind,
    pub(crate) count: u64,
    /// The first item that it happened to, and why, where that is known.
    pub(crate) item: Option<u64>,
    pub(crate) reason: String,
}

/// A place at which one worker works at a time.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) who: Who,
    pub(crate) spans: Vec<Span>,
    /// Since when a batch runs, and its first position.
    open: Option<(u64, u64)>,
    /// Its process is dead.
    vacant: bool,
}

impl Lane {
    pub(super) fn new(who: Who) -> Self {
        Self { who, spans: Vec::new(), open: None, vacant: false }
    }

    fn last_end(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.end)
    }
}

/// What one stage did.
pub(crate) struct Track {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// The most workers.
    pub(crate) most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: Vec<Lane>,
    /// Lanes without a future, where the workers are futures.
    free: BinaryHeap<Reverse<u32>>,
    spans: usize,
    /// Spans that are no longer than this together become one.
    grain: u64,
    marks: [Vec<Mark>; 3],
    mark_grain: u64,
}

/// A look at a track.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) lanes: Vec<Lane>,
    /// Sorted by time.
    pub(crate) marks: Vec<Mark>,
    pub(crate) grain: u64,
}

impl Track {
    pub(crate) fn new(name: Arc<str>, kind: Kind, most: usize) -> Self {
        Self { name, kind, most, state: Mutex::default() }
    }

    /// A batch begins; gives the lane that it is on.
    pub(crate) fn begin(&self, who: Who, at: u64, first: u64) -> u32 {
        let mut state = lock(&self.state);
        let lane = match who {
            Who::Future => state.lane_of_future(),
            who => state.lane_of(who, self.most),
        };
        let place = &mut state.lanes[lane];
        if place.who != Who::Others {
            place.open = Some((at, first));
        }
        u32::try_from(lane).unwrap_or(u32::MAX)
    }

    /// The batch on that lane has ended.
    pub(crate) fn end(&self, lane: u32, span: Span) {
        let mut state = lock(&self.state);
        let place = &mut state.lanes[lane as usize];
        place.open = None;
        if place.who == Who::Future {
            state.free.push(Reverse(lane));
        }
        // Somebody else has all of its items.
        if !span.positions.is_empty() {
            state.push(lane as usize, span);
        }
    }

    /// A process has run something.
    pub(crate) fn ran(&self, pid: u32, span: Span) {
        let mut state = lock(&self.state);
        let lane = state.lane_of(Who::Process(pid), self.most);
        state.push(lane, Span { pid, ..span });
    }

    /// A process has died, or was killed, while it ran something.
    pub(crate) fn died(&self, pid: u32, span: Span) {
        let mut state = lock(&self.state);
        let lane = state.lane_of(Who::Process(pid), self.most);
        state.push(lane, Span { pid, ..span });
        state.lanes[lane].vacant = true;
    }

    pub(crate) fn mark(&self, at: u64, kind: MarkKind, count: usize, why: Option<(u64, &OriError)>) {
        let (item, reason) = match why {
            Some((item, error)) => (Some(item), error.to_string().chars().take(MOST_CHARS).collect()),
            None => (None, String::new()),
        };
        lock(&self.state).mark(Mark { at, kind, count: count as u64, item, reason });
    }

    /// What was recorded until `now`; what runs, runs until then.
    pub(crate) fn look(&self, now: u64) -> Recorded {
        let state = lock(&self.state);
        let lanes = state.lanes.iter().map(|lane| {
            let mut lane = lane.clone();
            // Threads that were stuck when the run ended may have gone on.
            lane.spans.retain(|span| span.begin <= now);
            for span in &mut lane.spans {
                span.end = span.end.min(now);
                span.busy = span.busy.min(span.end - span.begin);
            }
            if let Some((begin, first)) = lane.open.filter(|(begin, _)| *begin < now) {
                let begin = begin.max(lane.last_end());
                lane.spans.push(Span { open: true, ..Span::of(begin, now, first..first + 1, 0, 0) });
            }
            lane
        });
        let lanes = lanes.filter(|lane| !lane.spans.is_empty()).collect();
        let mut marks: Vec<Mark> =
            state.marks.iter().flatten().filter(|mark| mark.at <= now).cloned().collect();
        marks.sort_by_key(|mark| mark.at);
        Recorded { lanes, marks, grain: state.grain }
    }
}

impl State {
    /// The lane of a worker: its own, a new one, that of one that is gone, or the last.
    fn lane_of(&mut self, who: Who, most: usize) -> usize {
        let is_free = |lane: &Lane| lane.open.is_none();
        let own = self.lanes.iter().position(|lane| lane.who == who && !lane.vacant && is_free(lane));
        if let Some(own) = own {
            return own;
        }
        // The consumer has a lane of its own beside those of the workers.
        let workers = self.lanes.iter().filter(|lane| lane.who != Who::Consumer).count();
        if who != Who::Consumer && workers >= most {
            let left = self.lanes.iter().enumerate();
            let left =
                left.filter(|(_, lane)| is_free(lane) && !matches!(lane.who, Who::Consumer | Who::Others));
            if let Some((index, _)) = left.min_by_key(|(_, lane)| (!lane.vacant, lane.last_end())) {
                self.lanes[index].who = who;
                self.lanes[index].vacant = false;
                return index;
            }
        }
        self.new_lane(who)
    }

    /// The lowest lane without a future.
    fn lane_of_future(&mut self) -> usize {
        match self.free.pop() {
            Some(Reverse(lane)) => lane as usize,
            None => self.new_lane(Who::Future),
        }
    }

    fn new_lane(&mut self, who: Who) -> usize {
        if self.lanes.len() < MOST_LANES {
            let who = if self.lanes.len() + 1 < MOST_LANES { who } else { Who::Others };
            self.lanes.push(Lane::new(who));
        }
        self.lanes.len() - 1
    }

    fn push(&mut self, lane: usize, mut span: Span) {
        let grain = self.grain;
        let lane = &mut self.lanes[lane];
        let shared = lane.who == Who::Others;
        if let Some(last) = lane.spans.last_mut() {
            if span.begin < last.end && !shared {
                // The clock of a process tells how long something took, not when it began.
                span.begin = last.end;
                span.end = span.end.max(span.begin);
                span.busy = span.end - span.begin;
            }
            if span.begin < last.end || grain > 0 && span.end - last.begin <= grain {
                last.unite(&span);
                return;
            }
        }
        lane.spans.push(span);
        self.spans += 1;
        if self.spans > MOST_SPANS {
            self.coarsen();
        }
    }

    /// Doubles the grain until half of the room is free.
    fn coarsen(&mut self) {
        while self.spans > MOST_SPANS / 2 {
            self.grain = (self.grain * 2).max(FIRST_GRAIN);
            let grain = self.grain;
            for lane in &mut self.lanes {
                lane.spans.dedup_by(|next, before| {
                    let fits = next.end - before.begin <= grain;
                    if fits {
                        before.unite(next);
                    }
                    fits
                });
            }
            self.spans = self.lanes.iter().map(|lane| lane.spans.len()).sum();
        }
    }

    fn mark(&mut self, mark: Mark) {
        let grain = self.mark_grain;
        let marks = &mut self.marks[mark.kind as usize];
        if let Some(last) = marks.last_mut().filter(|last| mark.at.saturating_sub(last.at) < grain) {
            last.count += mark.count;
            return;
        }
        marks.push(mark);
        while self.marks.iter().any(|marks| marks.len() > MOST_MARKS) {
            self.mark_grain = (self.mark_grain * 2).max(FIRST_GRAIN);
            let grain = self.mark_grain;
            for marks in &mut self.marks {
                marks.dedup_by(|next, before| {
                    let fits = next.at.saturating_sub(before.at) < grain;
                    if fits {
                        before.count += next.count;
                    }
                    fits
                });
            }
        }
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Track").field("name", &self.name).finish_non_exhaustive()
    }
}
