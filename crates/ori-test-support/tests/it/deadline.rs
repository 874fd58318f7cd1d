//! Limits that pass are failures; values and panics come through.

use std::panic::catch_unwind;
use std::sync::mpsc;
use std::time::Duration;

use ori_test_support::{alone, wait_until, within};

#[test]
fn a_condition_that_never_holds_is_a_failure() {
    assert!(catch_unwind(|| wait_until(Duration::from_millis(5), || false)).is_err());
}

#[test]
fn a_hang_is_a_failure() {
    let (sender, receiver) = mpsc::channel::<()>();
    let hang = move || receiver.recv();
    let outcome = catch_unwind(move || within(Duration::from_millis(5), hang));
    assert!(outcome.is_err());
    drop(sender);
}

#[test]
fn a_panic_within_a_limit_goes_on_in_the_caller() {
    let payload = catch_unwind(|| within(Duration::from_secs(10), || panic!("boom"))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom"));
}

#[test]
fn a_failing_body_fails_alone_too() {
    let outcome = catch_unwind(|| alone("deadline::a_failing_body_fails_alone_too", || panic!("boom")));
    let payload = outcome.unwrap_err();
    if let Some(text) = payload.downcast_ref::<String>() {
        assert!(text.contains("boom"), "{text}");
    } else {
        std::panic::resume_unwind(payload); // in the process of its own: fail as the body did
    }
}

#[test]
fn a_wrong_name_fails_alone() {
    assert!(catch_unwind(|| alone("deadline::no_such_test", || ())).is_err());
}
