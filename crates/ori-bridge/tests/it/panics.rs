//! A panic of the future goes on in the caller, once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ori_bridge::sync;
use ori_test_support::{alone, within};

use crate::LIMIT;
use crate::contexts;

#[test]
fn a_panic_inside_the_future_propagates_once() {
    alone("panics::a_panic_inside_the_future_propagates_once", || {
        let hooks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&hooks);
        std::panic::set_hook(Box::new(move |_| _ = counted.fetch_add(1, Ordering::Relaxed)));
        for (name, context) in contexts::ALL {
            for pending_first in [false, true] {
                hooks.store(0, Ordering::Relaxed);
                let caught = Arc::new(AtomicUsize::new(0));
                let count = Arc::clone(&caught);
                within(LIMIT, move || {
                    context(Arc::new(move || {
                        let payload = catch_unwind(|| {
                            sync(async {
                                if pending_first {
                                    tokio::task::yield_now().await;
                                }
                                std::panic::panic_any(name)
                            })
                        });
                        let payload: Box<&str> = payload.unwrap_err().downcast().unwrap();
                        assert_eq!(*payload, name);
                        count.fetch_add(1, Ordering::Relaxed);
                        // The thread is as it was: the next call works.
                        assert_eq!(
                            sync(async {
                                tokio::task::yield_now().await;
                                7
                            }),
                            7
                        );
                    }));
                });
                assert_eq!(caught.load(Ordering::Relaxed), 1, "{name}");
                assert_eq!(hooks.load(Ordering::Relaxed), 1, "{name}");
            }
        }
        drop(std::panic::take_hook());
    });
}

#[test]
fn a_panic_that_unwinds_through_a_borrow_leaves_it_usable() {
    let mut count = 0;
    contexts::current_thread().block_on(async {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            sync(async {
                count += 1;
                tokio::task::yield_now().await;
                panic!("after the borrow");
            });
        }));
        assert!(panicked.is_err());
    });
    assert_eq!(count, 1);
}
