//! The pool that a careful programmer writes by hand on crossbeam-channel.
//!
//! A feeder thread numbers the items and sends them one by one to W workers a stage; the results meet in a
//! reorder buffer at the consumer. Memory is bounded: the feeder may be at most [`WINDOW`] items ahead of the
//! consumer, who grants it room for more in lots of half a window, so that this costs nothing an item. Each
//! call starts its threads and joins them at the end, early or late.

use std::collections::VecDeque;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Competitor, Stage};
use crate::runner::{Runner, stream};
use crate::scenario::{Load, cores};

/// How many items may be between the input and the consumer.
const WINDOW: u64 = 1_024;

/// An item with its place in the input.
type Numbered = (u64, u64);

/// Channels, workers and a reorder buffer.
#[derive(Debug, Default)]
pub(crate) struct OrderedPool;

impl Competitor for OrderedPool {
    fn one_stage<F: Stage>(&self, load: Load, f: F) -> Runner {
        Box::new(move |take| {
            stream(take, || {
                let mut pool = Pool::start(load);
                pool.stage(f);
                pool.results()
            })
        })
    }

    fn three_stages<F: Stage, G: Stage, H: Stage>(&self, load: Load, f: F, g: G, h: H) -> Runner {
        Box::new(move |take| {
            stream(take, || {
                let mut pool = Pool::start(load);
                pool.stage(f);
                pool.stage(g);
                pool.stage(h);
                pool.results()
            })
        })
    }
}

/// A pool under construction: its last channel is still open.
struct Pool {
    workers: usize,
    threads: Vec<JoinHandle<()>>,
    grants: Sender<u64>,
    last: Receiver<Numbered>,
}

impl Pool {
    /// Starts the feeder.
    fn start(load: Load) -> Self {
        let (grants, granted) = bounded(2);
        let (items, last) = bounded(WINDOW as usize);
        let feeder = thread::spawn(move || {
            let mut room = WINDOW;
            for item in 0..load.items {
                if room == 0 {
                    let Ok(more) = granted.recv() else { return };
                    room = more;
                }
                room -= 1;
                if items.send((item, item)).is_err() {
                    return;
                }
            }
        });
        Self { workers: load.workers.unwrap_or_else(cores), threads: vec![feeder], grants, last }
    }

    /// Adds a stage with its own workers.
    fn stage<F: Stage>(&mut self, f: F) {
        let (results, last) = bounded(WINDOW as usize);
        let items = std::mem::replace(&mut self.last, last);
        for _ in 0..self.workers {
            let (items, results) = (items.clone(), results.clone());
            self.threads.push(thread::spawn(move || {
                for (place, item) in items {
                    if results.send((place, f(item))).is_err() {
                        return;
                    }
                }
            }));
        }
    }

    fn results(self) -> Results {
        Results {
            ends: Some((self.last, self.grants)),
            threads: self.threads,
            next: 0,
            waiting: VecDeque::with_capacity(WINDOW as usize),
        }
    }
}

/// The results in the order of the input.
struct Results {
    /// The last stage's results, and what lets the feeder go on; `None` when dropping.
    ends: Option<(Receiver<Numbered>, Sender<u64>)>,
    threads: Vec<JoinHandle<()>>,
    /// The place whose result is due.
    next: u64,
    /// Results that came early, from the place that is due on.
    waiting: VecDeque<Option<u64>>,
}

impl Iterator for Results {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (results, grants) = self.ends.as_ref()?;
        let value = match self.waiting.front_mut().and_then(Option::take) {
            Some(value) => {
                self.waiting.pop_front();
                value
            }
            None => loop {
                let (place, value) = results.recv().ok()?;
                if place == self.next {
                    self.waiting.pop_front();
                    break value;
                }
                let ahead = (place - self.next) as usize;
                if self.waiting.len() <= ahead {
                    self.waiting.resize(ahead + 1, None);
                }
                self.waiting[ahead] = Some(value);
            },
        };
        self.next += 1;
        if self.next.is_multiple_of(WINDOW / 2) {
            // Gone when it has fed everything; then nobody needs room.
            let _ = grants.send(WINDOW / 2);
        }
        Some(value)
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        self.ends = None;
        for thread in self.threads.drain(..) {
            // A panic of the work has ended the stream early, which the comparison of results reports.
            let _ = thread.join();
        }
    }
}
