//! Functions that return at once: start calls, do something else, collect the results.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use ori::background::{
    ReturnWhen, ThreadPool, as_completed, run_in_background, run_in_background_thread, wait,
};

/// Stands for work that takes its time: the number of steps until `n` becomes 1.
fn collatz(n: u64) -> u32 {
    let mut steps = 0;
    let mut n = n;
    while n != 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

fn main() -> ori::Result<()> {
    // The wrapper takes exactly the function's arguments and gives a future.
    let collatz_in_background = run_in_background_thread(collatz)?;
    let future = collatz_in_background(27);
    println!("this runs meanwhile");
    assert_eq!(future.result()?, 111);

    // Many calls; results as they come, each with the number of its call.
    let longest = as_completed((1..=1000).map(&*collatz_in_background))
        .map(|(call, steps)| Ok((steps?, call as u64 + 1)))
        .collect::<ori::Result<Vec<_>>>()?
        .into_iter()
        .max();
    assert_eq!(longest, Some((178, 871)));

    // With options: a pool of your own, shared by several functions.
    let pool = ThreadPool::builder().max_workers(2).thread_name("count").build()?;
    let add = run_in_background(|a: u32, b: u32, c: u32| a + b + c, pool.clone())?;
    let shout = run_in_background(|text: String| text.to_uppercase(), pool.clone())?;
    let sum = add(1, 2, 3);
    assert_eq!(shout("ori".to_owned()).result()?, "ORI");
    assert_eq!(sum.result()?, 6);

    // Wait for several at once, with a limit; what is not done by then can be asked again.
    let mut futures: Vec<_> = [3, 4, 5].map(|n| pool.submit(move || collatz(n))).into();
    let (done, not_done) = wait(&mut futures, ReturnWhen::AllCompleted, Some(Duration::from_secs(10)));
    assert_eq!((done.len(), not_done.len()), (3, 0));

    // A panic is the error of its call, with the place in the source; the pool goes on.
    let divide = run_in_background(|a: u32, b: u32| a / b, pool)?;
    let error = divide(1, 0).result().unwrap_err();
    println!("as expected: {error}");
    assert!(error.is_panic() && error.panic_location().is_some_and(|place| place.contains(file!())));
    assert_eq!(divide(6, 3).result()?, 2);
    Ok(())
}
