//! Every device with every kernel, firmware protocol and address mode: it starts, or is refused for the reason that
//! the driver's probe would have (driver-abi 1.4 and 11).

use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_sim::profile::{AddressMode, Device, Kernel, Profile, Protocol};

const SIM: &str = env!("CARGO_BIN_EXE_xdna-sim");
const DEVICES: [&str; 4] = ["npu1", "npu4", "npu5", "npu6"];
const MODES: [&str; 3] = ["sva", "iova", "carveout"];
/// Kernel, whether it accepts protocols of major 7, how many of the address modes it has.
const KERNELS: [(&str, bool, usize); 11] = [
    ("6.14", false, 1),
    ("6.16", false, 1),
    ("6.17", false, 1),
    ("6.18", false, 1),
    ("6.19", false, 1),
    ("7.0", true, 1),
    ("7.1", true, 2),
    ("7.2", true, 3),
    ("7.3", true, 3),
    ("staging", true, 3),
    ("oot", true, 3),
];
/// Protocol, whether npu1 and the others have firmware of it that some driver takes.
const PROTOCOLS: [(&str, bool, bool); 12] = [
    ("5.6", false, false),
    ("5.7", true, false),
    ("5.8", true, false),
    ("6.6", false, false),
    ("6.11", false, false),
    ("6.12", false, true),
    ("6.15", false, true),
    ("6.18", false, true),
    ("6.19", false, true),
    ("6.24", false, true),
    ("7.0", false, true),
    ("8.0", false, false),
];

/// `None` if it starts, else part of the reason.
fn refusal(
    device: &str,
    kernel: (&str, bool, usize),
    protocol: (&str, bool, bool),
    mode: usize,
) -> Option<&'static str> {
    let (name, on_npu1, on_others) = protocol;
    let spoken = if device == "npu1" { on_npu1 } else { on_others };
    let too_new = name.starts_with('7') && !kernel.1;
    if !spoken || too_new {
        Some("does not accept firmware protocol")
    } else if mode >= kernel.2 {
        Some("has no address mode")
    } else {
        None
    }
}

fn every_combination_starts_or_says_why_not() -> Result<(), Failed> {
    let (mut starts, mut refused) = (0, 0);
    for device in DEVICES {
        for kernel in KERNELS {
            for protocol in PROTOCOLS {
                for (mode, name) in MODES.iter().enumerate() {
                    let profile = Profile::new(
                        device.parse::<Device>()?,
                        kernel.0.parse::<Kernel>()?,
                        Some(protocol.0.parse::<Protocol>()?),
                        name.parse::<AddressMode>()?,
                    );
                    let what = format!("{device} {} {} {name}", kernel.0, protocol.0);
                    match (profile, refusal(device, kernel, protocol, mode)) {
                        (Ok(_), None) => starts += 1,
                        (Err(e), Some(reason)) if e.to_string().contains(reason) => refused += 1,
                        other => return Err(format!("{what}: {other:?}").into()),
                    }
                }
            }
        }
    }
    // Six protocols of npu4, npu5 and npu6, of which the last from 7.0 on, and two of npu1.
    let (others, npu1) = (3 * (5 * 5 + 6 + 2 * 6 + 4 * 3 * 6), 2 * (6 + 2 + 4 * 3));
    assert_eq!(
        (starts, refused),
        (others + npu1, 4 * 11 * 12 * 3 - others - npu1)
    );
    assert_eq!(Kernel::all().count(), KERNELS.len());
    Ok(())
}

fn run(options: &[&str], script: &str) -> Result<Output, Failed> {
    let mut command = Command::new(SIM);
    command.args(options).args(["--", "sh", "-c", script]);
    Ok(command.output()?)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The defaults of each device and kernel, and each address mode, as a program meets them.
fn programs_meet_the_device_or_none() -> Result<(), Failed> {
    for device in DEVICES {
        let id = if device == "npu1" { "0x1502" } else { "0x17f0" };
        for kernel in KERNELS {
            for (mode, name) in MODES.iter().enumerate() {
                // One device is enough for the modes.
                if mode > 0 && device != "npu4" {
                    continue;
                }
                let options = ["--device", device, "--kernel", kernel.0, "--iommu", name];
                let output = if mode < kernel.2 {
                    run(
                        &options,
                        &format!(
                            "test -c /dev/accel/accel0 && grep {id} /sys/class/accel/accel0/device/device"
                        ),
                    )?
                } else {
                    run(&options, "test ! -e /dev/accel -a ! -e /sys/class/accel")?
                };
                let reason = if mode < kernel.2 {
                    "is simulated: "
                } else {
                    "no device: kernel"
                };
                if !output.status.success() || !said(&output).contains(reason) {
                    return Err(format!("{options:?}: {}", said(&output)).into());
                }
            }
        }
    }
    Ok(())
}

fn unknown_values_are_usage() -> Result<(), Failed> {
    for (options, known) in [
        (["--device", "npu2"], "npu1, npu4, npu5, npu6"),
        (
            ["--kernel", "6.13"],
            "6.14, 6.16, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3, staging, oot",
        ),
        (["--firmware", "new"], "MAJOR.MINOR"),
        (["--iommu", "off"], "sva, iova, carveout"),
        (["--fault", "exec_cmd"], "exec_cmd"),
        (["--fault", "exec_cmd:1:hang"], "hang"),
    ] {
        let output = run(&options, "true")?;
        assert_eq!(output.status.code(), Some(2), "{options:?}: {}", said(&output));
        assert!(said(&output).contains(known), "{options:?}: {}", said(&output));
    }
    Ok(())
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let tried = Command::new(SIM).args(["--", "true"]).output();
    let reason = match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(
            said(&output)
                .lines()
                .last()
                .unwrap_or("no reason given")
                .to_owned(),
        ),
        Err(e) => Some(e.to_string()),
    };
    let name = "programs_meet_the_device_or_none";
    let programs = match reason {
        None => Trial::test(name, programs_meet_the_device_or_none),
        Some(why) => Trial::test(format!("{name} ({why})"), || Ok(())).with_ignored_flag(true),
    };
    let trials = vec![
        Trial::test(
            "every_combination_starts_or_says_why_not",
            every_combination_starts_or_says_why_not,
        ),
        Trial::test("unknown_values_are_usage", unknown_values_are_usage),
        programs,
    ];
    libtest_mimic::run(&args, trials).exit_code()
}
