//! Each support function does what the tests that rely on it believe.

mod counters;
mod deadline;
