//! What can go wrong in a chain, and what to do about each kind of it.
//!
//! An error belongs to one item. It comes out at that item's position, knows its stage, and the
//! items around it go on. So a long run is not lost because of one bad line, one slow server or one
//! bug: decide item by item.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use ori::{ErrorKind, PoolChain};

const ORDERS: [&str; 7] = ["3 apples", "many pears", "0 plums", "4 figs", "5 quinces", "6 kiwis", "7 limes"];

/// Bad input is an `Err`, not a panic: the stage is `fallible`, and later stages never see it.
fn parse(order: &str) -> Result<(u32, String), String> {
    let (count, fruit) = order.split_once(' ').ok_or("an order is a number and a fruit")?;
    let count = count.parse().map_err(|error| format!("`{count}` is not a number: {error}"))?;
    Ok((count, fruit.to_owned()))
}

/// A bug: nobody thought of 0. It becomes the error of its item; the stage goes on.
fn pack((count, fruit): (u32, String)) -> (u32, String) {
    let boxes = 12 / count;
    (boxes, fruit)
}

/// A service that has its moods: figs work at the second try, quinces never, and for kiwis it hangs.
fn book(tries: &Mutex<HashMap<String, u32>>, fruit: &str) {
    let mut tries = tries.lock().unwrap();
    let count = tries.entry(fruit.to_owned()).or_default();
    *count += 1;
    let count = *count;
    drop(tries);
    match fruit {
        "figs" => assert!(count > 1, "the line is busy"),
        "quinces" => panic!("no such fruit"),
        "kiwis" => thread::sleep(Duration::from_secs(3600)),
        _ => {}
    }
}

fn main() -> ori::Result<()> {
    let tries = Mutex::new(HashMap::new());
    let chain = PoolChain::new()
        .add_threadpool(parse)
        .fallible()
        .name("parse")
        .add_threadpool(pack)
        .name("pack")
        // Only a function that borrows its item can be given it again. Retries are for panics and
        // time limits; an `Err` is an answer, and a stage that wants to ask again does so itself.
        .add_threadpool_ref(move |(boxes, fruit): &(u32, String)| {
            book(&tries, fruit);
            format!("{boxes} boxes of {fruit}")
        })
        .name("book")
        .max_workers(4)
        .retries(2)
        // A thread cannot be stopped: the item is given up and the thread replaced, but it ends
        // only when its function returns. Set limits inside too where there are any (sockets!).
        .timeout(Duration::from_secs(2));

    let mut results = chain.execute_lazy(ORDERS)?;
    let mut booked = Vec::new();
    let mut failed = Vec::new();
    for (order, result) in ORDERS.into_iter().zip(&mut results) {
        match result {
            Ok(label) => booked.push(label),
            Err(error) => {
                println!("{order}: {error}");
                failed.push((order, error));
            }
        }
    }
    let stats = results.stats();
    println!("\n{stats}");
    let book = &stats.stages()[2];
    // Figs once more, quinces and kiwis twice more each.
    assert_eq!((book.items, book.errors, book.retries), (5, 2, 5));

    assert_eq!(booked, ["4 boxes of apples", "3 boxes of figs", "1 boxes of limes"]);
    // What to do next depends on the kind.
    for (order, error) in &failed {
        match (error.kind(), error.stage()) {
            // The input is wrong: tell whoever gave it. The text is that of the function's `Err`.
            (ErrorKind::Task, Some("parse")) => assert_eq!(*order, "many pears"),
            // A bug of ours: log where, it is worth a report.
            (ErrorKind::Panicked, Some("pack")) => {
                assert_eq!(*order, "0 plums");
                assert!(error.panic_location().is_some_and(|place| place.contains(file!())));
            }
            // Retried, and still no: put it aside.
            (ErrorKind::Panicked, Some("book")) => assert_eq!(*order, "5 quinces"),
            // Try again later, when the service has recovered.
            (ErrorKind::TimedOut, Some("book")) => assert_eq!(*order, "6 kiwis"),
            _ => panic!("{order}: {error}"),
        }
    }
    let positions: Vec<_> = failed.iter().filter_map(|(_, error)| error.item()).collect();
    assert_eq!(positions, [1, 2, 4, 5]);

    // All or nothing: `execute_eager` gives the first error in the order of the input.
    let error = chain.execute_eager(ORDERS).unwrap_err();
    assert_eq!((error.kind(), error.item()), (ErrorKind::Task, Some(1)));

    // A chain that cannot work says so before anything is started.
    let error = PoolChain::new().add_threadpool(pack).max_workers(0).execute_eager([]).unwrap_err();
    println!("as expected: {error}");
    assert!(error.is_validation());
    Ok(())
}
