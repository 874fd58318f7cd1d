//! Async functions called from threads, and blocking ones called from tasks.

use ori_bridge::{Portal, sync, unblock};
use ori_errors::Result;

use super::{Load, Round};

pub(super) struct Bridge;

impl Load for Bridge {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let items = round.items(2_000);
        let mut ledger = round.ledger().ordered();
        for item in ledger.source(items) {
            let item = match item.number % 4 {
                0 => sync(async { item.step() }),
                1 => sync(async {
                    tokio::task::yield_now().await;
                    item.step()
                }),
                // A task that blocks a thread of its own, which calls an async function again.
                2 => sync(unblock(move || sync(async { item.step() })))?,
                _ => sync(async {
                    let portal = Portal::current()?;
                    unblock(move || portal.call(async move || item.step())).await?
                })?,
            };
            ledger.value(&item, 1);
        }
        ledger.close();
        Ok(())
    }
}
