//! What a worker has finished and not sent: the conductor takes it from the page that they share.
//!
//! A worker sends the results of a batch together, since that is what makes batches cheap. When it
//! dies, or is at one item for long, the results before that item are taken from its page: nothing
//! that is done is lost, or waits for what is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::core::{Core, Delivery};
use super::job::Replies;
use super::member::{Flight, Member};

/// How long results may lie with a worker that runs on.
const PATIENCE: Duration = Duration::from_millis(1);
/// The longest time between two looks while nothing is finished.
const LONGEST: Duration = Duration::from_millis(16);

/// What was taken of a flight's results before they were sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peeked {
    /// The results, and how many bytes they take.
    pub(super) items: u32,
    pub(super) bytes: usize,
    /// The time that they took, as far as we know.
    pub(super) nanos: u64,
    /// When it was looked at last, and when it will be next.
    looked: Option<(Instant, Duration)>,
}

impl Core {
    /// Delivers what lies with a worker for long. Gives the time until it is to be looked at again.
    pub(super) fn peek(
        member: &mut Member,
        deliveries: &mut Vec<Delivery>,
        now: Instant,
    ) -> Option<Duration> {
        // Replies come in order, so what is not sent belongs to the first flight.
        let pid = member.pid();
        let Flight { number, queued, base, peeked, .. } = member.flights.front_mut()?;
        let queued = queued.as_mut().filter(|queued| queued.items_left() > 1)?;
        let Some((last, pause)) = peeked.looked else {
            peeked.looked = Some((now, PATIENCE));
            return Some(PATIENCE);
        };
        let elapsed = now - last;
        if elapsed < pause {
            return Some(pause - elapsed);
        }
        let mut next = (pause * 2).min(LONGEST);
        let sent = queued.next - *base - peeked.items;
        let kept = member.page.as_ref().and_then(crate::sys::page::Page::kept);
        if let Some(kept) = kept.filter(|kept| kept.job == *number && kept.first == sent) {
            // The last result of a job is on its way already.
            let new = kept.count.saturating_sub(peeked.items).min(queued.items_left() - 1);
            if let Some(end) = end_of_items(&kept.bytes, peeked.bytes, new).filter(|_| new > 0) {
                let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
                let replies = Replies::new(kept.bytes, peeked.bytes, Bytes::new(), new, nanos);
                let replies = replies.of_worker(pid);
                deliveries.push(Delivery::Replies(Arc::clone(&queued.job.sink), queued.next, replies));
                queued.advance(new);
                peeked.items += new;
                peeked.bytes = end;
                peeked.nanos += nanos;
                next = PATIENCE;
            }
        }
        peeked.looked = Some((now, next));
        Some(next)
    }

    /// Delivers the results that a dead worker had finished and not sent.
    pub(super) fn save_kept(&mut self, member: &mut Member) {
        let Some(kept) = member.page.as_ref().and_then(crate::sys::page::Page::kept) else { return };
        let pid = member.pid();
        let Some(flight) = member.flights.iter_mut().find(|flight| flight.number == kept.job) else {
            return;
        };
        let Some(queued) = &mut flight.queued else { return };
        let done = queued.next - flight.base;
        // They may have been peeked at, or the last reply has arrived and the page does not say so.
        let known = done.saturating_sub(kept.first);
        let new = kept.count.saturating_sub(known).min(queued.items_left());
        if new == 0 || kept.first > done {
            return;
        }
        let start = end_of_items(&kept.bytes, 0, known);
        let Some(at) = start.filter(|at| end_of_items(&kept.bytes, *at, new).is_some()) else { return };
        let replies = Replies::new(kept.bytes, at, Bytes::new(), new, 0).of_worker(pid);
        self.deliveries.push(Delivery::Replies(Arc::clone(&queued.job.sink), queued.next, replies));
        queued.advance(new);
    }
}

/// Where the next `count` items from `at` on end, if they are whole.
pub(crate) fn end_of_items(bytes: &[u8], mut at: usize, count: u32) -> Option<usize> {
    for _ in 0..count {
        let length = u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?) & !crate::worker::FAILED;
        at = at.checked_add(4 + length as usize).filter(|end| *end <= bytes.len())?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::end_of_items;

    #[test]
    fn only_whole_items_have_an_end() {
        let mut bytes = Vec::new();
        for item in [&b"one"[..], b"", b"three"] {
            bytes.extend_from_slice(&u32::try_from(item.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(item);
        }
        assert_eq!(end_of_items(&bytes, 0, 0), Some(0));
        assert_eq!(end_of_items(&bytes, 0, 1), Some(7));
        assert_eq!(end_of_items(&bytes, 7, 2), Some(bytes.len()));
        assert_eq!(end_of_items(&bytes, 0, 4), None);
        assert_eq!(end_of_items(&bytes[..bytes.len() - 1], 0, 3), None);
        assert_eq!(end_of_items(&bytes, bytes.len() + 9, 1), None);
        bytes[3] = 0x80;
        assert_eq!(end_of_items(&bytes, 0, 1), Some(7), "a failed item has a length too");
        bytes[2] = 0xff;
        assert_eq!(end_of_items(&bytes, 0, 1), None);
    }
}
