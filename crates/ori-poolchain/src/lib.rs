//! Send an iterable through a chain of pools.
#![forbid(unsafe_code)]
