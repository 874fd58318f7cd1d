//! [`Fallible`]: the `Err` of a stage becomes the error of its item.

use std::fmt::Display;
use std::marker::PhantomData;

use ori_errors::{ErrorKind, OriError};

use super::{Function, Items, Outcome, Runner};
use crate::model::sync::Arc;
use crate::model::sync::atomic::AtomicBool;

/// Passes on what is in the `Ok`; an `Err` is the item's error, of kind `Task`.
pub(crate) struct Fallible<E>(pub(crate) PhantomData<fn(E)>);

struct FallibleRunner;

impl<B, E: Display> Function<Result<B, E>, B> for Fallible<E> {
    fn for_run<'e>(self: Arc<Self>) -> Arc<dyn Function<Result<B, E>, B> + 'e>
    where
        Self: 'e,
    {
        self
    }

    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<Result<B, E>, B> + 'e>
    where
        Self: 'e,
    {
        Box::new(FallibleRunner)
    }
}

impl<B, E: Display> Runner<Result<B, E>, B> for FallibleRunner {
    fn run(
        &mut self,
        items: &mut Items<'_, Result<B, E>>,
        out: &mut Vec<B>,
        _stop: &AtomicBool,
    ) -> Outcome<()> {
        for item in items.lend() {
            out.push(self.one(item)?);
        }
        Ok(())
    }

    fn one(&mut self, item: Result<B, E>) -> Outcome<B> {
        item.map_err(|error| OriError::new(ErrorKind::Task, error.to_string()))
    }
}
