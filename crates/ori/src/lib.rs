//! Concurrency no harder than a function call.
#![forbid(unsafe_code)]
