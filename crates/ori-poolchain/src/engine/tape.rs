//! [`Tape`]: where a meter tells a recorder what its stage does. Without the feature `trace` there is
//! nothing in it, and with it one branch for each batch while nobody records.

#[cfg(not(feature = "trace"))]
pub(crate) use absent::{Seat, Sent, Tape, as_consumer};
#[cfg(feature = "trace")]
pub(crate) use present::{Seat, Sent, Tape, as_consumer};

/// Whether an item is tried again.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Yes,
    No,
}

#[cfg(feature = "trace")]
mod present {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    use ori_errors::OriError;
    use ori_worker::Replies;

    use super::Again;
    use crate::engine::meter::Ran;
    use crate::recorder::{MarkKind, Span, Track, Who};

    /// The track of a stage, if somebody records.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Tape(Option<Arc<Track>>);

    /// Where a batch that has begun will be recorded.
    #[derive(Copy, Clone, Debug)]
    pub(crate) struct Seat {
        lane: Option<u32>,
        first: u64,
    }

    /// When a batch was sent to a process.
    #[derive(Debug, Default)]
    pub(crate) struct Sent(AtomicU64);

    impl Sent {
        pub(crate) fn set(&self, at: u64) {
            self.0.store(at, Relaxed);
        }
    }

    thread_local! {
        /// This thread takes the results of a run, and runs a batch while it waits.
        static HELPS: Cell<bool> = const { Cell::new(false) };
    }

    /// Records what `work` runs as run by the consumer.
    pub(crate) fn as_consumer<T>(work: impl FnOnce() -> T) -> T {
        let before = HELPS.replace(true);
        let done = work();
        HELPS.set(before);
        done
    }

    impl Tape {
        pub(crate) fn new(track: Arc<Track>) -> Self {
            Self(Some(track))
        }

        pub(crate) fn is_on(&self) -> bool {
            self.0.is_some()
        }

        /// A thread begins a batch.
        #[inline]
        pub(crate) fn begin(&self, at: u64, first: u64) -> Seat {
            let Some(track) = &self.0 else { return Seat { lane: None, first } };
            let who = match HELPS.get() {
                true => Who::Consumer,
                false => Who::Thread(std::thread::current().id()),
            };
            Seat { lane: Some(track.begin(who, at, first)), first }
        }

        /// A future begins.
        #[cfg(feature = "async")]
        pub(crate) fn begin_future(&self, at: u64, first: u64) -> Seat {
            Seat { lane: self.0.as_ref().map(|track| track.begin(Who::Future, at, first)), first }
        }

        /// What runs beside the stage's function is not recorded, but for its errors.
        pub(crate) fn beside() -> Seat {
            Seat { lane: None, first: 0 }
        }

        #[inline]
        pub(crate) fn end(&self, seat: Seat, begin: u64, at: u64, ran: &Ran) {
            let Some(track) = &self.0 else { return };
            if let Some(lane) = seat.lane {
                track.end(lane, Span::of(begin, at, seat.first..ran.end, ran.items, ran.errors));
            }
            if ran.errors > 0 {
                track.mark(at, MarkKind::Failed, ran.errors, None);
            }
        }

        /// A batch that was recorded already had errors in it.
        pub(crate) fn failed(&self, at: u64, errors: usize) {
            if let Some(track) = &self.0 {
                track.mark(at, MarkKind::Failed, errors, None);
            }
        }

        /// An item is tried again.
        pub(crate) fn retried(&self, at: impl FnOnce() -> u64, position: u64, error: &OriError) {
            if let Some(track) = &self.0 {
                track.mark(at(), MarkKind::Retried, 1, Some((position, error)));
            }
        }

        /// An item cost a worker.
        pub(crate) fn lost(&self, at: impl FnOnce() -> u64, position: u64, error: &OriError) {
            if let Some(track) = &self.0 {
                track.mark(at(), MarkKind::Lost, 1, Some((position, error)));
            }
        }

        /// A process has run these items.
        pub(crate) fn replied(
            &self,
            at: impl FnOnce() -> u64,
            sent: &Sent,
            ends: (u64, u64),
            replies: &Replies,
        ) {
            let Some(track) = &self.0 else { return };
            let at = at();
            let took = u64::try_from(replies.duration().as_nanos()).unwrap_or(u64::MAX);
            // What was saved of a dead process comes without its time.
            let begin = if took == 0 { sent.0.load(Relaxed) } else { at.saturating_sub(took) };
            track.ran(replies.pid(), Span::of(begin, at, ends.0..ends.1, replies.len(), 0));
        }

        /// An item cost its process.
        pub(crate) fn died(
            &self,
            at: impl FnOnce() -> u64,
            sent: &Sent,
            position: u64,
            error: &OriError,
            again: Again,
        ) {
            let Some(track) = &self.0 else { return };
            let at = at();
            if let Some(pid) = error.pid() {
                // The item counts when it has its result.
                let items = usize::from(again == Again::No);
                track.died(pid, Span::of(sent.0.load(Relaxed), at, position..position + 1, items, items));
            }
            track.mark(at, MarkKind::Lost, 1, Some((position, error)));
        }
    }
}

#[cfg(not(feature = "trace"))]
mod absent {
    use ori_errors::OriError;
    use ori_worker::Replies;

    use super::Again;
    use crate::engine::meter::Ran;

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Tape(());

    #[derive(Copy, Clone, Debug)]
    pub(crate) struct Seat;

    #[derive(Debug, Default)]
    pub(crate) struct Sent(());

    impl Sent {
        pub(crate) fn set(&self, _at: u64) {}
    }

    pub(crate) fn as_consumer<T>(work: impl FnOnce() -> T) -> T {
        work()
    }

    impl Tape {
        pub(crate) fn is_on(&self) -> bool {
            false
        }

        pub(crate) fn begin(&self, _at: u64, _first: u64) -> Seat {
            Seat
        }

        #[cfg(feature = "async")]
        pub(crate) fn begin_future(&self, _at: u64, _first: u64) -> Seat {
            Seat
        }

        pub(crate) fn beside() -> Seat {
            Seat
        }

        pub(crate) fn end(&self, _seat: Seat, _begin: u64, _at: u64, _ran: &Ran) {}

        pub(crate) fn failed(&self, _at: u64, _errors: usize) {}

        pub(crate) fn retried(&self, _at: impl FnOnce() -> u64, _position: u64, _error: &OriError) {}

        pub(crate) fn lost(&self, _at: impl FnOnce() -> u64, _position: u64, _error: &OriError) {}

        pub(crate) fn replied(
            &self,
            _at: impl FnOnce() -> u64,
            _sent: &Sent,
            _ends: (u64, u64),
            _replies: &Replies,
        ) {
        }

        pub(crate) fn died(
            &self,
            _at: impl FnOnce() -> u64,
            _sent: &Sent,
            _position: u64,
            _error: &OriError,
            _again: Again,
        ) {
        }
    }
}
