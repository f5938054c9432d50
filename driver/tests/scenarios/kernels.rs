//! The same program on every device, kernel and address mode.

use xdna_driver::{Command, Outcome};

use super::{Scenario, scenario};
use crate::support::{context, device, instructions, outcome, run};

pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for kernel in [
        "6.14", "6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2", "7.3", "staging", "oot",
    ] {
        for device in ["npu1", "npu4", "npu5", "npu6"] {
            let args = format!("--device {device} --kernel {kernel}");
            all.push(scenario(
                format!("kernels/{device}_on_{kernel}"),
                &args,
                walk_through,
            ));
        }
    }
    for (kernel, mode) in [
        ("7.1", "iova"),
        ("7.2", "iova"),
        ("7.3", "iova"),
        ("7.2", "carveout"),
        ("7.3", "carveout"),
    ] {
        let args = format!("--kernel {kernel} --iommu {mode}");
        all.push(scenario(
            format!("kernels/npu4_on_{kernel}_by_{mode}"),
            &args,
            walk_through,
        ));
    }
    for firmware in ["6.12", "6.15", "6.18", "6.19", "6.24", "7.0"] {
        let args = format!("--firmware {firmware}");
        all.push(scenario(
            format!("kernels/npu4_with_firmware_{firmware}"),
            &args,
            walk_through,
        ));
    }
    all
}

fn walk_through() {
    let device = device();
    assert_eq!(device.metadata().column_bytes, 504);
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    let old = device.driver_version().level() == 0;
    let code = instructions(&device);
    let data = device.create_bo(4096).unwrap();
    let npu = Command::start_npu(&device, context.cu(0).unwrap(), &code, 20)
        .u64(3)
        .addr(&data)
        .build()
        .unwrap();
    let outcome = run(&context, npu).outcome;
    // 6.14 and 6.15 send a message of the wrong size; 6.16 and 6.17 say level 0, too.
    assert!(outcome == Outcome::Completed || old, "{outcome}");
    let contexts = device.contexts().unwrap();
    assert_eq!(contexts.len(), 1);
    assert_eq!(
        (contexts[0].id, contexts[0].pid),
        (context.id().get(), std::process::id().into())
    );
    assert!(contexts[0].submissions >= 2, "{contexts:?}");
    let status = device.tile_status().unwrap();
    assert!(!status.columns.is_empty());
    device.firmware_version().unwrap();
    device.clocks().unwrap();
    device.power_mode().unwrap();
    assert_eq!(device.aie_version().unwrap(), (1, 1));
}
