//! Where an error goes that nobody waits for: `tracing` with the feature of that name, the
//! standard error stream without.

use ori_errors::OriError;

/// Reports an error that would disappear otherwise.
pub(crate) fn unseen(what: &str, error: &OriError) {
    #[cfg(feature = "tracing")]
    ori_errors::__private::event!(WARN, "error unheard", what = what, error = format!("{error:?}").as_str());
    #[cfg(not(feature = "tracing"))]
    {
        use std::io::Write;
        // A closed error stream is no reason to fail: there is nowhere left to say so.
        let _ = writeln!(std::io::stderr(), "{what}: {error:?}");
    }
}
