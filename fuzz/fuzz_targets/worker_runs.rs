//! Any items of a job are run, or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|job: (u32, &[u8], &[u8])| {
    let (items, body, tail) = job;
    // Few items, so that some jobs have as many as they say.
    ori_worker::fuzzing::worker_runs(if items % 8 == 0 { items } else { items % 8 }, body, tail);
});
