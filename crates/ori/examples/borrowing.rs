//! A chain whose closures borrow local variables: no `Arc`, no `clone`, no `'static`.
//!
//! The threads live for one run and have ended when it returns, so the compiler knows that they
//! cannot outlive what they borrow.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use ori::PoolChain;

const TEXT: &str = "\
the owl and the pussycat went to sea
in a beautiful pea green boat
they took some honey and plenty of money
wrapped up in a five pound note";

fn main() -> ori::Result<()> {
    let text = TEXT.to_owned();
    let prices = HashMap::from([("boat", 900), ("honey", 7), ("money", 1)]);
    let looked_up = AtomicUsize::new(0);

    let chain = PoolChain::new().add_threadpool(|line: &str| -> u32 {
        line.split(' ')
            .filter_map(|word| {
                looked_up.fetch_add(1, Ordering::Relaxed);
                prices.get(word)
            })
            .sum()
    });
    let by_line = chain.execute_eager_scoped(text.lines())?;

    // The borrows end with the chain: the variables are ours again.
    drop(chain);
    println!("{by_line:?}: {} words, {} prices", looked_up.into_inner(), prices.len());
    assert_eq!(by_line, [0, 900, 8, 0]);
    assert_eq!(text.split_whitespace().count(), 29);
    Ok(())
}
