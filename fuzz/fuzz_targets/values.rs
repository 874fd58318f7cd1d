//! Any bytes are a value or an error, and a value comes back as it went.
#![no_main]

libfuzzer_sys::fuzz_target!(|message: (&[u8], &[u8])| ori_worker::fuzzing::values(message.0, message.1));
