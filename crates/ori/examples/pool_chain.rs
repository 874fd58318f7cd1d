//! An iterable through three pools, with options for each: the example of the Python original.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use ori::PoolChain;

fn main() -> ori::Result<()> {
    ori::init();

    let results: Vec<String> = PoolChain::new()
        .add_threadpool(|n: u64| n * 10)
        .add_processpool(|n| n.to_string())
        .chunksize(2)
        .max_workers(3)
        .add_threadpool(|s| s + " is a number")
        .timeout(Duration::from_secs(5))
        .execute_eager([1, 2, 3, 4, 5])?;

    for row in &results {
        println!("{row}");
    }
    assert_eq!(
        results,
        ["10 is a number", "20 is a number", "30 is a number", "40 is a number", "50 is a number"]
    );
    Ok(())
}
