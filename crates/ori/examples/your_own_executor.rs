//! Your program has a rayon pool or a tokio runtime already: let Ori run its work there.
//!
//! An `Executor` takes boxed jobs and runs each once. It takes the place of Ori's own threads in
//! background calls and in the stages of a chain.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use ori::PoolChain;
use ori::background::{Executor, Job, run_in_background};

struct Rayon(rayon::ThreadPool);

impl Executor for Rayon {
    fn execute(&self, job: Job) -> ori::Result<()> {
        self.0.spawn(job);
        Ok(())
    }

    fn max_workers(&self) -> usize {
        self.0.current_num_threads()
    }
}

struct Tokio {
    runtime: tokio::runtime::Handle,
    /// The runtime does not tell how many threads it has for blocking code, so we remember.
    threads: usize,
}

impl Executor for Tokio {
    fn execute(&self, job: Job) -> ori::Result<()> {
        // A job runs user code that may block, which the runtime's async threads must not.
        self.runtime.spawn_blocking(job);
        Ok(())
    }

    fn max_workers(&self) -> usize {
        self.threads
    }
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or("").to_owned()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rayon = rayon::ThreadPoolBuilder::new().thread_name(|n| format!("rayon {n}")).build()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().max_blocking_threads(4).thread_name("tokio").build()?;
    let tokio = || Tokio { runtime: runtime.handle().clone(), threads: 4 };

    // A function in the background of the runtime, awaited there.
    let length = run_in_background(|text: &'static str| (text.len(), thread_name()), tokio())?;
    let (bytes, thread) = runtime.block_on(length("twelve bytes"))?;
    assert_eq!((bytes, thread.as_str()), (12, "tokio"));

    // A chain with one stage on each.
    let chain = PoolChain::new()
        .add(|n: u64| (n * n, thread_name()), Rayon(rayon))
        .name("square")
        .add(|(square, first)| (square, first, thread_name()), tokio())
        .name("label");
    for (n, result) in (0..100).zip(chain.execute_lazy(0..100)?) {
        let (square, first, second) = result?;
        assert_eq!(square, n * n);
        assert!(first.starts_with("rayon ") && second == "tokio", "{first}, {second}");
    }
    println!("100 squares by rayon, labelled by tokio");
    Ok(())
}
