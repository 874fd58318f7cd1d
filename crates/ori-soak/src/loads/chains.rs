//! Chains of threads, of futures and of processes.

use std::time::Duration;

use ori_errors::Result;
use ori_poolchain::PoolChain;

use super::{Load, Round, take, work};
use crate::ledger::{Charge, Item};

/// Enough that nobody is killed so often while it has the same item.
const MANY: u32 = 50;

/// A chain that is used for some rounds, and then made anew with other options.
struct Kept {
    chain: PoolChain<Item, Item>,
    ordered: bool,
    steps: usize,
    fails: fn(u64) -> bool,
    rounds_left: u64,
}

impl Kept {
    fn run(&mut self, items: u64, round: &mut Round<'_>) -> Result<()> {
        let ledger = if self.ordered { round.ledger().ordered() } else { round.ledger() };
        let drop_after = round.random.one_in(8).then(|| round.random.below(items));
        let results = self.chain.execute_lazy(ledger.source(items))?;
        take(results, ledger, self.steps, self.fails, Charge::Never, drop_after);
        self.rounds_left -= 1;
        Ok(())
    }
}

fn kept(kept: &mut Option<Kept>, make: impl FnOnce() -> Kept) -> &mut Kept {
    if kept.as_ref().is_some_and(|kept| kept.rounds_left == 0) {
        // The old one ends before there is a new one.
        *kept = None;
    }
    kept.get_or_insert_with(make)
}

fn never(_: u64) -> bool {
    false
}

fn one_in_97(number: u64) -> bool {
    number % 97 == 5
}

/// Thread stages, fused and apart, one of them fallible.
#[derive(Default)]
pub(super) struct Threads(Option<Kept>);

impl Load for Threads {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let kept = kept(&mut self.0, || {
            let cost = round.choose(&[0, 1, 20, 200]);
            let chain = PoolChain::new()
                .add_threadpool(move |item: Item| {
                    work(cost);
                    item.step()
                })
                .max_workers(round.choose(&[1, 2, 4, 9]))
                .add_threadpool(
                    |item: Item| if one_in_97(item.number) { Err("planned") } else { Ok(item.step()) },
                )
                .fallible()
                .max_workers(round.choose(&[1, 2, 4]))
                .add_threadpool(Item::step)
                .buffer(round.choose(&[1, 16, 1_000, 10_000]));
            let ordered = !round.random.one_in(4);
            let chain = if ordered { chain } else { chain.unordered() };
            let rounds_left = 1 + round.random.below(30);
            Kept { chain, ordered, steps: 3, fails: one_in_97, rounds_left }
        });
        kept.run(round.items(30_000), round)
    }
}

/// A stage of futures that wait, between two of threads.
#[derive(Default)]
pub(super) struct Futures(Option<Kept>);

impl Load for Futures {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let kept = kept(&mut self.0, || {
            let longest = round.choose(&[0, 1, 3]);
            let chain = PoolChain::new()
                .add_threadpool(Item::step)
                .add_async(move |item: Item| async move {
                    if longest > 0 {
                        tokio::time::sleep(Duration::from_millis(item.number % (longest + 1))).await;
                    }
                    item.step()
                })
                .max_workers(round.choose(&[1, 16, 500]))
                .add_threadpool(Item::step)
                .max_workers(1);
            let ordered = !round.random.one_in(2);
            let chain = if ordered { chain } else { chain.unordered() };
            let rounds_left = 1 + round.random.below(30);
            Kept { chain, ordered, steps: 3, fails: never, rounds_left }
        });
        kept.run(round.items(1_500), round)
    }
}

/// A stage of worker processes between two of threads. Retries make up for every kill.
#[derive(Default)]
pub(super) struct Processes(Option<Kept>);

impl Load for Processes {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let kept = kept(&mut self.0, || {
            let mut chain = PoolChain::new()
                .add_threadpool(Item::step)
                .add_processpool(|item: Item| {
                    work(item.number % 300);
                    item.step()
                })
                .retries(MANY)
                .max_workers(round.choose(&[1, 2, 3]));
            if round.random.one_in(3) {
                chain = chain.chunksize(round.choose(&[1, 7, 100]));
            }
            if round.random.one_in(4) {
                chain = chain.max_tasks_per_worker(round.choose(&[500, 5_000]));
            }
            let chain = chain.add_threadpool(Item::step);
            let ordered = !round.random.one_in(4);
            let chain = if ordered { chain } else { chain.unordered() };
            let rounds_left = 1 + round.random.below(60);
            Kept { chain, ordered, steps: 3, fails: never, rounds_left }
        });
        kept.run(round.items(20_000), round)
    }
}
