//! The engine: how one execution of a chain runs.
//!
//! ```text
//!            ┌ section: workers that share limits ───────────────┐
//!  source ─► intake ─► stage ─► stage ─► … ─► outlet ─► port ─► next section …
//!              ▲         │ rest of a split batch                       │
//!              │         ▼                                             ▼
//!           window     port                                port (reorder buffer) ─► consumer
//! ```
//!
//! * [`batch`]: neighbouring items that travel together, named by the position of the first.
//! * [`intake`]: the source, read in batches by whoever needs input.
//! * [`section`]: the work loop of a worker; [`workers`]: how many of them; [`pace`]: how big their
//!   batches are.
//! * [`line`](mod@line): one worker's way through the stages of a section.
//! * [`port`], [`queue`]: where batches wait, sorted by position: between sections, after a split,
//!   and before the consumer.
//! * [`run`]: what all of one execution share: stop, window, consumer.
//! * [`meter`], [`observed`]: what each stage has done, and for what its workers wait; [`tape`]: the
//!   meter's words to a recorder.
//! * [`watch`], [`slot`]: the monitor, and batches that it can take away from a stuck worker.
//! * [`execution`]: a run from the consumer's side; `rhythm`: when it sleeps over several batches.
//! * `async_stage`, `in_flight`, `bell`: a stage of async functions, and the thread that drives it.
//! * [`process_stage`], [`gate`], [`away`]: a stage that runs in worker processes, the order in which
//!   its batches go there, and what comes back.
//! * [`build`]: from the description of a chain to its sections, back to front.
//!
//! A stage that runs elsewhere (in processes, on a runtime) needs only a [`port`] to take batches
//! from and a port to put results into: order, window, errors and statistics do not care who ran
//! an item.

#[cfg(feature = "async")]
pub(crate) mod async_stage;
pub(crate) mod away;
pub(crate) mod batch;
#[cfg(feature = "async")]
pub(crate) mod bell;
pub(crate) mod build;
pub(crate) mod execution;
pub(crate) mod gate;
#[cfg(feature = "async")]
pub(crate) mod in_flight;
pub(crate) mod intake;
pub(crate) mod line;
mod lock;
pub(crate) use lock::lock;
pub(crate) mod meter;
pub(crate) mod observed;
pub(crate) mod pace;
pub(crate) mod port;
pub(crate) mod process_stage;
pub(crate) mod queue;
mod rhythm;
pub(crate) mod run;
pub(crate) mod section;
pub(crate) mod slot;
pub(crate) mod tape;
pub(crate) mod watch;
pub(crate) mod workers;
