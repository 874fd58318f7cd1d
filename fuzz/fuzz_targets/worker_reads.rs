//! Any bytes from a parent are messages or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|stream: &[u8]| ori_worker::fuzzing::worker_reads(stream));
