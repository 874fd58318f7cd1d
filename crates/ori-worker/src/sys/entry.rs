//! Starting a worker before `main`, and ending one at once.

/// Ends the process now: no destructor, no exit handler, nothing flushed.
///
/// The lifeline uses it while another thread runs user code, which may hold any lock that an
/// orderly exit would wait for.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions; it never returns.
    unsafe { libc::_exit(code) }
}

/// Makes writing to a closed pipe an error instead of a signal, as Rust's own start of `main` does.
pub(crate) fn ignore_broken_pipes() {
    // SAFETY: no handler function is installed, and no other thread of this process exists yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// What [`test_worker!`](crate::test_worker) makes the loader call before `main`.
#[doc(hidden)]
pub extern "C" fn before_main() {
    // Nothing may unwind out of here: the loader called it.
    let outcome = std::panic::catch_unwind(crate::start::init_before_main);
    if outcome.is_err() {
        exit_now(crate::start::EXIT_BROKEN);
    }
}

/// Lets the binary of `cargo test` start worker processes: write it once, at the root of the test
/// binary (`tests/it/main.rs`, or `lib.rs` under `#[cfg(test)]`).
///
/// The `main` of a test binary is the test runner's, so [`init`](crate::init) cannot stand there.
/// This puts a pointer where the loader finds what to call before `main`. In an ordinary start it
/// only notes that it ran; a worker is served right there, before the runner would start. Works
/// with `cargo test` and `cargo nextest` alike, on Linux.
///
/// ```
/// # fn main() {
/// ori_worker::test_worker!();
/// # }
/// ```
#[macro_export]
macro_rules! test_worker {
    () => {
        const _: () = {
            // The loader calls each pointer of this section once, on the main thread, after the
            // libraries that the program links have been initialized, Rust's `std` among them.
            #[used]
            #[unsafe(link_section = ".init_array")]
            static START: extern "C" fn() = $crate::__private::before_main;
        };
    };
}
