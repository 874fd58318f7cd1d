//! An example.

fn main() -> ori::Result<()> {
    ori::init();
    outside::check()
}
