//! [`Calls`]: the calls of one function that a message asks for, item by item.

use std::any::{Any, type_name};

use bytes::Bytes;
use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::replies::Writer;
use crate::codec::{decode, push_item};
use crate::frame::broken;

/// What a context has become in this worker.
pub(super) type State = Box<dyn Any>;

/// The items of one message, and where their results go.
///
/// The functions of a [`Task`](crate::Task) are called through this: once a job, not once an item.
pub(crate) struct Calls<'a> {
    body: &'a [u8],
    tail: &'a Bytes,
    items: u32,
    state: Option<&'a mut State>,
    writer: &'a mut Writer,
    /// That the message or the socket failed; the worker ends.
    broken: Option<OriError>,
    made: Option<Result<State>>,
}

impl<'a> Calls<'a> {
    pub(super) fn of_job(
        body: &'a [u8],
        tail: &'a Bytes,
        items: u32,
        state: Option<&'a mut State>,
        writer: &'a mut Writer,
    ) -> Self {
        Self { body, tail, items, state, writer, broken: None, made: None }
    }

    /// The one call of an initializer or a context.
    pub(super) fn of_one(body: &'a [u8], tail: &'a Bytes, writer: &'a mut Writer) -> Self {
        Self::of_job(body, tail, 1, None, writer)
    }

    /// Calls `function` with each item.
    #[inline]
    pub(crate) fn each<A, R>(&mut self, mut function: impl FnMut(A) -> Result<R>)
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        for _ in 0..self.items {
            let Some(item) = self.next_item() else { return };
            let tail = self.tail;
            let outcome = self.writer.item(|body, replies_tail| {
                let result = function(decode::<A>(item, tail)?)?;
                push_item(&result, body, replies_tail)
            });
            match outcome {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.broken = Some(error);
                    return;
                }
            }
        }
    }

    /// Calls `function` with the worker's state and each item.
    #[inline]
    pub(crate) fn each_with_state<S, A, R>(&mut self, mut function: impl FnMut(&mut S, A) -> R)
    where
        S: 'static,
        A: DeserializeOwned,
        R: Serialize,
    {
        match self.state.take().map(|state| state.downcast_mut::<S>()) {
            Some(Some(state)) => self.each(|item| Ok(function(state, item))),
            _ => {
                let message = format!("the worker has no state of type `{}`", type_name::<S>());
                self.each(|_: A| -> Result<R> {
                    Err(OriError::new(ErrorKind::Validation, message.as_str()))
                });
            }
        }
    }

    /// Makes the state out of the one item, the context.
    pub(crate) fn make_state<C, S>(&mut self, function: impl FnOnce(C) -> S)
    where
        C: DeserializeOwned,
        S: 'static,
    {
        let Some(item) = self.next_item() else { return };
        let made = catch_panic(|| Ok(Box::new(function(decode::<C>(item, self.tail)?)) as State));
        self.made = Some(made.and_then(|made| made));
    }

    /// Calls an initializer.
    pub(crate) fn initialize(&mut self, function: impl FnOnce() -> Result<(), String>) {
        let outcome = catch_panic(function);
        self.made = Some(match outcome {
            Ok(Ok(())) => Ok(Box::new(()) as State),
            Ok(Err(message)) => Err(OriError::new(ErrorKind::Task, message)),
            Err(panic) => Err(panic),
        });
    }

    /// The bytes of the next item.
    #[inline]
    fn next_item(&mut self) -> Option<&'a [u8]> {
        let taken = self
            .body
            .split_first_chunk::<4>()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
        match taken {
            Some((item, rest)) => {
                self.body = rest;
                Some(item)
            }
            None => {
                self.broken = Some(broken("a message has fewer items than it says"));
                None
            }
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        self.broken.map_or(Ok(()), Err)
    }

    pub(super) fn into_state(self) -> Result<State> {
        self.finish_or_made()
    }

    pub(super) fn into_outcome(self) -> Result<()> {
        self.finish_or_made().map(drop)
    }

    fn finish_or_made(self) -> Result<State> {
        let wrong_use = || Err(OriError::new(ErrorKind::Validation, "the function is of another kind"));
        self.broken.map_or(self.made.unwrap_or_else(wrong_use), Err)
    }
}
