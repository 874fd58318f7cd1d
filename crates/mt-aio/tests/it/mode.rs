//! Contexts, `srun`, `arun`, `arun2`, `Asynch` and `Suspended`.

use std::future::{Ready, pending, ready};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mt_aio::{
    Asynch, Context, ErrorKind, OriError, Result, Suspended, arun, arun2, exists, sleep, srun, srun_with,
    yield_control,
};

use crate::running::{in_both_modes, runtime};

async fn double(n: u32, cx: &Context) -> Result<u32> {
    sleep(Duration::from_micros(1), cx).await;
    Ok(n * 2)
}

/// An asynch function over an asyn one.
fn quadruple(n: u32, cx: &Context) -> Asynch<Result<u32>, impl Future<Output = Result<u32>>> {
    arun(cx, async move |cx| double(double(n, cx).await?, cx).await)
}

#[test]
fn an_asyn_function_behaves_the_same_in_both_modes() {
    in_both_modes(async |cx| {
        assert_eq!(double(21, cx).await.unwrap(), 42);
        assert_eq!(quadruple(2, cx).await.unwrap(), 8);
        assert_eq!(arun2(quadruple(2, cx), cx).await.unwrap(), 8);
        assert_eq!(arun2(|cx| quadruple(2, cx), cx).await.unwrap(), 8);
    });
}

#[test]
fn an_asynch_function_is_a_plain_function_in_sync_mode() {
    assert_eq!(quadruple(1, &Context::sync()).now().unwrap(), 4);
    let cx = Context::asynchronous();
    assert!(matches!(quadruple(1, &cx), Asynch::Later(_)));
    let panic = ori_errors::catch_panic(|| quadruple(1, &cx).now()).unwrap_err();
    assert!(panic.panic_message().unwrap().contains("async mode"));
    assert!(panic.panic_location().unwrap().contains("mode.rs"), "names the caller");
}

#[test]
fn srun_on_something_that_suspends_is_suspended_and_names_the_call_site() {
    let line = line!() + 1;
    let error = srun(async |_| {
        let _: () = yield_control().await;
        Ok::<(), OriError>(())
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Suspended);
    assert!(error.to_string().contains(&format!("mode.rs:{line}:")), "{error}");

    let line = line!() + 1;
    let error = srun_with(Context::sync(), async |_| {
        let _: () = pending().await;
        Ok::<(), Suspended>(())
    })
    .unwrap_err();
    assert_eq!((error.location().file(), error.location().line()), (file!(), line));

    let cx = Context::sync();
    let line = line!() + 1;
    let error = arun(&cx, async |_| {
        let _: () = pending().await;
        Ok::<(), OriError>(())
    })
    .now()
    .unwrap_err();
    assert!(error.to_string().contains(&format!("mode.rs:{line}:")), "{error}");

    let error = srun(async |_| {
        let _: () = pending().await;
        Ok::<(), io::Error>(())
    })
    .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    let error = srun(async |_| {
        let _: () = pending().await;
        Ok::<(), Box<dyn std::error::Error>>(())
    })
    .unwrap_err();
    assert!(error.is::<Suspended>());
}

#[test]
fn what_a_suspended_function_holds_is_dropped() {
    let held = Arc::new(());
    let inside = held.clone();
    let error = srun(async move |_| {
        let _inside = inside;
        let _: () = pending().await;
        Ok::<(), OriError>(())
    });
    assert!(error.is_err());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn no_call_needs_a_runtime_in_sync_mode_and_none_minds_one() {
    let call = || srun(async |cx| exists("/", cx).await).unwrap();
    assert!(call());
    assert!(runtime().block_on(async { call() }));
    let current_thread = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(current_thread.block_on(async { call() }));
}

#[test]
fn async_mode_without_a_runtime_is_an_error_that_says_so() {
    let error = futures_lite::future::block_on(exists("/", &Context::asynchronous())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[test]
fn async_mode_works_on_a_current_thread_runtime_with_one_blocking_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let cx = Context::asynchronous();
    assert!(runtime.block_on(exists("/", &cx)).unwrap());
}

#[test]
fn a_context_carries_values_by_type_and_derived_ones_hide_them() {
    #[derive(Debug, PartialEq)]
    struct Name(&'static str);

    let plain = Context::asynchronous();
    let outer = plain.with(Name("outer")).with(7_u64);
    let inner = outer.with(Name("inner"));
    assert_eq!(plain.get::<Name>(), None);
    assert_eq!(outer.get::<Name>(), Some(&Name("outer")));
    assert_eq!(inner.get::<Name>(), Some(&Name("inner")));
    assert_eq!(inner.get::<u64>(), Some(&7));
    assert!(inner.is_async());

    let seen = srun_with(inner, async |cx| {
        Ok::<_, OriError>((cx.is_async(), cx.get::<Name>().unwrap().0, cx.get::<u32>().is_some()))
    });
    assert_eq!(seen.unwrap(), (false, "inner", false), "the values stay, the mode is sync");
}

#[test]
fn values_are_dropped_with_the_last_context() {
    let value = Arc::new(());
    let one = Context::sync().with(value.clone());
    let two = one.with(1_u8);
    drop(one);
    assert_eq!(Arc::strong_count(&value), 2);
    drop(two);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn an_asynch_is_awaited_in_a_task() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let later: Asynch<u8, Ready<u8>> = Asynch::Later(ready(1));
    let now: Asynch<u8, Ready<u8>> = Asynch::Now(2);
    let sum = runtime()
        .block_on(async { tokio::spawn(is_send(async move { later.await + now.await })).await.unwrap() });
    assert_eq!(sum, 3);
}

#[test]
fn the_futures_can_be_sent_to_other_threads() {
    fn is_send(_: impl Send) {}
    let cx = Context::asynchronous();
    is_send(mt_aio::read_text("a", None, &cx));
    is_send(mt_aio::write_text("a", "b", mt_aio::WriteOptions::new(), &cx));
    is_send(mt_aio::json_save("a", "b", mt_aio::WriteOptions::new(), &cx));
    is_send(mt_aio::json_load::<u8>("a", &cx));
    is_send(mt_aio::wait_until_file_exists("a", None, &cx));
    is_send(mt_aio::path::lock("a", mt_aio::path::Access::Read, &cx));
    is_send(mt_aio::mkdtemp(&cx));
    is_send(sleep(Duration::ZERO, &cx));
}

#[test]
fn sleep_takes_its_time_and_does_not_hold_a_runtime() {
    in_both_modes(async |cx| {
        let start = std::time::Instant::now();
        sleep(Duration::from_millis(2), cx).await;
        assert!(start.elapsed() >= Duration::from_millis(2));
    });
    // With the one thread of this runtime held, the other task could never set it free.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let cx = Context::asynchronous();
        let sleeping = sleep(Duration::from_secs(3600), &cx);
        let other = tokio::spawn(async { 1 });
        tokio::select! {
            () = sleeping => unreachable!("an hour has passed"),
            one = other => assert_eq!(one.unwrap(), 1),
        }
    });
}

#[test]
fn interactive_follows_the_environment() {
    assert_eq!(mt_aio::interactive(), mt_aio::Interactive::Outside);
}

#[test]
fn a_repl_is_inside() {
    ori_test_support::alone_with("mode::a_repl_is_inside", "export EVCXR_IS_RUNTIME=1", || {
        assert_eq!(mt_aio::interactive(), mt_aio::Interactive::Inside);
    });
}
