//! [`BusyLoad`]: every processor busy, so that races show which a quiet machine hides.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// One spinning thread for each processor while it lives; dropping it ends them and waits for
/// their end.
///
/// ```
/// let load = ori_test_support::BusyLoad::start();
/// // ... what must also hold on a busy machine ...
/// drop(load);
/// ```
#[derive(Debug)]
#[must_use = "the load ends when it is dropped"]
pub struct BusyLoad {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl BusyLoad {
    /// Starts the load.
    ///
    /// ```
    /// let _load = ori_test_support::BusyLoad::start();
    /// ```
    ///
    /// # Panics
    /// When a thread cannot be started.
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let spin = |stop: Arc<AtomicBool>| {
            move || {
                while !stop.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            }
        };
        let threads = (0..processors).map(|_| thread::spawn(spin(Arc::clone(&stop)))).collect();
        Self { stop, threads }
    }
}

impl Drop for BusyLoad {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A spinning thread has nothing to panic about.
            let _ = thread.join();
        }
    }
}
