//! A chain over inputs some of which crash, hang, or eat all memory: it finishes, and says of each
//! lost item why it was lost.
//!
//! ```text
//! cargo run --example crash_proof
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::hint::black_box;
use std::time::Duration;

use ori::PoolChain;

/// What a native library might do to its process.
fn treat(input: &str) -> usize {
    match input {
        "abort" => std::process::abort(),
        "exit" => std::process::exit(3),
        "overflow" => overflow(1),
        "loop" => loop {
            std::thread::park();
        },
        // More than any machine has: the allocator gives up.
        "memory" => black_box(vec![1_u8; 1 << 60]).len(),
        "panic" => panic!("this input is odd"),
        _ => input.len(),
    }
}

#[expect(unconditional_recursion, reason = "it overflows the stack")]
fn overflow(depth: usize) -> usize {
    black_box([depth; 64])[0] + overflow(black_box(depth + 1))
}

fn main() -> ori::Result<()> {
    ori::init();

    let inputs =
        ["one", "abort", "two", "exit", "three", "overflow", "four", "loop", "memory", "panic", "five"];
    let chain = PoolChain::new()
        .add_processpool(|input: String| treat(&input))
        .name("treat")
        .timeout(Duration::from_millis(500))
        .max_workers(2);

    let mut lost = 0;
    for (input, result) in inputs.into_iter().zip(chain.execute_lazy(inputs.map(str::to_owned))?) {
        match result {
            Ok(length) => println!("{input:10} {length}"),
            Err(error) => {
                lost += 1;
                println!("{input:10} lost: {error}");
            }
        }
    }
    println!("{} of {} treated, {lost} lost", inputs.len() - lost, inputs.len());
    assert_eq!(lost, 6);
    Ok(())
}
