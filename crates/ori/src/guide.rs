//! The guide: how it works inside, how to come from elsewhere, and how it compares.
//!
//! | page | what it answers |
//! |---|---|
//! | [`migration`] | I know this call of concurrent.futures, asyncio, Ori, mt.aio, rayon or procspawn: what is it here? |
//! | [`comparison`] | What do the others do, what do they not do, and when is one of them the better choice? |
//! | [`architecture`] | What happens inside, what always holds, and which test says so? |
//! | [`tracing`] | What can I see of a program that runs, and what are the names of it all? |
//! | [`benchmarks`] | How fast is it, beside whom, and on what machine? |
//!
//! The pages are the files of `docs/` in the repository. The code in them is compiled and run by the
//! tests of this crate.

// A page names its links by labels, `[text][label]`, and defines the labels at its end for those
// who read the file. Of two definitions the first one counts: those before the text lead to the
// same places on this site. The plots are among them: the site has no files but its pages.
macro_rules! page {
    ($name:ident, $file:literal $(, $definitions:literal)?) => {
        /// [architecture]: mod@crate::guide::architecture
        /// [benchmarks]: mod@crate::guide::benchmarks
        /// [comparison]: mod@crate::guide::comparison
        /// [migration]: mod@crate::guide::migration
        /// [tracing]: mod@crate::guide::tracing
        #[doc = ""]
        $(#[doc = include_str!(concat!("../guide/", $definitions))])?
        #[doc = include_str!(concat!("../guide/", $file))]
        pub mod $name {}
    };
}

page!(architecture, "architecture.md");
page!(benchmarks, "benchmarks.md", "benchmarks-plots.md");
page!(comparison, "comparison.md");
page!(migration, "migration.md");
page!(tracing, "tracing.md");

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
