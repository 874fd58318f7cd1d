//! A few writers that are killed; `stress` kills hundreds.

mod killed;

fn main() {
    let _ = killed::main(40);
}
