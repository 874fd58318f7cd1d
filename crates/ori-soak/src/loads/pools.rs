//! Pools of processes and of threads, without a chain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ori_background::{BackgroundFuture, ProcessPool, ReturnWhen, ThreadPool, as_completed, wait};
use ori_errors::{OriError, Result};
use ori_worker::Payload;

use super::{Load, Round, take, work};
use crate::ledger::{Charge, Item, Ledger};

/// Enough that nobody is killed so often while it has the same call.
const MANY: u32 = 50;

/// A pool that is used for some rounds.
struct Kept<P> {
    pool: P,
    rounds_left: u64,
}

/// The pool for this round, made anew now and then.
fn kept<'a, P>(
    kept: &'a mut Option<Kept<P>>,
    round: &mut Round<'_>,
    make: impl FnOnce(&mut Round<'_>) -> Result<P>,
) -> Result<&'a P> {
    if kept.as_ref().is_some_and(|kept| kept.rounds_left == 0) {
        // The old one ends before there is a new one.
        *kept = None;
    }
    if kept.is_none() {
        *kept = Some(Kept { pool: make(round)?, rounds_left: 1 + round.random.below(40) });
    }
    let kept = kept.as_mut().expect("it was made");
    kept.rounds_left -= 1;
    Ok(&kept.pool)
}

fn in_worker(item: Item) -> Item {
    work(item.number % 300);
    item.step()
}

/// `ProcessPool::map` without retries: a kill may cost the item that ran.
#[derive(Default)]
pub(super) struct Mapped(Option<Kept<ProcessPool>>);

impl Load for Mapped {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let pool = kept(&mut self.0, round, |round| {
            ProcessPool::builder().max_workers(round.choose(&[1, 2, 3])).build()
        })?;
        let items = round.items(20_000);
        let drop_after = round.random.one_in(8).then(|| round.random.below(items));
        let ledger = round.ledger().ordered();
        let source = ledger.source(items);
        if round.random.one_in(3) {
            let tables = vec![7_u64; round.number(10_000)];
            let with_table = |table: &Vec<u64>, item: Item| {
                work(table.len() as u64 % 50);
                item.step()
            };
            let results = pool.map_with(tables, with_table, source)?;
            take(results, ledger, 1, |_| false, Charge::Allowed, drop_after);
        } else {
            take(pool.map(in_worker, source), ledger, 1, |_| false, Charge::Allowed, drop_after);
        }
        Ok(())
    }
}

/// Single calls in flight together, small and large, some of them cancelled.
#[derive(Default)]
pub(super) struct Calls(Option<Kept<ProcessPool>>);

impl Load for Calls {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let pool = kept(&mut self.0, round, |round| {
            ProcessPool::builder().max_workers(round.choose(&[1, 2, 3])).retries(MANY).build()
        })?;
        let mut ledger = round.ledger();
        let in_flight = round.choose(&[1, 1, 8, 64]);
        let items = round.items(2_000);
        let mut source = ledger.source(items);
        loop {
            let mut calls = Vec::new();
            for item in source.by_ref().take(in_flight) {
                let size = ballast(round);
                let (number, ballast) = (item.number, Payload::from(vec![item.number as u8; size]));
                let call = pool.submit(|(item, ballast)| (in_worker(item), ballast), (item, ballast));
                calls.push((number, size, call));
            }
            if calls.is_empty() {
                ledger.close();
                return Ok(());
            }
            for (number, size, call) in calls {
                let cancelled = round.random.one_in(40) && call.cancel();
                match call.result() {
                    Ok((item, ballast)) if intact(&ballast, size, number) => ledger.value(&item, 1),
                    Ok(_) => ledger.plain_value(number, false),
                    Err(error) if cancelled && error.is_cancelled() => ledger.expected_error(number),
                    Err(error) => ledger.error(number, &error, Charge::Never),
                }
            }
        }
    }
}

/// Mostly nothing, now and then more than a socket holds.
fn ballast(round: &mut Round<'_>) -> usize {
    match round.random.below(400) {
        0 => 4 << 20,
        1..=5 => 300 << 10,
        6..=30 => round.number(10_000),
        _ => 0,
    }
}

fn intact(ballast: &Payload, size: usize, number: u64) -> bool {
    ballast.len() == size && ballast.iter().all(|byte| *byte == number as u8)
}

/// A pool of threads: results taken by turns in order, as they come, and after waiting for all.
#[derive(Default)]
pub(super) struct Threads(Option<Kept<ThreadPool>>);

impl Load for Threads {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let pool = kept(&mut self.0, round, |round| {
            ThreadPool::builder().max_workers(round.choose(&[1, 2, 7])).build()
        })?;
        let items = round.items(5_000);
        let mut ledger = round.ledger();
        let ran = Arc::new(AtomicU64::new(0));
        let mut calls: Vec<BackgroundFuture<Item>> = Vec::new();
        for item in ledger.source(items) {
            let ran = Arc::clone(&ran);
            calls.push(pool.submit(move || {
                work(item.number % 40);
                ran.fetch_add(1, Relaxed);
                item.step()
            }));
        }
        let cancelled = calls.iter().map(|call| round.random.one_in(30) && call.cancel()).collect::<Vec<_>>();
        let prevented = cancelled.iter().filter(|cancelled| **cancelled).count() as u64;
        let mut enter = |number: usize, result: Result<Item, OriError>| {
            enter(&mut ledger, number, cancelled[number], result);
        };
        match round.random.below(3) {
            0 => calls.into_iter().enumerate().for_each(|(number, call)| enter(number, call.result())),
            1 => as_completed(calls).for_each(|(number, result)| enter(number, result)),
            _ => {
                let (done, _) = wait(&mut calls, ReturnWhen::AllCompleted, None);
                if done.len() != calls.len() {
                    round.tally.wrong(format!("{}: waiting for all gave {}", round.name, done.len()));
                }
                calls.into_iter().enumerate().for_each(|(number, call)| enter(number, call.result()));
            }
        }
        ledger.close();
        if ran.load(Relaxed) != items - prevented {
            let ran = ran.load(Relaxed);
            round.tally.wrong(format!("{}: {ran} ran of {items}, {prevented} cancelled", round.name));
        }
        Ok(())
    }
}

fn enter(ledger: &mut Ledger<'_>, number: usize, cancelled: bool, result: Result<Item>) {
    let number = number as u64;
    match result {
        Ok(item) if !cancelled => ledger.value(&item, 1),
        Err(error) if cancelled && error.is_cancelled() => ledger.expected_error(number),
        Ok(_) => ledger.plain_value(number, false),
        Err(error) => ledger.error(number, &error, Charge::Never),
    }
}
