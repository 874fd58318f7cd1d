//! Benchmarks of the Ori crates beside their peers.
fn main() {}
