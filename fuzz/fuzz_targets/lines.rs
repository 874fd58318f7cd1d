//! Any output of a command is its lines, whatever the reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|output: &[u8]| ori_subprocess::fuzzing::lines(output));
