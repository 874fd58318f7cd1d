//! Async code from sync code, and sync code from async code, without asking what runs where.
//!
//! `cargo run --example call_async`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use ori::bridge::{Portal, sync, sync_timeout, unblock};

/// Async code, as a library would offer it.
async fn add(a: i32, b: i32) -> i32 {
    tokio::time::sleep(Duration::from_millis(1)).await;
    a + b
}

/// Sync code that needs it, and does not know who calls.
fn add_three(a: i32, b: i32, c: i32) -> i32 {
    sync(add(sync(add(a, b)), c))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 1. From plain sync code: no runtime is there, and none has to be made.
    println!("in main:                     {}", add_three(1, 2, 3));

    // 2. The same function inside runtimes of either kind, where blocking is usually a panic.
    let many = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("in a multi-thread runtime:   {}", many.block_on(async { add_three(1, 2, 3) }));
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("in a current-thread runtime: {}", one.block_on(async { add_three(1, 2, 3) }));

    // 3. With a limit: what never comes is an error.
    let error = sync_timeout(Duration::from_millis(20), std::future::pending::<()>()).unwrap_err();
    println!("with a limit:                {error}");

    // 4. From async code to a function that blocks: the runtime goes on meanwhile.
    let (slow, ticks) = one.block_on(async {
        let slow = unblock(|| {
            std::thread::sleep(Duration::from_millis(50));
            "slept"
        });
        let mut ticks = 0;
        let ticking = async {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                ticks += 1;
            }
        };
        let slow = tokio::select! {
            slow = slow => slow,
            () = ticking => unreachable!("it ticks for ever"),
        };
        (slow, ticks)
    });
    println!("a function that blocked:     {} during {ticks} ticks", slow?);
    assert!(ticks > 0);

    // 5. From any thread into a runtime that runs elsewhere.
    let sum = one.block_on(async {
        let portal = Portal::current()?;
        let thread = std::thread::spawn(move || portal.call(|| add(20, 22)));
        unblock(move || thread.join().expect("the thread does not panic")).await?
    })?;
    println!("through a portal:            {sum}");
    assert_eq!(sum, 42);
    Ok(())
}
