//! Queues between threads and tasks: with time limits and cancelled gets, no item is lost.

use std::thread;
use std::time::Duration;

use mt_aio::{Block, Queue, qget_aio, qput_aio};
use ori_errors::{ErrorKind, OriError, Result};

use super::{Load, Round};
use crate::ledger::Item;

const PRODUCERS: u64 = 2;
const CONSUMERS: u64 = 2;
/// So short that many a get ends without an item.
const SHORT: Duration = Duration::from_micros(50);

pub(super) struct Queues;

impl Load for Queues {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let capacity = round.choose(&[1, 3, 100]);
        let queue = if round.random.one_in(4) { Queue::unbounded() } else { Queue::bounded(capacity) };
        let items = round.items(8_000);
        let mut ledger = round.ledger();
        ledger.give(items);
        let got = thread::scope(|scope| {
            let queue = &queue;
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|n| {
                    scope.spawn(move || {
                        let mine = (n..items).step_by(PRODUCERS as usize);
                        if n == 0 {
                            put_blocking(queue, mine)
                        } else {
                            ori_bridge::sync(put_async(queue, mine))
                        }
                    })
                })
                .collect();
            let consumers: Vec<_> =
                (0..CONSUMERS)
                    .map(|n| {
                        scope.spawn(move || {
                            if n == 0 { get_blocking(queue) } else { ori_bridge::sync(get_async(queue)) }
                        })
                    })
                    .collect();
            let put = producers.into_iter().map(|producer| producer.join().expect("it does not panic"));
            let put: Result<Vec<()>> = put.collect();
            // One end for each consumer, also if a producer failed: a consumer that waits for ever
            // would hide why.
            let ends = (0..CONSUMERS).try_for_each(|_| queue.put(None).map_err(OriError::from));
            let got: Vec<Result<Vec<Item>>> =
                consumers.into_iter().map(|consumer| consumer.join().expect("it does not panic")).collect();
            put.and(ends).map(|()| got)
        })?;
        for part in got {
            for item in part? {
                ledger.value(&item, 0);
            }
        }
        ledger.close();
        Ok(())
    }
}

fn put_blocking(queue: &Queue<Option<Item>>, numbers: impl Iterator<Item = u64>) -> Result<()> {
    for number in numbers {
        let mut item = Some(Item::new(number));
        // What is full gives the item back.
        while let Err(error) = queue.put_with(item, Block::For(SHORT)) {
            if error.kind() != ErrorKind::QueueFull {
                return Err(error.into());
            }
            item = error.into_value();
        }
    }
    Ok(())
}

async fn put_async(queue: &Queue<Option<Item>>, numbers: impl Iterator<Item = u64>) -> Result<()> {
    for number in numbers {
        qput_aio(queue, Some(Item::new(number)), Block::Forever).await?;
    }
    Ok(())
}

fn get_blocking(queue: &Queue<Option<Item>>) -> Result<Vec<Item>> {
    let mut got = Vec::new();
    loop {
        match queue.get_with(Block::For(SHORT)) {
            Ok(Some(item)) => got.push(item),
            Ok(None) => return Ok(got),
            Err(error) if error.kind() == ErrorKind::QueueEmpty => {}
            Err(error) => return Err(error),
        }
    }
}

async fn get_async(queue: &Queue<Option<Item>>) -> Result<Vec<Item>> {
    let mut got = Vec::new();
    loop {
        // The get is cancelled when the time is over, at whatever point it is.
        match tokio::time::timeout(SHORT, qget_aio(queue, Block::Forever)).await {
            Ok(Ok(Some(item))) => got.push(item),
            Ok(Ok(None)) => return Ok(got),
            Ok(Err(error)) => return Err(error),
            Err(_) => {}
        }
    }
}
