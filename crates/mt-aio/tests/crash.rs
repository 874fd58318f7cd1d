//! A few writers that are killed; `stress` kills hundreds.

mod killed;

fn main() {
    killed::main(40);
}
