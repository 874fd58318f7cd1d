//! What the tests of the Ori crates share.
#![forbid(unsafe_code)]
