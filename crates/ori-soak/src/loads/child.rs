//! A child process that answers messages, and is started again when it was killed.

use std::time::Instant;

use mt_aio::{BgProcess, MessageHandler};
use ori_errors::{ErrorKind, Result};

use super::{Load, Round};
use crate::ledger::Charge;

/// Times in a row that the child may be killed while it starts.
const STARTS: u32 = 5;

/// Adds up what it is sent.
struct Sum(u64);

impl MessageHandler for Sum {
    type Context = u64;
    type Message = u64;
    type Reply = u64;

    fn start(first: u64) -> Result<Self, String> {
        Ok(Self(first))
    }

    fn child_handle_message(&mut self, number: u64) -> Result<u64, String> {
        self.0 = self.0.checked_add(number).ok_or("too much")?;
        Ok(self.0)
    }
}

#[derive(Default)]
pub(super) struct Child(Option<(BgProcess<Sum>, u64)>);

impl Load for Child {
    fn round(&mut self, round: &mut Round<'_>) -> Result<()> {
        let messages = round.items(500);
        let mut ledger = round.ledger().ordered();
        ledger.give(messages);
        for number in 0..messages {
            if self.0.is_none() {
                self.0 = Some((start()?, 0));
            }
            let Some((child, sum)) = &mut self.0 else { continue };
            let begin = Instant::now();
            match ori_bridge::sync(child.send(number)) {
                Ok(reply) => {
                    *sum += number;
                    round.tally.took(begin.elapsed());
                    ledger.plain_value(number, reply == *sum);
                }
                Err(error) => {
                    ledger.error(number, &error, Charge::Idle);
                    self.0 = None;
                }
            }
        }
        ledger.close();
        if round.random.one_in(20) {
            self.0 = None;
        }
        Ok(())
    }
}

fn start() -> Result<BgProcess<Sum>> {
    let mut started = BgProcess::start(0);
    for _ in 1..STARTS {
        if !started.as_ref().is_err_and(|error| error.kind() == ErrorKind::WorkerLost) {
            break;
        }
        started = BgProcess::start(0);
    }
    started
}
