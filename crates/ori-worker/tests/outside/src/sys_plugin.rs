//! This crate as a library in another program: an interpreter's module, a plug-in.

use ori::ErrorKind;
use ori::background::ProcessPool;

/// Whether process pools are refused here, with the reason; 0 if so.
#[unsafe(no_mangle)]
pub extern "C" fn pools_are_refused() -> i32 {
    // Also when somebody has called it: there is no `main` of ours to come back to.
    ori::init();
    let Err(error) = ProcessPool::builder().build() else { return 1 };
    let message = error.to_string();
    println!("{message}");
    let is_refused = error.kind() == ErrorKind::NoInteractiveProcessPools;
    if is_refused && message.contains("another program") && message.contains("use threads") { 0 } else { 2 }
}
