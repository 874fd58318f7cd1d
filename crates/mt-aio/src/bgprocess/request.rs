//! [`Request`]: a message under way, and what becomes of its reply.

use std::sync::{Arc, Mutex, PoisonError};

use ori_errors::{ErrorKind, OriError, Result, catch_panic};
use ori_worker::{Replies, Sink};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::event::BgEvent;
use super::postman::{Mail, Note};

/// A message that waits for its reply. The conductor tells it the reply; it goes by the postman,
/// after what the child printed before.
pub(super) struct Request<R> {
    waiting: Mutex<Option<Waiting<R>>>,
    mail: Arc<Mail>,
}

struct Waiting<R> {
    number: u64,
    sender: oneshot::Sender<Result<R>>,
}

impl<R: DeserializeOwned + Send + 'static> Request<R> {
    pub(super) fn new(number: u64, mail: &Arc<Mail>) -> (Arc<Self>, oneshot::Receiver<Result<R>>) {
        let (sender, reply) = oneshot::channel();
        mail.sent();
        let waiting = Mutex::new(Some(Waiting { number, sender }));
        (Arc::new(Self { waiting, mail: mail.clone() }), reply)
    }

    fn settle(&self, result: Result<Replies>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiting) = waiting {
            self.mail.put(Note::Reply(Box::new(waiting), result));
        }
    }
}

impl<R: DeserializeOwned + Send + 'static> Sink for Request<R> {
    fn replies(&self, _first: u32, replies: Replies) {
        self.settle(Ok(replies));
    }

    fn failed(&self, _item: u32, error: OriError) {
        self.settle(Err(error));
    }
}

impl<R> Drop for Request<R> {
    fn drop(&mut self) {
        // Never handed over: there will be no reply to count.
        if self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner).is_some() {
            self.mail.settled();
        }
    }
}

/// A request without its type.
pub(super) trait Settle: Send {
    /// Decodes the reply, tells those who listen, then the sender.
    fn settle(self: Box<Self>, result: Result<Replies>, tell: &mut dyn FnMut(&BgEvent<'_>));
}

impl<R: DeserializeOwned + Send + 'static> Settle for Waiting<R> {
    fn settle(self: Box<Self>, result: Result<Replies>, tell: &mut dyn FnMut(&BgEvent<'_>)) {
        let request = self.number;
        let outcome = result.and_then(decode);
        match &outcome {
            Ok(_) => tell(&BgEvent::Returned { request }),
            Err(error) if self.sender.is_closed() => tell(&BgEvent::IgnoredException { request, error }),
            Err(error) => tell(&BgEvent::RaisedException { request, error }),
        }
        // Whoever has stopped waiting just now misses it, as he would have a moment later.
        let _ = self.sender.send(outcome);
    }
}

fn decode<R: DeserializeOwned>(mut replies: Replies) -> Result<R> {
    // Decoding runs code of the user's.
    let decoded = catch_panic(|| replies.decode_next::<Result<R, String>>())?;
    let nothing = || Err(OriError::new(ErrorKind::Codec, "the reply is empty"));
    decoded.unwrap_or_else(nothing)?.map_err(|why| OriError::new(ErrorKind::Task, why))
}
