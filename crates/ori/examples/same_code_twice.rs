//! One function for sync and async programs: the same body, run by `srun` and by a runtime.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;
use std::time::Duration;

use ori::aio::{
    Asynch, Context, WriteOptions, arun, exists, json_load, json_save, mkdtemp, sleep, srun, srun_with,
};

/// What the user wants every function to know; it travels in the context.
struct Greeting(&'static str);

/// An asyn function: written once, with `await` wherever it may have to wait.
async fn visit(path: &Path, name: &str, cx: &Context) -> ori::Result<String> {
    let mut visitors: Vec<String> = if exists(path, cx).await? { json_load(path, cx).await? } else { vec![] };
    visitors.push(name.to_owned());
    sleep(Duration::from_millis(1), cx).await;
    json_save(path, &visitors, WriteOptions::new().pretty(), cx).await?;
    let Greeting(greeting) = cx.get().unwrap_or(&Greeting("Hello"));
    Ok(format!("{greeting}, {name}, you are number {}", visitors.len()))
}

/// An asynch function: plain callers call it as ever, async ones await what it gives.
fn count<'a>(
    path: &'a Path,
    cx: &'a Context,
) -> Asynch<ori::Result<usize>, impl Future<Output = ori::Result<usize>> + 'a> {
    arun(cx, async move |cx| Ok(json_load::<Vec<String>>(path, cx).await?.len()))
}

fn main() -> ori::Result<()> {
    let dir = srun(mkdtemp)?;
    let path = dir.join("visitors.json");

    // Without any runtime.
    println!("{}", srun(async |cx| visit(&path, "Ada", cx).await)?);
    let polite = Context::sync().with(Greeting("Good morning"));
    println!("{}", srun_with(polite, async |cx| visit(&path, "Grace", cx).await)?);
    assert_eq!(count(&path, &Context::sync()).now()?, 2);

    // In a runtime; no thread is held while it waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let cx = Context::asynchronous();
        println!("{}", visit(&path, "Barbara", &cx).await?);
        assert_eq!(count(&path, &cx).await?, 3);
        Ok::<_, ori::OriError>(())
    })?;

    // A function that must wait for something else cannot be run to its end by a plain call.
    let error = srun(async |_| std::future::pending::<ori::Result<()>>().await).unwrap_err();
    println!("as expected: {error}");
    srun(async |_| dir.close().await)
}
