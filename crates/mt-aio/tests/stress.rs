//! Hundreds of writers that are killed:
//!
//! ```text
//! ORI_STRESS_CHAINS=500 cargo test --release -p mt-aio --test stress
//! ```

mod killed;

fn main() {
    killed::main(500);
}
