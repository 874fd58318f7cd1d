//! No lock of a chain is held while user code runs.
//!
//! Each piece of user code asks the consumer to use the run's handle and waits for its answer: if a
//! lock were held meanwhile, the consumer would wait for it, and the two for each other.

use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver, Sender};

use ori_poolchain::{PoolChain, Results};
use ori_test_support::within;

use crate::LIMIT;

type Request = (&'static str, Sender<()>);

/// Lets user code ask for the run's handle to be used, and wait until it was.
#[derive(Clone)]
struct Asks(Sender<Request>);

impl Asks {
    fn from(&self, place: &'static str) {
        let (answer, answered) = mpsc::channel();
        // When the run is over nobody listens any more, and nobody has to wait.
        if self.0.send((place, answer)).is_ok() {
            let _ = answered.recv();
        }
    }
}

/// Something of the user's that asks when it is dropped.
struct Asking(Asks, &'static str);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.from(self.1);
    }
}

const PLACES: [&str; 8] = [
    "the source",
    "the drop of the source",
    "a function",
    "the drop of an item",
    "the making of a state",
    "a function with a state",
    "the drop of a state",
    "a function that borrows",
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Watched,
    Unordered,
}

/// A run whose user code asks at each of the places.
fn run(kind: Kind) -> (Results<u64>, Receiver<Request>) {
    let (sender, requests) = mpsc::channel();
    let asks = Asks(sender);
    let (first, making, second, third) = (asks.clone(), asks.clone(), asks.clone(), asks.clone());
    let mut chain = PoolChain::new()
        .add_threadpool(move |n: u64| {
            first.from("a function");
            // A panic drops the item with the function's frame; the others drop it at the end.
            let item = Asking(first.clone(), "the drop of an item");
            assert_ne!(n, 3, "an item that panics");
            (n, item)
        })
        .max_workers(2)
        .add_threadpool_init(
            move || {
                making.from("the making of a state");
                Asking(making.clone(), "the drop of a state")
            },
            move |_state, (n, item): (u64, Asking)| {
                second.from("a function with a state");
                drop(item);
                // A state that may be half changed is dropped by its worker.
                assert_ne!(n, 5, "an item that panics with a state");
                n
            },
        )
        .max_workers(3)
        .add_threadpool_ref(move |n: &u64| {
            third.from("a function that borrows");
            *n
        });
    match kind {
        Kind::Plain => {}
        Kind::Watched => chain = chain.timeout(LIMIT).retries(1),
        Kind::Unordered => chain = chain.unordered(),
    }
    let end = Asking(asks.clone(), "the drop of the source");
    let source = (0..16).inspect(move |_| {
        let _ = &end;
        asks.from("the source");
    });
    (chain.execute_lazy(source).unwrap(), requests)
}

#[test]
fn user_code_never_runs_under_a_lock() {
    for kind in [Kind::Plain, Kind::Watched, Kind::Unordered] {
        within(LIMIT, move || {
            let (results, requests) = run(kind);
            let mut missing = BTreeSet::from(PLACES);
            while !missing.is_empty() {
                let (place, answer) = requests.recv().unwrap();
                let stats = results.stats();
                assert_eq!(stats.stages().len(), 3);
                missing.remove(place);
                answer.send(()).unwrap();
            }
            drop(requests);
            assert_eq!(results.filter(Result::is_ok).count(), 14, "{kind:?}");
        });
    }
}

#[test]
fn a_run_can_be_ended_while_user_code_runs() {
    for kind in [Kind::Plain, Kind::Watched, Kind::Unordered] {
        for at in PLACES {
            for end in [Results::cancel as fn(&Results<u64>), |_| ()] {
                within(LIMIT, move || {
                    let (results, requests) = run(kind);
                    loop {
                        let (place, answer) = requests.recv().unwrap();
                        if place == at {
                            // Whoever asked still waits; what is dropped here must not ask.
                            drop(requests);
                            end(&results);
                            drop(results);
                            break;
                        }
                        answer.send(()).unwrap();
                    }
                });
            }
        }
    }
}
