//! The promises of mt-aio, through its public API.

mod aproc;
mod delayed;
mod faults;
mod json;
mod mode;
mod paths;
mod queue;
mod read;
mod running;
mod write;
