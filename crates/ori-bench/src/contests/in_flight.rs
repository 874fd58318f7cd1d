//! Thousands of futures at the same time, their results in order.

use std::time::Duration;

use ori_poolchain::PoolChain;

use super::{PLAIN, TASK};
use crate::contest::{Contest, Contestant, Limit};

const IN_FLIGHT: usize = 4096;
const NAP: Duration = Duration::from_millis(5);

/// 4,096 futures in flight that wait for a timer.
pub(crate) const SLEEPS: Contest = Contest {
    id: "in-flight",
    title: "futures that sleep 5 ms, 4,096 at a time",
    item: "future",
    items: 100_000,
    smoke_items: 500,
    contestants: &[
        Contestant {
            name: "ours",
            about: "`PoolChain::add_async(..).max_workers(4096)`, `execute_lazy`",
            goal: Some(Limit::Nanos(1_800.0)),
            prepare: |futures| {
                let chain = PoolChain::new().add_async(nap).max_workers(IN_FLIGHT);
                Box::new(move |_| sum(&chain, futures))
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "buffered",
            about: "futures-util 0.3 `StreamExt::buffered(4096)` in `block_on` of a tokio runtime",
            peer: true,
            prepare: |futures| peers::buffered(futures, nap),
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "spawn-buffered",
            about: "the same, with `tokio::spawn` for each future",
            peer: true,
            prepare: |futures| {
                peers::buffered(futures, |n| async move { tokio::spawn(nap(n)).await.unwrap_or(0) })
            },
            ..PLAIN
        },
    ],
    ..TASK
};

/// Futures that never wait.
pub(crate) const READY: Contest = Contest {
    id: "in-flight-ready",
    title: "futures that are ready at once, up to 4,096 at a time",
    item: "future",
    items: 500_000,
    smoke_items: 500,
    contestants: &[
        Contestant {
            name: "ours",
            about: "`PoolChain::add_async(..).max_workers(4096)`, `execute_lazy`",
            prepare: |futures| {
                let chain = PoolChain::new().add_async(async |n: u64| n).max_workers(IN_FLIGHT);
                Box::new(move |_| sum(&chain, futures))
            },
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "buffered",
            about: "futures-util 0.3 `StreamExt::buffered(4096)` in `block_on` of a tokio runtime",
            peer: true,
            prepare: |futures| peers::buffered(futures, async |n| n),
            ..PLAIN
        },
        #[cfg(feature = "peers")]
        Contestant {
            name: "spawn-buffered",
            about: "the same, with `tokio::spawn` for each future",
            peer: true,
            prepare: |futures| {
                peers::buffered(futures, |n| async move { tokio::spawn(async move { n }).await.unwrap_or(0) })
            },
            ..PLAIN
        },
    ],
    ..TASK
};

async fn nap(n: u64) -> u64 {
    tokio::time::sleep(NAP).await;
    n
}

fn sum(chain: &PoolChain<u64, u64>, futures: u64) -> u64 {
    let results = chain.execute_lazy(0..futures).expect("the chain is sound");
    results.map(|result| result.expect("nothing fails")).sum()
}

#[cfg(feature = "peers")]
mod peers {
    use std::future::Future;

    use futures_util::{StreamExt as _, stream};

    use super::IN_FLIGHT;
    use crate::contest::Run;

    pub(super) fn buffered<F>(futures: u64, f: impl Fn(u64) -> F + Copy + 'static) -> Run
    where
        F: Future<Output = u64>,
    {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Box::new(move |_| {
            let all = stream::iter(0..futures).map(f).buffered(IN_FLIGHT);
            runtime.block_on(all.fold(0, async |sum, n| sum + n))
        })
    }
}
