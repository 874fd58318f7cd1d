//! A test program, under `cargo test` and under nextest.

ori::test_worker!();

#[test]
fn promise_17_pools_work_in_a_test() {
    outside::check().unwrap();
}

#[test]
fn promise_17_workers_that_are_left_behind_hold_nothing_open() {
    outside::forget_workers().unwrap();
}
