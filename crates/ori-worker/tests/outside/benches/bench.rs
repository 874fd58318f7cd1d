//! A benchmark with a main of its own.

fn main() -> ori::Result<()> {
    ori::init();
    outside::check()
}
