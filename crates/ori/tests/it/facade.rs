//! What the facade promises to programs: the paths of its items.

use ori::{ErrorKind, OriError, PoolChain};

/// The items of the facade and of the crates are the same ones, not copies.
#[test]
fn the_root_and_the_modules_name_the_same_items() {
    fn through_the_root(text: &str) -> ori::Result<u64> {
        text.parse()
            .map_err(|error| ori::errors::OriError::new(ErrorKind::Codec, "not a number").with_source(error))
    }
    fn through_the_modules(text: &str) -> ori::errors::Result<u64, OriError> {
        through_the_root(text)
    }
    assert_eq!(through_the_modules("7").unwrap(), 7);
    assert_eq!(through_the_modules("x").unwrap_err().kind(), ori::errors::ErrorKind::Codec);

    let chain: ori::poolchain::PoolChain<u64, u64> = PoolChain::new().add_threadpool(|n: u64| n + 1);
    assert_eq!(chain.execute_eager([1]).unwrap(), [2]);
}

/// A pool of one module is an executor for the other.
#[test]
fn a_pool_is_shared_by_background_calls_and_a_chain() {
    let pool = ori::background::ThreadPool::builder().max_workers(2).thread_name("shared").build().unwrap();
    let name = || std::thread::current().name().unwrap_or("").to_owned();

    let call = ori::background::run_in_background(name, pool.clone()).unwrap();
    assert!(call().result().unwrap().starts_with("shared"));

    let chain = PoolChain::new().add(move |_: u64| name(), pool);
    let names = chain.execute_eager(0..100).unwrap();
    assert!(names.iter().all(|name| name.starts_with("shared")), "{names:?}");
}
