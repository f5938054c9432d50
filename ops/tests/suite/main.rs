//! One suite of operators, run for every implementation against double precision.
mod attention;
mod linear;
mod reference;
mod rows;

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_ops::{Backend, Cpu, Isa};

/// A statement about a backend of so many threads.
type Check = fn(&dyn Fn(usize) -> Box<dyn Backend>);

fn main() {
    let checks = linear::CHECKS.iter().chain(attention::CHECKS).chain(rows::CHECKS);
    let mut trials = Vec::new();
    for &(name, check) in checks {
        for isa in Isa::ALL {
            let run = move || {
                check(&|threads| {
                    Box::new(Cpu::with_isa(threads, isa).expect("an available instruction set"))
                });
                Ok::<(), Failed>(())
            };
            let trial = if isa.is_available() {
                Trial::test(format!("{isa}::{name}"), run)
            } else {
                let name = format!("{isa}::{name} (this processor has no {isa})");
                Trial::test(name, run).with_ignored_flag(true)
            };
            trials.push(trial);
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
