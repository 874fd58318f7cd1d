//! [`Picture`]: everything that was recorded, as it was at one moment, on one axis of time.

use std::sync::Arc;

use super::recording::{Depth, Recording};
use super::track::{Kind, Lane, Mark, Track, Who};
use crate::stats::{BUSY, Bottleneck, ChainStats, StageStats};

/// Times are in nanoseconds since the first run began.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) runs: Vec<RunPicture>,
    /// When the last of them ended, or now.
    pub(crate) end: u64,
    /// What limits all of them, if something does.
    pub(crate) limit: Option<Limit>,
}

#[derive(Debug)]
pub(crate) struct RunPicture {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) is_over: bool,
    pub(crate) stages: Vec<StagePicture>,
    pub(crate) inside: Vec<(u64, u64)>,
    /// Results that came out.
    pub(crate) results: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct StagePicture {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// The most workers.
    pub(crate) most: usize,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) marks: Vec<Mark>,
    /// Spans shorter than this are those of several batches, if it is not 0.
    pub(crate) grain: u64,
    /// How many items waited before it, and when.
    pub(crate) queued: Vec<(u64, u64)>,
    pub(crate) stats: Option<StageStats>,
    /// The part of the run for which its workers were busy, with it or with a stage that shares them.
    pub(crate) busy: f64,
    /// It limits the run.
    pub(crate) is_limit: bool,
}

/// What limits what was recorded.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// As a part of a sentence: "the stage `parse`".
    pub(crate) what: String,
    /// The part of the time for which that stage's workers were busy.
    pub(crate) busy: Option<f64>,
}

impl Picture {
    pub(crate) fn of(recordings: &[Arc<Recording>]) -> Self {
        let zero = recordings.iter().map(|recording| recording.started).min();
        let mut all_stats = Vec::new();
        let mut runs = Vec::new();
        for recording in recordings {
            let since = zero.map_or_else(Default::default, |zero| recording.started - zero);
            let begin = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
            let (stats, elapsed) = recording.figures();
            runs.push(RunPicture::of(recording, begin, elapsed, stats.as_ref()));
            all_stats.push(stats);
        }
        let end = runs.iter().map(|run| run.end).max().unwrap_or(0);
        let limit = limit(&mut runs, &all_stats);
        Self { runs, end, limit }
    }

    pub(crate) fn stages(&self) -> impl Iterator<Item = &StagePicture> {
        self.runs.iter().flat_map(|run| &run.stages)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.runs.iter().all(|run| run.is_over)
    }
}

/// Finds out what limits the runs, and says so to the stage that does.
fn limit(runs: &mut [RunPicture], stats: &[Option<ChainStats>]) -> Option<Limit> {
    if let ([run], [Some(stats)]) = (&mut *runs, stats) {
        let limit = stats.bottleneck()?;
        let mut busy = None;
        if let Bottleneck::Stage(slow) = limit {
            let index = stats.stages().iter().position(|stage| std::ptr::eq(stage, slow));
            let stage = index.and_then(|index| run.stages.get_mut(index))?;
            stage.is_limit = true;
            busy = Some(stage.busy);
        }
        return Some(Limit { what: limit.to_string(), busy });
    }
    // Of several chains, one may be the source of another: the busiest of all stages decides.
    let stages = runs.iter_mut().flat_map(|run| &mut run.stages);
    let busiest = stages.max_by(|a, b| a.busy.total_cmp(&b.busy)).filter(|stage| stage.busy >= BUSY)?;
    busiest.is_limit = true;
    Some(Limit { what: format!("the stage `{}`", busiest.name), busy: Some(busiest.busy) })
}

impl RunPicture {
    fn of(recording: &Recording, begin: u64, elapsed: u64, stats: Option<&ChainStats>) -> Self {
        let depths = recording.depths();
        let depths: Vec<Depth> = depths.into_iter().filter(|depth| depth.at <= elapsed).collect();
        let stage = |(index, track): (usize, &Arc<Track>)| {
            let recorded = track.look(elapsed);
            let (mut lanes, mut marks) = (recorded.lanes, recorded.marks);
            for span in lanes.iter_mut().flat_map(|lane| &mut lane.spans) {
                span.begin += begin;
                span.end += begin;
            }
            marks.iter_mut().for_each(|mark| mark.at += begin);
            // The consumer below the workers.
            lanes.sort_by_key(|lane| lane.who == Who::Consumer);
            let figures = stats.and_then(|stats| Some((stats, stats.stages().get(index)?)));
            StagePicture {
                name: Arc::clone(&track.name),
                kind: track.kind,
                most: track.most,
                lanes,
                marks,
                grain: recorded.grain,
                queued: depths
                    .iter()
                    .map(|depth| (depth.at + begin, depth.queued.get(index).copied().unwrap_or(0)))
                    .collect(),
                stats: figures.map(|(_, stage)| stage.clone()),
                busy: figures.map_or(0.0, |(stats, stage)| stats.busy_share(stage)),
                is_limit: false,
            }
        };
        Self {
            begin,
            end: begin + elapsed,
            is_over: stats.is_some_and(ChainStats::is_over),
            stages: recording.tracks.iter().enumerate().map(stage).collect(),
            inside: depths.iter().map(|depth| (depth.at + begin, depth.inside)).collect(),
            results: stats.map(ChainStats::results),
        }
    }
}

impl StagePicture {
    /// What its workers are, and how many.
    pub(crate) fn workers(&self) -> String {
        let (one, many) = match self.kind {
            Kind::Threads => ("thread", "threads"),
            Kind::Processes => ("process", "processes"),
            Kind::Futures => ("future", "futures"),
        };
        format!("{} {}", self.most, if self.most == 1 { one } else { many })
    }

    /// The name of one of its lanes.
    pub(crate) fn lane_name(&self, index: usize) -> String {
        let what = match self.lanes[index].who {
            Who::Consumer => return "consumer".to_owned(),
            Who::Others => return "others".to_owned(),
            Who::Thread(_) => "thread",
            Who::Process(_) => "process",
            Who::Future => "future",
        };
        format!("{what} {}", index + 1)
    }
}
