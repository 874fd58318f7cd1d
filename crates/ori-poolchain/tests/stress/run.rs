//! Runs a case and says what was wrong.

use std::collections::{HashMap, HashSet};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, Weak, mpsc};
use std::thread;
use std::time::Duration;

use ori_background::{Executor, Shutdown, ThreadPool};
use ori_errors::{OriError, Result};
use ori_poolchain::PoolChain;
use ori_test_support::{Random, wait_until};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::case::{Case, Consumer, Fate, Kind, Pool, Source};
use crate::pools;

/// The longest nap; the machine's own pauses are longer.
const NAP_MICROS: u64 = 300;

/// What everything in a run shares.
struct World {
    case: Case,
    /// Items that are alive.
    alive: AtomicI64,
    /// States of workers that are alive, a stage each.
    states: Vec<AtomicUsize>,
    /// Functions that run now, a stage each.
    running: Vec<AtomicUsize>,
    tries: Mutex<HashMap<(usize, u64), u32>>,
    pulled: AtomicU64,
    given: AtomicU64,
    wrong: Mutex<Vec<String>>,
    /// The run is over, and stuck functions may return.
    over: Mutex<bool>,
    ended: Condvar,
    cancelled: AtomicBool,
}

impl World {
    fn complain(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap();
        if wrong.len() < 10 {
            wrong.push(what);
        }
    }

    fn nap(&self, salt: u64) {
        let mut random = Random::seeded(self.case.seed ^ salt.wrapping_mul(0x9e37_79b9));
        match random.below(8) {
            0..=3 => {}
            4 | 5 => thread::yield_now(),
            // tidy: allow(sleep): random naps are what this test is about
            _ => thread::sleep(Duration::from_micros(random.below(NAP_MICROS))),
        }
    }

    /// Reads one item; the window is checked here, where it would be exceeded.
    fn pull(self: &Arc<Self>, position: u64) -> Item {
        if self.case.source_naps {
            self.nap(position);
        }
        let pulled = self.pulled.fetch_add(1, SeqCst) + 1;
        let inside = pulled.saturating_sub(self.given.load(SeqCst));
        let is_lazy = !matches!(self.case.consumer, Consumer::Eager | Consumer::Scoped);
        if is_lazy && inside > self.case.buffer.unwrap_or(65_536) as u64 {
            self.complain(format!("{inside} items inside at once"));
        }
        if matches!(self.case.source, Source::Panics { at, .. } if at == position) {
            panic!("{}", crate::EXPECTED);
        }
        Item::new(self, position, position)
    }

    /// The function of a stage, up to its value.
    fn call(&self, stage: usize, position: u64) -> Fate {
        let running = self.running[stage].fetch_add(1, SeqCst) + 1;
        let options = &self.case.stages[stage];
        if let (Some(workers), None) = (options.workers, options.limit) {
            if running > workers {
                self.complain(format!("{running} items at once in stage {}", stage + 1));
            }
        }
        if options.naps {
            self.nap(position ^ (stage as u64) << 40);
        }
        let mut fate = self.case.fate(stage, position);
        if let Fate::Panics(_) | Fate::Sticks = fate {
            let mut tries = self.tries.lock().unwrap();
            let tries = tries.entry((stage, position)).or_insert(0);
            *tries += 1;
            let bad = if let Fate::Panics(times) = fate { times } else { 1 };
            if *tries > bad {
                fate = Fate::Passes;
            }
        }
        if fate == Fate::Sticks {
            let over = self.over.lock().unwrap();
            drop(self.ended.wait_while(over, |over| !*over).unwrap());
        }
        self.running[stage].fetch_sub(1, SeqCst);
        if matches!(fate, Fate::Panics(_)) {
            panic!("{}", crate::EXPECTED);
        }
        fate
    }
}

/// The world of the one case that runs: items that come back from a process find it here.
static CURRENT: Mutex<Weak<World>> = Mutex::new(Weak::new());

/// An item that counts itself, except in a worker process, where there is nobody to count for.
struct Item {
    position: u64,
    value: u64,
    world: Option<Arc<World>>,
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        (self.position, self.value).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let (position, value) = Deserialize::deserialize(deserializer)?;
        let world = CURRENT.lock().unwrap().upgrade();
        Ok(Self::counted(world, position, value))
    }
}

/// What a process stage is sent once.
#[derive(Serialize, Deserialize)]
struct InProcess {
    stage: usize,
    deadly: Vec<u64>,
}

impl InProcess {
    fn call(&mut self, item: Item) -> Item {
        if self.deadly.contains(&item.position) {
            process::exit(3);
        }
        item.step(self.stage)
    }
}

impl Item {
    fn new(world: &Arc<World>, position: u64, value: u64) -> Self {
        Self::counted(Some(Arc::clone(world)), position, value)
    }

    fn counted(world: Option<Arc<World>>, position: u64, value: u64) -> Self {
        world.iter().for_each(|world| _ = world.alive.fetch_add(1, SeqCst));
        Self { position, value, world }
    }

    fn step(&self, stage: usize) -> Self {
        Self::counted(self.world.clone(), self.position, Case::step(self.value, stage))
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.world.iter().for_each(|world| _ = world.alive.fetch_sub(1, SeqCst));
    }
}

/// The state of a worker, which counts itself.
struct State {
    world: Arc<World>,
    stage: usize,
}

impl State {
    fn new(world: &Arc<World>, stage: usize) -> Self {
        let alive = world.states[stage].fetch_add(1, SeqCst) + 1;
        let options = &world.case.stages[stage];
        if let (Some(workers), None) = (options.workers, options.limit) {
            if alive > workers {
                world.complain(format!("{alive} states for {workers} workers of stage {}", stage + 1));
            }
        }
        Self { world: Arc::clone(world), stage }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.world.states[self.stage].fetch_sub(1, SeqCst);
    }
}

/// Runs the case; the error says what was wrong.
pub(crate) fn run(case: &Case) -> std::result::Result<(), String> {
    let counters = || case.stages.iter().map(|_| AtomicUsize::new(0)).collect();
    let world = Arc::new(World {
        case: case.clone(),
        alive: AtomicI64::new(0),
        states: counters(),
        running: counters(),
        tries: Mutex::default(),
        pulled: AtomicU64::new(0),
        given: AtomicU64::new(0),
        wrong: Mutex::default(),
        over: Mutex::new(false),
        ended: Condvar::new(),
        cancelled: AtomicBool::new(false),
    });
    *CURRENT.lock().unwrap() = Arc::downgrade(&world);
    let mut doomed = Vec::new();
    let chain = chain(&world, &mut doomed);
    let (source, feed) = source(&world);
    if case.consumer == Consumer::Eager {
        check_eager(&world, chain.execute_eager(source));
        drop(chain);
    } else if case.consumer == Consumer::Scoped {
        check_eager(&world, chain.execute_eager_scoped(source));
        drop(chain);
    } else {
        consume(&world, chain, source, feed, &doomed);
    }
    *world.over.lock().unwrap() = true;
    world.ended.notify_all();
    // Threads that were running finish in the background; then nobody has a handle but this one.
    wait_until(Duration::from_secs(30), || Arc::strong_count(&world) == 1);
    let alive = world.alive.load(SeqCst);
    if alive != 0 {
        world.complain(format!("{alive} items were not dropped"));
    }
    if world.states.iter().any(|states| states.load(SeqCst) != 0) {
        world.complain("a worker's state was not dropped".to_owned());
    }
    let wrong = std::mem::take(&mut *world.wrong.lock().unwrap());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn chain(world: &Arc<World>, doomed: &mut Vec<(u64, ThreadPool)>) -> PoolChain<Item, Item> {
    let mut chain = PoolChain::new();
    for (index, stage) in world.case.stages.iter().enumerate() {
        let function = {
            let world = Arc::clone(world);
            move |item: Item| {
                world.call(index, item.position);
                item.step(index)
            }
        };
        let unreliable = |refuses| pools::Unreliable {
            pool: pools::pool(4),
            refuses,
            jobs: Arc::new(AtomicU64::new(world.case.seed % 3)),
        };
        let pool: Option<Arc<dyn Executor>> = match stage.pool {
            Pool::Own => None,
            Pool::Shared => Some(Arc::new(pools::shared())),
            Pool::Rayon => Some(Arc::new(pools::Rayon)),
            Pool::NewThread => Some(Arc::new(pools::NewThread)),
            Pool::Refusing => Some(Arc::new(unreliable(true))),
            Pool::Dropping => Some(Arc::new(unreliable(false))),
            Pool::ShutDownAt(results) => {
                let pool = pools::pool(4);
                doomed.push((results, pool.clone()));
                Some(Arc::new(pool))
            }
        };
        let fallible = {
            let world = Arc::clone(world);
            move |item: Item| match world.call(index, item.position) {
                Fate::Fails => Err("fails"),
                _ => Ok(item.step(index)),
            }
        };
        chain = match (stage.kind, pool) {
            (Kind::Fallible, Some(pool)) => chain.add(fallible, pool).fallible(),
            (Kind::Fallible, None) => chain.add_threadpool(fallible).fallible(),
            (_, Some(pool)) => chain.add(function, pool),
            (Kind::Plain, None) => chain.add_threadpool(function),
            (Kind::Async, None) => {
                let function = Arc::new(function);
                let naps = stage.naps;
                chain.add_async(move |item: Item| {
                    let function = Arc::clone(&function);
                    async move {
                        if naps {
                            tokio::time::sleep(Duration::from_micros(item.position % NAP_MICROS)).await;
                        }
                        function(item)
                    }
                })
            }
            (Kind::Process, None) => {
                let context = InProcess { stage: index, deadly: stage.deadly.clone() };
                chain.add_processpool_init(context, |context| context, InProcess::call)
            }
            (Kind::Init, None) => {
                let world = Arc::clone(world);
                chain.add_threadpool_init(
                    move || State::new(&world, index),
                    move |_: &mut State, item| function(item),
                )
            }
            (Kind::Ref, None) => {
                let world = Arc::clone(world);
                chain.add_threadpool_ref(move |item: &Item| {
                    world.call(index, item.position);
                    item.step(index)
                })
            }
        };
        chain = chain.retries(stage.retries);
        if let Some(workers) = stage.workers {
            chain = chain.max_workers(workers);
        }
        if let Some(items) = stage.chunk {
            chain = chain.chunksize(items);
        }
        if let Some(limit) = stage.limit {
            chain = chain.timeout(limit);
        }
    }
    if let Some(items) = world.case.buffer {
        chain = chain.buffer(items);
    }
    if world.case.unordered { chain.unordered() } else { chain }
}

type Items = Box<dyn Iterator<Item = Item> + Send>;

/// The source, and for one that is fed by the consumer the end to send into.
fn source(world: &Arc<World>) -> (Items, Option<mpsc::Sender<u64>>) {
    let items = world.case.items;
    let here = Arc::clone(world);
    let make = move |position| here.pull(position);
    match world.case.source {
        Source::Vector => (Box::new((0..items).collect::<Vec<_>>().into_iter().map(make)), None),
        Source::Range => (Box::new((0..items).map(make)), None),
        Source::Panics { knows_length: true, .. } => (Box::new((0..=items).map(make)), None),
        Source::Filtered => (Box::new((0..items).filter(|_| true).map(make)), None),
        Source::Panics { .. } => (Box::new((0..=items).filter(|_| true).map(make)), None),
        Source::Channel => {
            let (send, receive) = mpsc::channel();
            let world = Arc::clone(world);
            thread::spawn(move || {
                for item in 0..items {
                    if world.case.source_naps {
                        world.nap(!item);
                    }
                    if send.send(item).is_err() {
                        break;
                    }
                }
            });
            (Box::new(receive.into_iter().map(make)), None)
        }
        Source::Feedback(first) => {
            let (send, receive) = mpsc::channel();
            for item in 0..first.min(items) {
                send.send(item).expect("the receiver is here");
            }
            (Box::new(receive.into_iter().map(make)), Some(send))
        }
    }
}

/// Takes the results one by one and checks each.
fn consume(
    world: &Arc<World>,
    chain: PoolChain<Item, Item>,
    source: Items,
    mut feed: Option<mpsc::Sender<u64>>,
    doomed: &[(u64, ThreadPool)],
) {
    let case = &world.case;
    let mut results = match chain.execute_lazy(source) {
        Ok(results) => results,
        Err(error) => return world.complain(format!("the chain was refused: {error}")),
    };
    let mut chain = Some(chain);
    if case.drop_chain_first {
        chain = None;
    }
    let mut sent = match case.source {
        Source::Feedback(first) => first,
        _ => 0,
    };
    let mut unseen: HashSet<u64> = (0..case.results()).collect();
    let mut count = 0;
    loop {
        for (at, pool) in doomed {
            if *at == count {
                pool.shutdown(Shutdown::Abandon);
            }
        }
        match case.consumer {
            Consumer::DropsAfter(results) if count == results => return,
            Consumer::CancelsAfter(at) if count == at && !world.cancelled.swap(true, SeqCst) => {
                results.cancel()
            }
            _ => {}
        }
        if sent >= case.items {
            feed = None;
        }
        let Some(result) = results.next() else { break };
        count += 1;
        world.given.store(count, SeqCst);
        if let Some(feed) = &feed {
            let _ = feed.send(sent);
            sent += 1;
        }
        if case.consumer_naps {
            world.nap(count << 20);
        }
        match check(case, &result) {
            Ok(Some(position)) => {
                if !case.unordered && position + 1 != count {
                    world.complain(format!("item {position} came as number {}", count - 1));
                }
                if !unseen.remove(&position) {
                    world.complain(format!("item {position} came twice or should not be"));
                }
            }
            Ok(None) => {
                // The run failed, and that must be its end.
                if results.next().is_some() {
                    world.complain("a result after the run had failed".to_owned());
                }
                return;
            }
            Err(wrong) => world.complain(wrong),
        }
    }
    if count != case.results() && !world.cancelled.load(SeqCst) {
        world.complain(format!("{count} results"));
    }
    drop(chain);
}

/// The position of a result that is as expected; `None` for an executor's error.
fn check(case: &Case, result: &Result<Item>) -> std::result::Result<Option<u64>, String> {
    match result {
        Ok(item) => match case.expected(item.position) {
            Ok(value) if value == item.value => Ok(Some(item.position)),
            expected => Err(format!("item {} is {}, not {expected:?}", item.position, item.value)),
        },
        Err(error) => check_error(case, error),
    }
}

fn check_error(case: &Case, error: &OriError) -> std::result::Result<Option<u64>, String> {
    let Some(position) = error.item() else {
        return if case.is_unreliable() { Ok(None) } else { Err(format!("the run failed: {error:?}")) };
    };
    let stage = error.stage().unwrap_or_default();
    if error.is_timeout() && case.may_time_out(stage) {
        return Ok(Some(position));
    }
    match case.expected(position) {
        Err((kind, expected)) if kind == error.kind() && expected == stage => Ok(Some(position)),
        expected => Err(format!("item {position} is {error:?}, not {expected:?}")),
    }
}

/// Checks the values, or that the error is the first one.
fn check_eager(world: &World, outcome: Result<Vec<Item>>) {
    let case = &world.case;
    let first_error = (0..case.results()).find(|position| case.expected(*position).is_err());
    match outcome {
        Ok(mut items) => {
            if case.unordered {
                items.sort_by_key(|item| item.position);
            }
            if let Some(position) = first_error {
                world.complain(format!("no error, but item {position} should fail"));
            }
            let right = |(index, item): (u64, &Item)| {
                item.position == index && Ok(item.value) == case.expected(index)
            };
            if items.len() as u64 != case.results() || !(0..).zip(&items).all(right) {
                world.complain(format!("wrong values, {} of them", items.len()));
            }
        }
        Err(error) => match check_error(case, &error) {
            Ok(Some(position)) if case.unordered || first_error.is_none_or(|first| position <= first) => {}
            Ok(None) => {}
            Ok(Some(position)) => world.complain(format!("item {position} is not the first that fails")),
            Err(wrong) => world.complain(wrong),
        },
    }
}
