//! The verbs against simulated NPUs: this program is the simulator, the tool under it, and another program that
//! uses the NPU, by its first argument.
//!
//! Where the kernel lets no simulator run, the tests are shown as ignored, with the reason.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "how the roles talk")]

#[path = "../../../runtime/tests/npu/files.rs"]
mod files;

mod simulated {
    pub mod docs;
    pub mod doctor;
    pub mod ending;
    pub mod following;
    pub mod golden;
    pub mod holder;
    pub mod manners;
    pub mod reports;
    pub mod roles;
    pub mod running;
    pub mod screen;
    pub mod tool;
    pub mod top;
    pub mod tracing;
    pub mod verbs;
}

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use simulated::{
    docs, doctor, ending, following, golden, holder, manners, reports, roles, running, top, tracing, verbs,
};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("--simulator") => return roles::simulator(&args[1..]),
        Some("--tool") => return roles::tool(&args[1..]),
        Some("--hold") => return holder::hold(&args[2..]),
        Some("--top") => return top::scene(&args[2..], 2, "holder"),
        Some("--six") => return top::scene(&args[2..], 6, "holder"),
        Some("--zaphod") => return top::scene(&args[2..], 1, "zaphod"),
        Some("--evil") => return top::scene(&args[2..], 1, manners::EVIL),
        Some("--manners") => return manners::scene(),
        Some("--family") => return following::family(),
        Some("--attach") => return tracing::scene(&args[2]),
        // What `xdna report --conformance` runs is a verb of the same program.
        Some("conformance") => return xdna_conformance::run(args[2..].iter().map(Into::into)),
        Some("--golden") => return golden::scene(),
        Some("--doctor") => return doctor::scene(args[2].parse().expect("a count"), args[3] == "hang"),
        _ => {}
    }
    let unavailable = roles::unavailable();
    let all = [
        golden::tests(),
        docs::tests(),
        manners::tests(),
        doctor::tests(),
        verbs::tests(),
        reports::tests(),
        tracing::tests(),
        running::tests(),
        top::tests(),
        ending::tests(),
        following::tests(),
    ];
    let trials = all.into_iter().flatten().map(|(name, test)| {
        let name = match &unavailable {
            None => name,
            Some(reason) => format!("{name} ({reason})"),
        };
        Trial::test(name, test).with_ignored_flag(unavailable.is_some())
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
