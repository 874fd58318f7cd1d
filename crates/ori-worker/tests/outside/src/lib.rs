//! What must work wherever `ori::init()` or `ori::test_worker!()` stands.
//!
//! ```standalone_crate
//! fn main() -> ori::Result<()> {
//!     ori::init();
//!     outside::check()
//! }
//! ```

mod sys_plugin;

use ori::background::{BackgroundFuture, ProcessPool, run_in_background_process};
use ori::{PoolChain, Result};

/// Runs pools, loses workers, and compares all that comes back.
///
/// # Errors
/// What should not have failed.
///
/// # Panics
/// When something has another value, or another error, than it should.
pub fn check() -> Result<()> {
    let pool = ProcessPool::builder().max_workers(2).build()?;
    let tripled = pool.map(|n: u64| n * 3, 0..1_000).collect::<Result<Vec<_>>>()?;
    assert!(tripled.into_iter().eq((0..1_000).map(|n| n * 3)));

    let lost = pool.submit(die, ()).result().unwrap_err();
    assert_eq!((lost.is_worker_lost(), lost.signal()), (true, Some(6)), "{lost}");
    let panicked = pool.submit(|n: u8| assert!(n > 1, "too few"), 1).result().unwrap_err();
    if cfg!(panic = "abort") {
        assert!(panicked.is_worker_lost(), "{panicked}");
    } else {
        assert_eq!(panicked.panic_message(), Some("too few"));
    }
    assert_eq!(pool.submit(|(a, b): (u32, u32)| a + b, (1, 2)).result()?, 3);

    let join = run_in_background_process(|a: String, b: char| format!("{a}{b}"))?;
    assert_eq!(join("x".into(), 'y').result()?, "xy");

    let program = std::env::current_exe().expect("this program has a path");
    let by_name = ProcessPool::builder().max_workers(1).executable(program).build()?;
    assert_eq!(by_name.submit(double, 21).result()?, 42);

    let words = vec!["zero".to_owned(), "one".to_owned()];
    let chain = PoolChain::new()
        .add_threadpool(|n: usize| n + 1)
        .add_processpool_init(words, |words| words, |words, n: usize| words[n % 2].clone())
        .add_processpool(|word: String| word.len());
    assert_eq!(chain.execute_eager([0, 1, 2])?, [3, 4, 3]);
    Ok(())
}

/// Leaves a worker behind that is busy for ever, and one that is idle.
///
/// # Errors
/// As [`check`].
pub fn forget_workers() -> Result<()> {
    let pool = ProcessPool::builder().max_workers(2).build()?;
    let busy: BackgroundFuture<()> = pool.submit(
        |()| loop {
            std::hint::spin_loop()
        },
        (),
    );
    pool.submit(|n: u8| n, 1).result()?;
    std::mem::forget((pool, busy));
    Ok(())
}

fn die(_: ()) {
    std::process::abort();
}

#[ori::task]
fn double(n: u64) -> u64 {
    n * 2
}
