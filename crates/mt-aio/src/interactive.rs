//! [`interactive`]: whether somebody is typing this program as it runs.

/// Where the program runs: the original's `ipython`.
///
/// ```
/// assert_eq!(mt_aio::interactive(), mt_aio::Interactive::Outside);
/// ```
#[non_exhaustive]
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interactive {
    /// In a program of its own.
    Outside,
    /// In a session of the evcxr REPL or its Jupyter kernel, where each line is compiled when it
    /// is typed. Worker processes cannot be started there.
    Inside,
}

/// Tells whether this runs in an interactive session.
///
/// ```
/// use mt_aio::{Interactive, interactive};
///
/// match interactive() {
///     Interactive::Outside => println!("a program"),
///     _ => println!("a notebook"),
/// }
/// ```
#[must_use]
pub fn interactive() -> Interactive {
    // evcxr sets it for the process that runs what is typed.
    match std::env::var_os("EVCXR_IS_RUNTIME") {
        Some(_) => Interactive::Inside,
        None => Interactive::Outside,
    }
}
