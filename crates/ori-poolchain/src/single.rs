//! Running a chain in the calling thread: nothing is started.

use ori_errors::{Result, catch_panic};

use crate::engine::batch::Batch;
use crate::engine::build::{Build, Nowhere, Place, Plan};
use crate::engine::line::Line;
use crate::engine::meter::Meter;
use crate::engine::port::Port;
use crate::engine::run::Run;
use crate::engine::tape::Tape;
use crate::engine::watch::Monitor;
use crate::model::sync::Arc;
use crate::options::StageOptions;

/// Sends each item through all stages when the next result is asked for.
pub(crate) struct SingleThreaded<'e, S: Iterator, O> {
    source: Option<S>,
    line: Box<dyn Line<S::Item> + 'e>,
    results: Arc<Port<'e, O>>,
    position: u64,
}

impl<'e, S, O> SingleThreaded<'e, S, O>
where
    S: Iterator,
    S::Item: Send + 'e,
    O: Send + 'e,
{
    pub(crate) fn new<'env: 'e>(
        plan: &(dyn Plan<'env, S::Item, O> + 'env),
        stages: &[StageOptions],
        source: S,
    ) -> Self {
        let run = Arc::new(Run::new(None, false));
        let monitor = Arc::new(Monitor::new(Arc::clone(&run), Arc::new(Nowhere), true));
        let meters = stages.iter().map(|_| Arc::new(Meter::new(&run, Tape::default()))).collect();
        let mut build = Build::new(run, monitor, stages, true, Place::Caller, meters);
        let (outlet, results) = build.outlet();
        let tail = plan.build(&mut build, outlet);
        Self { source: Some(source), line: tail.line(), results, position: 0 }
    }
}

impl<S, O: Send> Iterator for SingleThreaded<'_, S, O>
where
    S: Iterator,
{
    type Item = Result<O>;

    fn next(&mut self) -> Option<Result<O>> {
        let source = self.source.as_mut()?;
        let position = self.position;
        self.position += 1;
        let item = match catch_panic(|| source.next()) {
            Ok(Some(item)) => item,
            Ok(None) => {
                self.source = None;
                return None;
            }
            Err(error) => {
                self.source = None;
                return Some(Err(error.with_stage("source").with_item(position)));
            }
        };
        self.line.feed(Batch::new(position, vec![item]));
        let batch = self.results.queue().take_at(None)?;
        match (batch.values.into_iter().next(), batch.errors.into_iter().next()) {
            (Some(value), _) => Some(Ok(value)),
            (None, Some((_, error))) => Some(Err(error)),
            (None, None) => None,
        }
    }
}
