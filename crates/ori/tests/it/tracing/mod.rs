//! What the crates tell a subscriber is what `docs/tracing.md` says. Where there are worker processes
//! and commands: all of it.

mod listener;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use listener::{Listener, Row, Told};
use ori::background::{ProcessPool, Shutdown, ThreadPool};
use ori::{PoolChain, aio, bridge, subprocess};
use ori_test_support::{alone, wait_until, within};

/// For what never ends.
const LIMIT: Duration = Duration::from_millis(50);
/// For what ends at once on a machine that is not busy.
const LONG_LIMIT: Duration = Duration::from_secs(2);
/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function that does not return before the test is over.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// The rows of the table in the documentation.
fn documented() -> BTreeSet<Row> {
    let page = include_str!("../../../guide/tracing.md");
    let rows = page.lines().filter(|line| line.starts_with("| `ori_") || line.starts_with("| `mt_aio`"));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 6, "{line}");
        Row {
            target: quoted(cells[0]).remove(0),
            kind: if cells[1] == "span" { "span" } else { "event" },
            name: quoted(cells[2]).remove(0),
            level: cells[3].to_owned(),
            fields: quoted(cells[4]),
        }
    };
    rows.map(row).collect()
}

#[test]
fn the_table_says_what_is_told() {
    alone("tracing::the_table_says_what_is_told", || {
        let listener = Listener::install();
        let told = listener.clone();
        within(2 * PATIENCE, move || {
            thread_stages();
            async_stages();
            process_stages();
            thread_pools();
            process_pools();
            commands();
            bridges();
            delayed_writes();
            // Threads leave when they like.
            let documented = documented();
            let given_up = Instant::now() + PATIENCE / 2;
            wait_until(PATIENCE, || told.rows() == documented || Instant::now() > given_up);
        });
        let (told, documented) = (listener.rows(), documented());
        let unknown: Vec<_> = told.difference(&documented).collect();
        let unheard: Vec<_> = documented.difference(&told).collect();
        assert!(
            unknown.is_empty() && unheard.is_empty(),
            "not in the table: {unknown:#?}\nnot told: {unheard:#?}"
        );
        let fields = listener.all().into_iter().flat_map(|told| told.values.into_keys());
        let page = include_str!("../../../guide/tracing.md");
        for field in fields.filter(|field| *field != "message").collect::<BTreeSet<_>>() {
            let in_the_glossary = |line: &str| {
                let first = line.strip_prefix("| `").and_then(|line| line.split('|').next());
                first.is_some_and(|names| format!("`{names}").contains(&format!("`{field}`")))
            };
            assert!(page.lines().any(in_the_glossary), "{field} is not explained");
        }
    });
}

fn thread_stages() {
    let gate = Gate::default();
    let stuck = gate.clone();
    let chain = PoolChain::new()
        .add_threadpool(move |n: u32| {
            if n == 1 {
                stuck.wait();
            }
            n
        })
        .timeout(LONG_LIMIT)
        .name("stuck")
        .add_threadpool_ref(|n: &u32| assert_ne!(*n, 2, "a secret"))
        .retries(1);
    let results: Vec<_> = chain.execute_lazy(0..4).unwrap().collect();
    assert!(results[1].as_ref().unwrap_err().is_timeout());
    assert!(results[2].as_ref().unwrap_err().is_panic());
    gate.open();
}

fn async_stages() {
    let chain = PoolChain::new()
        .add_async_ref(|n: Arc<u32>| async move {
            if *n == 1 {
                std::future::pending::<()>().await;
            }
        })
        .timeout(LIMIT)
        .retries(1)
        .name("pending");
    let results: Vec<_> = chain.execute_lazy(0..3).unwrap().collect();
    assert!(results[1].as_ref().unwrap_err().is_timeout());
}

fn process_stages() {
    let chain = PoolChain::new()
        .add_processpool(|n: u32| if n == 2 { std::process::abort() } else { n })
        .retries(1)
        .max_workers(1)
        .name("fragile");
    let results: Vec<_> = chain.execute_lazy(0..4).unwrap().collect();
    assert!(results[2].as_ref().unwrap_err().is_worker_lost());
}

fn thread_pools() {
    let gate = Gate::default();
    let stuck = gate.clone();
    let pool = ThreadPool::builder().max_workers(1).task_timeout(LIMIT).build().unwrap();
    assert!(pool.submit(move || stuck.wait()).result().unwrap_err().is_timeout());
    pool.shutdown(Shutdown::Wait);
    gate.open();
}

fn process_pools() {
    let builder = || ProcessPool::builder().max_workers(1);
    let pool = builder().task_timeout(LIMIT).build().unwrap();
    let forever = |()| {
        loop {
            std::hint::spin_loop();
        }
    };
    let error = pool.submit::<(), (), _>(forever, ()).result().unwrap_err();
    assert!(error.is_timeout(), "{error}");
    pool.shutdown(Shutdown::Wait);

    let pool = builder().max_tasks_per_worker(1).build().unwrap();
    assert_eq!(pool.submit(|n: u32| n, 1).result().unwrap(), 1);
    pool.shutdown(Shutdown::CancelPending);

    let pool = builder().initializer(|| -> Result<(), String> { Err("no model".into()) }).build().unwrap();
    assert!(pool.submit(|n: u32| n, 1).result().is_err());
}

fn commands() {
    let error = subprocess::run_process(["sh", "-c", "sleep 1000; echo a secret"])
        .timeout(LIMIT)
        .output()
        .unwrap_err();
    assert!(error.is_timeout());
}

fn bridges() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(async { bridge::sync(async { 1 }) }), 1);
}

fn delayed_writes() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let cx = aio::Context::asynchronous();
        drop(aio::write_text_delayed("/no such folder/a", "", aio::WriteOptions::new(), &cx));
        aio::yield_control().await;
    });
}

#[test]
fn an_event_says_where_and_why_and_nothing_of_the_item() {
    alone("tracing::an_event_says_where_and_why_and_nothing_of_the_item", || {
        let listener = Listener::install();
        let told = listener.clone();
        within(2 * PATIENCE, || {
            thread_stages();
            async_stages();
            process_stages();
            commands();
        });
        let value = |target: &str, name: &str, stage: Option<&str>, field: &str| {
            let all = listener.all();
            let is_it = |told: &&Told| {
                let is_there =
                    stage.is_none_or(|stage| told.values.get("stage").is_some_and(|at| at == stage));
                told.target == target && told.name == name && is_there
            };
            let told = all.iter().find(is_it).unwrap_or_else(|| panic!("{name} was not told"));
            told.values.get(field).cloned().unwrap_or_default()
        };
        let run = |name, field| value("ori_poolchain", name, None, field);
        assert_eq!(run("run started", "stages"), "stuck, stage 2");
        assert_eq!(
            ["results", "errors", "complete"].map(|field| run("run ended", field)),
            ["4", "2", "true"]
        );

        let item = |name, stage| {
            ["item", "limit_s", "tries", "kind"].map(|field| value("ori_poolchain", name, Some(stage), field))
        };
        assert_eq!(item("worker lost", "stuck"), ["1", "2.0", "", ""]);
        assert_eq!(item("item timed out", "stuck"), ["1", "2.0", "", ""]);
        assert_eq!(item("item retried", "stage 2"), ["2", "", "1", "task panicked"]);
        assert_eq!(item("item retried", "pending"), ["1", "", "1", "time limit passed"]);
        assert_eq!(item("item timed out", "pending"), ["1", "0.05", "", ""]);

        let command = |field| value("ori_subprocess", "command ended", None, field);
        assert_eq!(["program", "killed", "signal"].map(command), ["sh", "true", "15"]);

        assert_eq!(item("item retried", "fragile"), ["2", "", "1", "worker lost"]);
        assert_eq!(item("item lost", "fragile"), ["2", "", "", ""]);
        let worker = |name, field| value("ori_worker", name, None, field);
        assert_eq!(["signal", "exit_code"].map(|field| worker("worker lost", field)), ["6", ""]);
        assert!(worker("worker lost", "task").contains("process_stages"));
        assert_eq!(worker("worker lost", "pid"), worker("worker started", "pid"));
        assert_eq!(["tries", "kind"].map(|field| worker("task retried", field)), ["1", "worker lost"]);

        for told in told.all() {
            let text = format!("{told:?}");
            assert!(!text.contains("secret"), "{text}");
        }
    });
}

#[test]
fn what_user_functions_tell_belongs_to_the_run() {
    alone("tracing::what_user_functions_tell_belongs_to_the_run", || {
        let listener = Listener::install();
        let outer = tracing::info_span!(target: "user", "request");
        outer.in_scope(|| {
            // A time limit keeps the calling thread out of the stage.
            let tell = |n: u32| tracing::info!(target: "user", n, "working");
            let chain = PoolChain::new().add_threadpool(tell).timeout(PATIENCE);
            assert_eq!(chain.execute_eager([1, 2]).unwrap().len(), 2);
            let here = PoolChain::new().add_threadpool(tell);
            assert_eq!(here.execute_eager([3]).unwrap().len(), 1);
            let futures = PoolChain::new().add_async(move |n| async move { tell(n) });
            assert_eq!(futures.execute_eager([4]).unwrap().len(), 1);
            let command = subprocess::run_process_in_background(["echo", "5"]);
            let command = command.stdout_function(move |line: &str| tell(line.parse().unwrap()));
            assert!(command.start().unwrap().join().unwrap().success());
        });
        let all = listener.all();
        let parent = |n: &str| {
            let told = all.iter().find(|told| told.values.get("n").is_some_and(|value| value == n));
            told.unwrap().parent.clone().unwrap()
        };
        assert_eq!(
            ["1", "2", "3", "4", "5"].map(parent),
            ["chain run", "chain run", "chain run", "chain run", "command"]
        );
        assert_eq!(listener.first("ori_poolchain", "chain run").unwrap().parent.unwrap(), "request");
        assert_eq!(listener.first("ori_poolchain", "run ended").unwrap().parent.unwrap(), "chain run");
    });
}

#[test]
fn a_subscriber_that_panics_does_not_stop_a_pool() {
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    struct Panics;
    impl Subscriber for Panics {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "ori_worker" && metadata.name() != "pool started"
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            panic!("{} is too much for me", event.metadata().name());
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    alone("tracing::a_subscriber_that_panics_does_not_stop_a_pool", || {
        tracing::subscriber::set_global_default(Panics).unwrap();
        within(PATIENCE, || {
            let pool = ProcessPool::builder().max_workers(1).build().unwrap();
            let futures =
                [1, 2, 3].map(|n| pool.submit(|n: u32| if n == 2 { std::process::abort() } else { n }, n));
            let results = futures.map(|future| future.result().ok());
            assert_eq!(results, [Some(1), None, Some(3)]);
            pool.shutdown(Shutdown::Wait);
            wait_until(PATIENCE, || pool.worker_pids().is_empty());
        });
    });
}
