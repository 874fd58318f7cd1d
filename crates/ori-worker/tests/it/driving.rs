//! A thread that waits for a result drives the sockets meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::{fs, thread};

use ori_errors::OriError;
use ori_test_support::{wait_until, within};
use ori_worker::{Job, Replies, Sink, Task};

use crate::collect::{LIMIT, conductor, job};

/// Takes its time with the results: until the thread that wants them has looked for them and fallen
/// asleep, and the last of the conductor's timers has passed.
#[derive(Default)]
struct Slow {
    begun: AtomicBool,
    looks: AtomicUsize,
    done: AtomicBool,
}

/// At the call, under the lock, after calling the conductor away, and when its last timer, of a
/// second, has ended the first sleep. From then on nothing ends a sleep but what happens.
const LOOKS: usize = 4;

impl Sink for Slow {
    fn replies(&self, _first: u32, _replies: Replies) {
        self.begun.store(true, SeqCst);
        wait_until(LIMIT, || self.looks.load(SeqCst) >= LOOKS);
        self.done.store(true, SeqCst);
    }

    fn failed(&self, _item: u32, error: OriError) {
        panic!("{error}");
    }
}

impl Slow {
    fn is_done(&self) -> bool {
        let done = self.done.load(SeqCst);
        self.looks.fetch_add(1, SeqCst);
        done
    }
}

/// Until there is a file.
fn wait_for(path: String) {
    wait_until(LIMIT, || Path::new(&path).exists());
}

#[test]
fn a_thread_that_drives_learns_what_another_thread_delivers() {
    within(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let end = folder.path().join("end").into_os_string().into_string().unwrap();
        let conductor = conductor(2);
        let (other, others) = job(Task::new(wait_for), [end.clone()]);
        conductor.submit(conductor.reserve(), other).unwrap();

        let slow = Arc::new(Slow::default());
        let mut quick = Job::new(Task::new(|n: u64| n), Arc::clone(&slow) as Arc<dyn Sink>);
        quick.push(&(1_u64,)).unwrap();
        conductor.submit(conductor.reserve(), quick).unwrap();
        wait_until(LIMIT, || slow.begun.load(SeqCst));

        let driver = conductor.driver().clone();
        let seen = Arc::clone(&slow);
        let waiting = thread::spawn(move || driver.drive(|| seen.is_done(), None));
        waiting.join().unwrap();
        assert!(slow.done.load(SeqCst));

        fs::write(&end, "").unwrap();
        others.results::<()>(1).into_iter().next().unwrap().unwrap();
    });
}
