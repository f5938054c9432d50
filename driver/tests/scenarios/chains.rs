//! Long commands, and many in one.

use xdna_driver::{ChainBuilder, Command, Error, Finished, HwContext, Outcome};

use super::{Scenario, scenario};
use crate::support::{chain_of, context, dev_bo, device, nothing, run};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("completion/a_chain_completes", "", chain_completes),
        scenario(
            "trap/a_chain_overwritten_on_error_is_rebuilt",
            "--fault command:1:error@1",
            chain_rebuilt,
        ),
        scenario(
            "trap/a_failed_chain_names_the_command",
            "--fault command:1:error@1",
            chain_index,
        ),
        scenario(
            "trap/a_failed_chain_that_looks_completed_on_6_17",
            "--kernel 6.17 --fault command:1:error=0x4000004@1",
            chain_index,
        ),
        scenario(
            "trap/a_timed_out_chain_reports_health_in_its_first_command",
            "--fault command:1:hang@1 --job-timeout 50",
            chain_health,
        ),
        scenario(
            "chain/a_timeout_without_a_report_names_no_command",
            "--kernel 6.18 --fault command:1:hang@1 --job-timeout 50",
            chain_without_health,
        ),
        scenario(
            "trap/a_start_cu_of_more_than_19_words_is_refused_alone",
            "",
            nineteen_words,
        ),
        scenario("trap/chains_count_their_slots", "", slots),
        scenario(
            "trap/chains_count_legacy_slots",
            "--kernel 6.18 --device npu1",
            legacy_slots,
        ),
        scenario("trap/chains_do_not_mix_opcodes", "", mixed),
    ]
}

fn chain_completes() {
    let device = device();
    let context = context(&device);
    let mut chain = ChainBuilder::new(&device);
    for _ in 0..24 {
        chain.push(nothing(&context).build().unwrap()).unwrap();
    }
    let Finished { outcome, command } = run(&context, chain.build().unwrap());
    assert_eq!(outcome, Outcome::Completed);
    let again = run(&context, command);
    assert_eq!(again.outcome, Outcome::Completed);
    assert_eq!(again.command.into_links().len(), 24);
}

fn chain_rebuilt() {
    let device = device();
    let context = context(&device);
    let failed = run(&context, chain_of(&context, 3));
    assert!(!failed.outcome.is_success());
    assert_eq!(run(&context, failed.command).outcome, Outcome::Completed);
}

fn chain_index() {
    let device = device();
    let context = context(&device);
    assert_eq!(
        run(&context, chain_of(&context, 3)).outcome,
        Outcome::Failed { failed_at: Some(1) }
    );
}

fn chain_health() {
    let device = device();
    let context = context(&device);
    let outcome = run(&context, chain_of(&context, 3)).outcome;
    assert!(
        matches!(
            outcome,
            Outcome::TimedOut {
                failed_at: Some(_),
                health: Some(_)
            }
        ),
        "{outcome}"
    );
}

/// The index is in the report, which this kernel has none of: the driver leaves 0.
fn chain_without_health() {
    let device = device();
    let context = context(&device);
    let outcome = run(&context, chain_of(&context, 3)).outcome;
    let Outcome::TimedOut { failed_at, health } = outcome else {
        panic!("{outcome}");
    };
    assert!(matches!(failed_at, None | Some(0)), "{outcome}");
    assert!(health.is_none(), "{outcome}");
}

fn words(context: &HwContext, n: u32) -> Command {
    let command = Command::start_cu(context.device(), context.cu(0).unwrap());
    (0..n)
        .fold(command, |command, word| command.u32(word))
        .build()
        .unwrap()
}

fn nineteen_words() {
    let device = device();
    let context = context(&device);
    let data = device.create_bo(4096).unwrap();
    let mut fits = words(&context, 15);
    fits.set_addr(15 * 4, &data, 0).unwrap();
    fits.set_u64(17 * 4, 0).unwrap();
    assert_eq!(run(&context, fits).outcome, Outcome::Completed);
    let refused = context.submit(words(&context, 20)).unwrap_err();
    assert!(
        matches!(
            refused.reason,
            Error::TooLarge {
                len: 20,
                limit: 19,
                ..
            }
        ),
        "{}",
        refused.reason
    );
    let mut chain = ChainBuilder::new(&device);
    chain.push(*refused.command).unwrap();
    assert_eq!(run(&context, chain.build().unwrap()).outcome, Outcome::Completed);
}

/// Pushes commands of 15 words until the chain is full; runs it and returns how many fitted.
fn fill() -> usize {
    let device = device();
    let context = context(&device);
    let mut chain = ChainBuilder::new(&device);
    loop {
        let command = nothing(&context).u64(0).u64(0).build().unwrap();
        if let Err(full) = chain.push(command) {
            assert!(
                matches!(full.reason, Error::TooLarge { limit: 4096, .. }),
                "{}",
                full.reason
            );
            break;
        }
    }
    let commands = chain.len();
    assert_eq!(run(&context, chain.build().unwrap()).outcome, Outcome::Completed);
    commands
}

fn slots() {
    assert_eq!(fill(), 36);
}

fn legacy_slots() {
    assert_eq!(fill(), 60);
}

fn mixed() {
    let device = device();
    let context = context(&device);
    let mut chain = ChainBuilder::new(&device);
    chain.push(nothing(&context).build().unwrap()).unwrap();
    let code = dev_bo(&device, &[0; 64]);
    let npu = Command::start_npu(&device, context.cu(0).unwrap(), &code, 64)
        .build()
        .unwrap();
    assert!(matches!(
        chain.push(npu).unwrap_err().reason,
        Error::MixedChain { first: 0, other: 20 }
    ));
    let nested = chain_of(&context, 1);
    assert!(matches!(chain.push(nested).unwrap_err().reason, Error::BadChain));
    assert!(matches!(ChainBuilder::new(&device).build(), Err(Error::BadChain)));
}
