//! Any stream is frames or an error, and takes no memory that its bytes do not.
#![no_main]

libfuzzer_sys::fuzz_target!(|stream: &[u8]| ori_worker::fuzzing::frames(stream));
