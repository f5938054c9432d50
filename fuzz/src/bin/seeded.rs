//! A target fed with its corpus, then with mutations of it by a seeded generator: needs no libFuzzer, and the same
//! arguments make the same inputs.
//!
//!     cargo run --release --no-default-features --features npu --bin seeded -- TARGET COUNT [SEED]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use xdna_fuzz::seeded;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| args.get(i).map(|text| text.replace('_', "").parse::<u64>());
    let target = args.first().and_then(|name| xdna_fuzz::target(name));
    let (Some(mut target), Some(Ok(count)), seed @ (None | Some(Ok(_)))) = (target, number(1), number(2))
    else {
        eprintln!("usage: seeded packets|requests|xclbin|pdi|cdo|control|elf COUNT [SEED]");
        return ExitCode::from(2);
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(&args[0]);
    let corpus = seeded::corpus(&folder);
    let kept = corpus.len();
    let begin = Instant::now();
    seeded::run(
        &mut *target,
        corpus,
        count,
        seed.and_then(Result::ok).unwrap_or(1),
    );
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{}: {kept} inputs of the corpus and {count} mutations in {seconds:.0} s",
        args[0]
    );
    ExitCode::SUCCESS
}
