//! Sound against reference data: what others made of the same samples and files.

mod damage;
mod data;
mod formats;
mod mel;

fn main() {
    let mut tests = data::Tests::new();
    mel::add(&mut tests);
    formats::add(&mut tests);
    damage::add(&mut tests);
    tests.run();
}
