//! Hundreds of writers that are killed, and queues between crowds of threads and tasks:
//!
//! ```text
//! ORI_STRESS_CHAINS=500 cargo test --release -p mt-aio --test stress
//! ```

mod crowd;
mod killed;

fn main() {
    let (times, seed) = killed::main(500);
    ori_test_support::stress::run(times, seed, crowd::LIMIT, crowd::round);
}
