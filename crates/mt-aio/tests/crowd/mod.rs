//! Queues between crowds of threads and tasks: nothing is lost, nothing comes twice or out of order,
//! and nobody who waits is forgotten.
//!
//! Each producer puts its own numbers, each consumer takes until it gets an end. Some wait for ever,
//! some for a moment and again, some not at all; some tasks give up a get halfway.

use std::future::Future;
use std::thread;
use std::time::Duration;

use futures_lite::future::{or, yield_now};
use mt_aio::{Block, ErrorKind, Queue, qget_aio, qput_aio};
use ori_test_support::Random;

/// A round takes milliseconds; one that needs longer hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Which producer, and how many it has put before; `None` is an end.
type Item = Option<(u64, u64)>;

/// One crowd.
pub(crate) fn round(seed: u64) {
    let mut random = Random::seeded(seed);
    let queue: Queue<Item> = match random.below(4) {
        0 => Queue::unbounded(),
        _ => Queue::bounded(1 + random.below(8) as usize),
    };
    let (producers, consumers) = (1 + random.below(4), 1 + random.below(4));
    let items = 1 + random.below(300);
    let taken: Vec<Vec<(u64, u64)>> = thread::scope(|scope| {
        let takers: Vec<_> = (0..consumers)
            .map(|consumer| {
                let (queue, random) = (queue.clone(), Random::seeded(seed ^ (consumer << 40)));
                scope.spawn(move || take(&queue, random))
            })
            .collect();
        let givers: Vec<_> = (0..producers)
            .map(|producer| {
                let (queue, random) = (queue.clone(), Random::seeded(seed ^ (producer << 20)));
                scope.spawn(move || (0..items).for_each(give(&queue, producer, random)))
            })
            .collect();
        givers.into_iter().for_each(|giver| giver.join().unwrap());
        (0..consumers).for_each(|_| queue.put(None).unwrap());
        takers.into_iter().map(|taker| taker.join().unwrap()).collect()
    });
    assert!(queue.is_empty());

    for list in &taken {
        for producer in 0..producers {
            let numbers = list.iter().filter(|(from, _)| *from == producer).map(|(_, number)| number);
            assert!(numbers.is_sorted(), "seed {seed}: {list:?}");
        }
    }
    let mut all: Vec<_> = taken.into_iter().flatten().collect();
    all.sort_unstable();
    let expected = (0..producers).flat_map(|producer| (0..items).map(move |number| (producer, number)));
    assert!(all.into_iter().eq(expected), "seed {seed}");
}

/// How one of the crowd waits.
fn block(random: &mut Random) -> Block {
    match random.below(3) {
        0 => Block::No,
        1 => Block::For(Duration::from_micros(random.below(200))),
        _ => Block::Forever,
    }
}

/// Puts the numbers of one producer, as a thread or as a task.
fn give(queue: &Queue<Item>, producer: u64, mut random: Random) -> impl FnMut(u64) {
    let runtime = runtime(&mut random);
    move |number| {
        let mut item = Some((producer, number));
        loop {
            let block = block(&mut random);
            let put = match &runtime {
                Some(runtime) => runtime.block_on(qput_aio(queue, item, block)),
                None => queue.put_with(item, block),
            };
            let Err(full) = put else { return };
            assert_eq!(full.kind(), ErrorKind::QueueFull);
            item = full.into_value();
            thread::yield_now();
        }
    }
}

/// Takes until there is an end, as a thread or as a task.
fn take(queue: &Queue<Item>, mut random: Random) -> Vec<(u64, u64)> {
    let runtime = runtime(&mut random);
    let mut taken = Vec::new();
    loop {
        let block = block(&mut random);
        let got = match &runtime {
            Some(runtime) if random.one_in(4) => {
                let patience = random.below(3);
                let given_up =
                    runtime.block_on(or(async { Some(qget_aio(queue, block).await) }, moment(patience)));
                let Some(got) = given_up else { continue };
                got
            }
            Some(runtime) => runtime.block_on(qget_aio(queue, block)),
            None => queue.get_with(block),
        };
        match got {
            Ok(Some(item)) => taken.push(item),
            Ok(None) => return taken,
            Err(empty) => {
                assert_eq!(empty.kind(), ErrorKind::QueueEmpty);
                thread::yield_now();
            }
        }
    }
}

/// Half of the crowd are tasks.
fn runtime(random: &mut Random) -> Option<tokio::runtime::Runtime> {
    let builder = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    random.one_in(2).then(builder)
}

/// Is over when it was polled so often.
fn moment<T>(polls: u64) -> impl Future<Output = Option<T>> {
    async move {
        for _ in 0..polls {
            yield_now().await;
        }
        None
    }
}
