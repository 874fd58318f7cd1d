//! [`Task`]: a function that worker processes can run, and the functions that have a name.

use std::any::type_name;
use std::marker::PhantomData;

use linkme::distributed_slice;
use ori_errors::{ErrorKind, OriError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::function::{InitializerOutcome, TaskFn};
use crate::message::Function;
use crate::sys::descriptor::{Descriptor, conjure};
use crate::worker::Calls;

/// A function that worker processes can run, without its types.
///
/// A name for the function, not the function: `Copy`, and dropping it does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    descriptor: &'static Descriptor,
}

impl Task {
    /// A function of an item: its arguments come as one tuple.
    ///
    /// ```
    /// let task = ori_worker::Task::new(|a: i32, b: i32| a + b);
    /// assert!(task.name().contains("closure"));
    /// ```
    ///
    /// What captures does not compile:
    /// ```compile_fail
    /// let factor = std::env::args().count();
    /// let task = ori_worker::Task::new(move |n: usize| n * factor);
    /// ```
    /// Nor does a function pointer, which is a number that only this process understands:
    /// ```compile_fail
    /// fn double(n: u64) -> u64 { n * 2 }
    /// let task = ori_worker::Task::new(double as fn(u64) -> u64);
    /// ```
    #[must_use]
    pub fn new<Args, F>(function: F) -> Self
    where
        F: TaskFn<Args>,
        Args: DeserializeOwned + 'static,
        F::Output: Serialize,
    {
        let _ = function;
        Self { descriptor: Plain::<Args, F>::DESCRIPTOR }
    }

    /// Makes the state of a worker out of a context, which is sent to each worker once.
    ///
    /// ```
    /// let init = ori_worker::Task::init(|words: Vec<String>| words.len());
    /// assert!(init.name().contains("closure"));
    /// ```
    #[must_use]
    pub fn init<C, S, F>(function: F) -> Self
    where
        F: Fn(C) -> S + Copy + Send + Sync + 'static,
        C: DeserializeOwned + 'static,
        S: 'static,
    {
        let _ = function;
        Self { descriptor: Init::<C, S, F>::DESCRIPTOR }
    }

    /// A function of the worker's state and an item.
    ///
    /// ```
    /// let task = ori_worker::Task::with_state(|count: &mut usize, step: usize| {
    ///     *count += step;
    ///     *count
    /// });
    /// assert!(task.name().contains("closure"));
    /// ```
    #[must_use]
    pub fn with_state<S, A, R, F>(function: F) -> Self
    where
        F: Fn(&mut S, A) -> R + Copy + Send + Sync + 'static,
        S: 'static,
        A: DeserializeOwned + 'static,
        R: Serialize + 'static,
    {
        let _ = function;
        Self { descriptor: WithState::<S, A, R, F>::DESCRIPTOR }
    }

    /// What each worker does before its first item.
    ///
    /// ```
    /// let task = ori_worker::Task::initializer(|| ());
    /// assert!(task.name().contains("closure"));
    /// ```
    #[must_use]
    pub fn initializer<R, F>(function: F) -> Self
    where
        F: Fn() -> R + Copy + Send + Sync + 'static,
        R: InitializerOutcome + 'static,
    {
        let _ = function;
        Self { descriptor: Initializer::<R, F>::DESCRIPTOR }
    }

    /// The name of the function's type, as the compiler writes it.
    ///
    /// ```
    /// # fn square(n: u64) -> u64 { n * n }
    /// assert!(ori_worker::Task::new(square).name().contains("square"));
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        self.descriptor.name()
    }

    /// How a worker of this executable finds the function.
    pub(crate) fn here(self) -> Result<Function> {
        let offset = self.descriptor.offset().ok_or_else(|| {
            let message = format!(
                "`{}` lies in a shared library; worker processes run functions of the executable itself",
                self.name()
            );
            OriError::new(ErrorKind::Validation, message)
        })?;
        Ok(Function::Here { offset, name_hash: self.descriptor.name_hash() })
    }

    /// How a worker of another executable finds the function.
    pub(crate) fn by_name(self) -> Result<Function> {
        let named = NAMED_TASKS.iter().find(|named| named.descriptor.name() == self.name());
        let named = named.ok_or_else(|| {
            let message = format!(
                "`{}` has no name that another executable could know: write `#[ori::task]` before the function",
                self.name()
            );
            OriError::new(ErrorKind::Validation, message)
        })?;
        Ok(Function::Named { name: named.name.to_owned(), signature: named.signature() })
    }
}

/// A function under its name; what `#[ori::task]` registers.
#[doc(hidden)]
#[derive(Debug)]
pub struct NamedTask {
    name: &'static str,
    signature: fn() -> &'static str,
    descriptor: &'static Descriptor,
}

impl NamedTask {
    /// For the attribute's use.
    #[must_use]
    pub const fn new<Args, F>(name: &'static str, _function: F) -> Self
    where
        F: TaskFn<Args>,
        Args: DeserializeOwned + 'static,
        F::Output: Serialize,
    {
        Self { name, signature: type_name::<(Args, F::Output)>, descriptor: Plain::<Args, F>::DESCRIPTOR }
    }

    fn signature(&self) -> u64 {
        crate::hash::of((self.signature)())
    }
}

/// The functions of this executable that have a name.
#[doc(hidden)]
#[distributed_slice]
pub static NAMED_TASKS: [NamedTask];

/// The function that a message asks for.
pub(crate) fn find(function: &Function) -> Result<&'static Descriptor> {
    let missing = |message: String| OriError::new(ErrorKind::Validation, message);
    match function {
        Function::Here { offset, name_hash } => Descriptor::at(*offset, *name_hash)
            .ok_or_else(|| missing("this executable has no such function".into())),
        Function::Named { name, signature } => {
            let mut same_name = NAMED_TASKS.iter().filter(|named| named.name == name);
            let found = same_name.next().ok_or_else(|| {
                missing(format!(
                    "this executable has no task `{name}`: write `#[ori::task]` before the function"
                ))
            })?;
            if same_name.next().is_some() {
                return Err(missing(format!("this executable has two tasks of the name `{name}`")));
            }
            if found.signature() != *signature {
                let here = (found.signature)();
                return Err(missing(format!("task `{name}` has other types in this executable: {here}")));
            }
            Ok(found.descriptor)
        }
    }
}

/// Marks in a descriptor's name how the function is called.
struct Plain<Args, F>(PhantomData<(Args, F)>);

impl<Args, F> Plain<Args, F>
where
    F: TaskFn<Args>,
    Args: DeserializeOwned + 'static,
    F::Output: Serialize,
{
    const DESCRIPTOR: &'static Descriptor = &Descriptor::new::<Self>(|calls: &mut Calls<'_>| {
        let function = conjure::<F>();
        calls.each(|arguments: Args| Ok(function.call(arguments)));
    });
}

struct Init<C, S, F>(PhantomData<(C, S, F)>);

impl<C, S, F> Init<C, S, F>
where
    F: Fn(C) -> S + Copy + Send + Sync + 'static,
    C: DeserializeOwned + 'static,
    S: 'static,
{
    const DESCRIPTOR: &'static Descriptor = &Descriptor::new::<Self>(|calls: &mut Calls<'_>| {
        let function = conjure::<F>();
        calls.make_state(|context: C| function(context));
    });
}

struct WithState<S, A, R, F>(PhantomData<(S, A, R, F)>);

impl<S, A, R, F> WithState<S, A, R, F>
where
    F: Fn(&mut S, A) -> R + Copy + Send + Sync + 'static,
    S: 'static,
    A: DeserializeOwned + 'static,
    R: Serialize + 'static,
{
    const DESCRIPTOR: &'static Descriptor = &Descriptor::new::<Self>(|calls: &mut Calls<'_>| {
        let function = conjure::<F>();
        calls.each_with_state(|state: &mut S, item: A| function(state, item));
    });
}

struct Initializer<R, F>(PhantomData<(R, F)>);

impl<R, F> Initializer<R, F>
where
    F: Fn() -> R + Copy + Send + Sync + 'static,
    R: InitializerOutcome + 'static,
{
    const DESCRIPTOR: &'static Descriptor = &Descriptor::new::<Self>(|calls: &mut Calls<'_>| {
        let function = conjure::<F>();
        calls.initialize(|| function().into_result());
    });
}

#[cfg(test)]
mod tests;
