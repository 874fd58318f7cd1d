//! An ordinary program.

fn main() -> ori::Result<()> {
    ori::init();
    outside::check()?;
    outside::forget_workers()?;
    println!("all results are right, and two workers are forgotten");
    Ok(())
}
