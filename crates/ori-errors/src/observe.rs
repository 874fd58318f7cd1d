//! What the crates of Ori tell a `tracing` subscriber: the one place that knows whether they do.
//!
//! Not for programs: this crate is where all of them meet. Without the feature `tracing` a span is
//! of size zero, and of an event nothing is left but that its values are of some type. The names
//! and fields of all of them stand in `docs/tracing.md`, which a test of the facade compares with
//! what is told.

#[cfg(feature = "tracing")]
pub use tracing::{self, Span};

/// An event of the crate that says this: its level, its name, its fields. With `in`, it belongs to
/// that span, whatever thread it happens on; else to the span that its thread is in.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! __event {
    (in $span:expr, $level:ident, $name:literal $(, $field:ident = $value:expr)* $(,)?) => {
        $crate::__private::tracing::event!(
            name: $name,
            target: ::core::env!("CARGO_CRATE_NAME"),
            parent: $span,
            $crate::__private::tracing::Level::$level,
            { $($field = $value),* },
            $name
        )
    };
    ($level:ident, $name:literal $(, $field:ident = $value:expr)* $(,)?) => {
        $crate::__private::tracing::event!(
            name: $name,
            target: ::core::env!("CARGO_CRATE_NAME"),
            $crate::__private::tracing::Level::$level,
            { $($field = $value),* },
            $name
        )
    };
}

/// A span of the crate that says this, inside the one that its thread is in.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! __span {
    ($level:ident, $name:literal $(, $field:ident = $value:expr)* $(,)?) => {
        $crate::__private::tracing::span!(
            target: ::core::env!("CARGO_CRATE_NAME"),
            $crate::__private::tracing::Level::$level,
            $name
            $(, $field = $value)*
        )
    };
}

/// Nothing. The values are looked at by the compiler alone.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __event {
    (in $span:expr, $level:ident, $name:literal $(, $field:ident = $value:expr)* $(,)?) => {{
        let _ = || {
            let _ = &$span;
            $(let _ = &$value;)*
        };
    }};
    ($level:ident, $name:literal $(, $field:ident = $value:expr)* $(,)?) => {{
        let _ = || {
            $(let _ = &$value;)*
        };
    }};
}

/// A span of size zero.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __span {
    ($level:ident, $name:literal $(, $field:ident = $value:expr)* $(,)?) => {{
        let _ = || {
            $(let _ = &$value;)*
        };
        $crate::__private::Span::none()
    }};
}

/// A span of a program that has nobody to tell.
#[cfg(not(feature = "tracing"))]
#[derive(Clone, Debug)]
pub struct Span(());

#[cfg(not(feature = "tracing"))]
impl Span {
    /// The only one.
    #[must_use]
    pub const fn none() -> Self {
        Self(())
    }

    /// Nothing is entered.
    pub fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        f()
    }
}

/// Something to be told later, where no lock is held: a subscriber is code of somebody else.
pub type Later = Box<dyn FnOnce() + Send>;

/// Keeps what is to be told. Whether somebody wants it is asked then: it may also be the `log` crate,
/// where a program has asked `tracing` for that.
#[cfg(feature = "tracing")]
pub fn later(tell: impl FnOnce() + Send + 'static) -> Option<Later> {
    Some(Box::new(tell))
}

/// Nobody listens.
#[cfg(not(feature = "tracing"))]
pub fn later(_tell: impl FnOnce() + Send + 'static) -> Option<Later> {
    None
}
