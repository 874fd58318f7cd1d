//! What needs a program that never called `init`: the unit tests of this crate are one.

use ori_errors::ErrorKind;
use ori_test_support::{LeakCheck, alone, children, threads};

use super::{ProcessPool, run_in_background_process};

#[test]
fn promise_15_without_init_nothing_is_started_and_the_error_says_what_to_write() {
    let name = "process::tests::promise_15_without_init_nothing_is_started_and_the_error_says_what_to_write";
    alone(name, || {
        let check = LeakCheck::start().unwrap();
        let (threads_before, children_before) = (threads().unwrap(), children().unwrap());
        let errors = [
            ProcessPool::builder().build().unwrap_err(),
            ProcessPool::builder().executable("another").initializer(|| ()).build().unwrap_err(),
            run_in_background_process(|n: u32| n).map(drop).unwrap_err(),
        ];
        assert_eq!((threads().unwrap(), children().unwrap()), (threads_before, children_before));
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::NoInteractiveProcessPools);
            let message = error.to_string();
            assert!(message.contains("`ori::init();` as the first line of `main`"), "{message}");
            assert!(message.contains("`ori::test_worker!();`"), "{message}");
        }
        check.finish();
    });
}
