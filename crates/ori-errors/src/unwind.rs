//! [`catch_panic`]: user code that panics becomes an error with its source location.
//!
//! The payload of a panic says what happened, and only the panic hook learns where. So the first
//! call puts a hook before the one that is there: it notes the place in a thread-local and calls
//! the old hook, whose output stays as it was.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::OriError;

thread_local! {
    /// How many `catch_panic` frames this thread is in: places are noted only inside one.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `f`; if it panics, gives an error of kind [`Panicked`](crate::ErrorKind::Panicked) with
/// the panic's message and source location.
///
/// What the panic hook prints is left alone. Under `panic = "abort"` there is nothing to catch:
/// the process ends.
///
/// # Errors
/// `Panicked` when `f` panicked.
///
/// ```
/// assert_eq!(ori_errors::catch_panic(|| 1 + 1).unwrap(), 2);
///
/// let error = ori_errors::catch_panic(|| panic!("boom")).unwrap_err();
/// assert_eq!(error.panic_message(), Some("boom"));
/// ```
#[inline]
pub fn catch_panic<R>(f: impl FnOnce() -> R) -> crate::Result<R> {
    install_hook();
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    DEPTH.with(|depth| depth.set(depth.get() - 1));
    outcome.map_err(into_error)
}

#[inline]
fn install_hook() {
    static INSTALLED: Once = Once::new();
    // `set_hook` may not be called by a thread that panics; a later call will do it.
    if !INSTALLED.is_completed() && !std::thread::panicking() {
        INSTALLED.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if DEPTH.try_with(Cell::get).unwrap_or(0) > 0 {
                    let place = info.location().map(ToString::to_string);
                    // The hook must not fail: a thread that is ending has no place to note.
                    let _ = PLACE.try_with(|slot| slot.replace(place));
                }
                previous(info);
            }));
        });
    }
}

#[cold]
fn into_error(payload: Box<dyn Any + Send>) -> OriError {
    let place = PLACE.with(RefCell::take);
    let message = match payload.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(other) => {
                // Dropping a payload runs user code, which may panic once more, with a payload that
                // may do the same: that one is leaked.
                if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(other))) {
                    std::mem::forget(second);
                }
                "a value that is not text".to_owned()
            }
        },
    };
    OriError::panicked(message, place)
}
