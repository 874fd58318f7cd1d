//! The facade's paths, what only all crates together can show, and the one example that is a
//! program of its own.
#![forbid(unsafe_code)]

ori::test_worker!();

#[cfg(target_os = "linux")]
mod awaiting;
mod contract;
mod contract_aio;
mod facade;
mod find_duplicates;
#[cfg(all(feature = "tracing", target_os = "linux"))]
mod tracing;

/// The example itself, compiled into this program: so its tests need no binary that somebody built.
#[path = "../../examples/find_duplicates/main.rs"]
#[expect(dead_code, reason = "here its entry is `cli::run`, not `main`")]
mod program;
