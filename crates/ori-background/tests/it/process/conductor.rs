//! The thread that talks to the workers runs none of the user's code.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use ori_background::{ProcessPool, ReturnWhen, wait};
use ori_errors::OriError;
use ori_test_support::{wait_until, within};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Mark, count, pool};
use crate::LONG;

/// The threads of this process on which user code has run.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn note() {
    let name = thread::current().name().unwrap_or("unnamed").to_owned();
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
}

/// Whatever is done with it is user code, and is noted.
#[derive(Debug)]
struct Noted(u32);

impl Serialize for Noted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        note();
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Noted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        note();
        Ok(Self(u32::deserialize(deserializer)?))
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        note();
    }
}

fn next(noted: Noted) -> Noted {
    match noted.0 {
        13 => std::process::abort(),
        14 => panic!("an unlucky number"),
        n => Noted(n + 1),
    }
}

/// Gives the next only when the file is marked: until then a callback is sure to be in time.
fn once_marked((path, noted): (String, Noted)) -> Noted {
    wait_until(LONG, || count(&path) > 0);
    next(noted)
}

#[test]
fn user_code_never_runs_on_the_conductor() {
    within(LONG, || {
        let pool: ProcessPool = pool(2);
        let call = |n| pool.submit(next, Noted(n));
        assert_eq!(call(1).result().unwrap().0, 2);
        assert_eq!(pollster::block_on(call(2)).unwrap().0, 3);
        assert!(call(13).result().unwrap_err().is_worker_lost());
        assert!(call(14).result().unwrap_err().is_panic());

        // Results that nobody takes, or takes late.
        call(3).detach();
        drop(call(4));
        let cancelled = call(5);
        cancelled.cancel();
        drop(cancelled);
        let mut waiting = [call(6), call(7)];
        let (done, _) = wait(&mut waiting, ReturnWhen::AllCompleted, Some(LONG));
        assert_eq!(done.len(), 2);
        drop(waiting);

        // A callback may even wait for the pool; on the conductor that would be for ever.
        let (sender, result) = mpsc::channel();
        let mark = Mark::new();
        let future = pool.submit(once_marked, (mark.path(), Noted(8)));
        let again = pool.clone();
        let captured = Noted(0);
        future.on_done(move || {
            note();
            drop(captured);
            sender.send(again.submit(next, Noted(20)).result().map(|noted| noted.0)).unwrap();
        });
        fs::write(mark.path(), "go").unwrap();
        assert_eq!(result.recv().unwrap().unwrap(), 21);
        assert_eq!(future.result().unwrap().0, 9);

        let mapped: Result<Vec<_>, OriError> = pool.map(next, (100..600).map(Noted)).collect();
        assert_eq!(mapped.unwrap().len(), 500);
        let with_context = |context: &Noted, item: Noted| Noted(context.0 + item.0);
        let mapped = pool.map_with(Noted(7), with_context, (0..500).map(Noted)).unwrap();
        drop(mapped.take(100).collect::<Vec<_>>());
        // Calls that the end of the pool cancels.
        let cut_off: Vec<_> = (200..300).map(call).collect();
        drop(pool);
        drop(cut_off);

        let seen = SEEN.lock().unwrap().clone();
        assert!(seen.iter().any(|name| name.starts_with("ori-callback")), "{seen:?}");
        assert!(!seen.contains("ori-conductor"), "{seen:?}");
    });
}
