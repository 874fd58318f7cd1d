//! What a stage does with its items: one file for each way to write a stage.
//!
//! A [`Function`] is shared by all workers; each worker makes a [`Runner`] of it, which may hold
//! state of its own. A runner is called once a batch, not once an item, so that the user's closure
//! is compiled into the loop.

#[cfg(feature = "async")]
mod async_map;
mod fallible;
mod items;
mod kept;
mod map;
mod stateful;
mod with_context;

use ori_errors::OriError;

use crate::model::sync::Arc;
use crate::model::sync::atomic::AtomicBool;

#[cfg(feature = "async")]
pub(crate) use async_map::{AsyncFunction, AsyncKept, AsyncMap, OneByOne};
pub(crate) use fallible::Fallible;
pub(crate) use items::Items;
pub(crate) use kept::Kept;
pub(crate) use map::Map;
pub(crate) use stateful::Stateful;
pub(crate) use with_context::WithContext;

/// A stage's function, typed.
pub(crate) trait Function<A, B>: Send + Sync {
    /// The function for one run of the chain: what it keeps, it keeps for that run.
    fn for_run<'e>(self: Arc<Self>) -> Arc<dyn Function<A, B> + 'e>
    where
        Self: 'e;

    /// One worker's side.
    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<A, B> + 'e>
    where
        Self: 'e;
}

/// What happened to one item.
pub(crate) type Outcome<B> = Result<B, OriError>;

/// One worker's side of a stage.
pub(crate) trait Runner<A, B> {
    /// Runs the items until they are used up, one of them fails, or `stop` is set. Takes an item
    /// out before anything of the user's runs, so that after a panic the rest is intact and the
    /// item that failed is the last one taken.
    ///
    /// # Errors
    /// The error of the item that was taken last.
    fn run(&mut self, items: &mut Items<'_, A>, out: &mut Vec<B>, stop: &AtomicBool) -> Outcome<()>;

    /// Runs one item.
    fn one(&mut self, item: A) -> Outcome<B>;

    /// User code panicked, and the panic is over: state that may be half changed must go.
    fn reset(&mut self) {}
}
