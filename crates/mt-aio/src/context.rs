//! [`Context`]: the mode a function runs in, and the values that travel with it.
//!
//! The Python original passes a dictionary `context_vars` whose key `'async'` is the mode and
//! whose other keys are the user's. Here the mode is a property and the user's values are kept by
//! their type, so that neither can be misspelt.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

/// The mode that an asyn function runs in, and the user's own values by type: the original's
/// `context_vars`.
///
/// In **sync mode** a function does its work on the calling thread and never suspends; no runtime
/// is needed. In **async mode** it waits without holding the thread, inside a tokio runtime.
///
/// Cheap to clone. Dropping one only drops the values that no other context shares.
///
/// ```
/// use mt_aio::Context;
///
/// #[derive(Debug, PartialEq)]
/// struct Bucket(&'static str);
///
/// let cx = Context::sync().with(Bucket("photos"));
/// assert!(!cx.is_async());
/// assert_eq!(cx.get::<Bucket>(), Some(&Bucket("photos")));
/// assert_eq!(cx.get::<u8>(), None);
/// ```
#[derive(Clone)]
pub struct Context {
    is_async: bool,
    newest: Option<Arc<Layer>>,
}

/// One value, over the values that were there before it.
struct Layer {
    value: Box<dyn Any + Send + Sync>,
    type_name: &'static str,
    older: Option<Arc<Layer>>,
}

impl Context {
    /// Sync mode, without values (`context_vars={'async': False}`).
    ///
    /// ```
    /// assert!(!mt_aio::Context::sync().is_async());
    /// ```
    #[must_use]
    pub const fn sync() -> Self {
        Self { is_async: false, newest: None }
    }

    /// Async mode, without values (`context_vars={'async': True}`).
    ///
    /// ```
    /// assert!(mt_aio::Context::asynchronous().is_async());
    /// ```
    #[must_use]
    pub const fn asynchronous() -> Self {
        Self { is_async: true, newest: None }
    }

    /// Whether functions that are given this context run in async mode.
    ///
    /// ```
    /// let cx = mt_aio::Context::asynchronous().with(7_u8);
    /// assert!(cx.is_async());
    /// ```
    #[must_use]
    pub const fn is_async(&self) -> bool {
        self.is_async
    }

    /// The same mode and values, and `value` besides. A value of the same type is hidden by the
    /// new one; `self` stays as it is.
    ///
    /// ```
    /// use mt_aio::Context;
    ///
    /// let outer = Context::sync().with(1_u8);
    /// let inner = outer.with(2_u8);
    /// assert_eq!((outer.get::<u8>(), inner.get::<u8>()), (Some(&1), Some(&2)));
    /// ```
    #[must_use = "the new value is in the context that is returned, not in this one"]
    pub fn with<T: Send + Sync + 'static>(&self, value: T) -> Self {
        let layer = Layer { value: Box::new(value), type_name: type_name::<T>(), older: self.newest.clone() };
        Self { is_async: self.is_async, newest: Some(Arc::new(layer)) }
    }

    /// The value of this type that was added last.
    ///
    /// ```
    /// let cx = mt_aio::Context::sync().with(String::from("en"));
    /// assert_eq!(cx.get::<String>().map(String::as_str), Some("en"));
    /// ```
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.layers().find_map(|layer| layer.value.downcast_ref())
    }

    /// The same values in sync mode.
    pub(crate) fn into_sync(self) -> Self {
        Self { is_async: false, ..self }
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::successors(self.newest.as_deref(), |layer| layer.older.as_deref())
    }
}

/// The mode, and the types of the values, the newest first.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types: Vec<_> = self.layers().map(|layer| layer.type_name).collect();
        f.debug_struct("Context").field("is_async", &self.is_async).field("values", &types).finish()
    }
}
