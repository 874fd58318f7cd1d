//! Any bytes from a worker are messages or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|stream: &[u8]| ori_worker::fuzzing::parent_reads(stream));
