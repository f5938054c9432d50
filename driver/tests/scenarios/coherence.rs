//! Caches between host and device: what the driver flushes is all that the device needs.

use xdna_driver::Outcome;

use super::{Scenario, scenario};
use crate::support::{chain_of, context, device, outcome, run};

pub fn scenarios() -> Vec<Scenario> {
    let behind_caches = |kernel: &str, more: &str| Scenario {
        environment: vec![("XDNA_DEBUG", "sync-ioctl")],
        check_trace: Some(nothing_is_missing),
        ..scenario(
            format!(
                "coherence/everything_is_flushed_{}",
                [kernel, more].concat().replace([' ', '-'], "_")
            ),
            &format!("--incoherent --kernel {kernel} {more}"),
            commands_and_chains,
        )
    };
    let blind = Scenario {
        check_trace: Some(one_warning),
        ..scenario(
            "coherence/flushes_by_instruction_are_not_seen",
            "--incoherent",
            commands_and_chains,
        )
    };
    vec![
        behind_caches("6.17", ""),
        behind_caches("6.19", ""),
        behind_caches("7.1", "--iommu iova"),
        behind_caches("7.3", ""),
        behind_caches("7.3", "--device npu1"),
        behind_caches("7.3", "--iommu carveout"),
        behind_caches("oot", ""),
        blind,
    ]
}

fn commands_and_chains() {
    let device = device();
    let context = context(&device);
    for _ in 0..3 {
        assert_eq!(outcome(&context), Outcome::Completed);
    }
    assert_eq!(run(&context, chain_of(&context, 4)).outcome, Outcome::Completed);
    let bo = device.create_bo(8192).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    bo.write(4000, &bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    bo.read(4000, &mut back).unwrap();
    assert_eq!(back, bytes);
}

fn nothing_is_missing(trace: &str) {
    assert!(trace.contains(" sync_bo "), "nothing is flushed by SYNC_BO");
    for line in trace.lines() {
        assert!(
            !line.contains("missing flush") && !line.contains("has flushed no buffer"),
            "{line}"
        );
    }
}

fn one_warning(trace: &str) {
    let warnings = trace
        .lines()
        .filter(|line| line.contains("has flushed no buffer by SYNC_BO"));
    assert_eq!(warnings.count(), 1);
    assert!(!trace.contains("missing flush"), "{trace}");
}
