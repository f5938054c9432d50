//! The calls themselves: which, in which order, with what in every field and behind every pointer.
//!
//! Files are seen when they are opened: what is read from them is in `queries`. `close` and `munmap` are seen by what
//! they leave.

use std::sync::Arc;

use xdna_driver::{Bo, Command, Cu, Device, Outcome, Wait};

use super::{Scenario, scenario};
use crate::support::calls::{call, lines};
use crate::support::golden::is;
use crate::support::{context, device, nothing, run, soon};

pub fn scenarios() -> Vec<Scenario> {
    let traced = |title, args, run, check| Scenario {
        check_trace: Some(check),
        ..scenario(title, args, run)
    };
    vec![
        traced(
            "trace/walk_through_of_xdna1",
            "--device npu1",
            walk_through_1,
            is_walk_through_1,
        ),
        traced(
            "trace/walk_through_of_xdna2",
            "--device npu4",
            walk_through_2,
            is_walk_through_2,
        ),
        traced(
            "trace/one_call_to_submit_two_with_the_wait",
            "",
            hundred_commands,
            are_two_hundred_calls,
        ),
    ]
}

/// Section 12.1: four columns, one kernel with function 0, a PDI of 0x3000 bytes, an instruction stream of 0x400
/// and three buffers of 4096.
fn walk_through_1() {
    let device = device();
    let context = device.context(4).build().unwrap();
    let pdi = device.create_dev_bo(0x3000).unwrap();
    pdi.write(0, &crate::support::images::empty_pdi()).unwrap();
    context
        .configure(&[Cu {
            pdi: &pdi,
            function: 0,
        }])
        .unwrap();
    let instructions = device.create_dev_bo(0x400).unwrap();
    instructions
        .write(0, &crate::support::images::empty_transaction(3, 4))
        .unwrap();
    let data: Vec<Arc<Bo>> = (0..3).map(|_| device.create_bo(4096).unwrap()).collect();
    data[0].write(0, &[1; 4096]).unwrap();
    let command = Command::start_cu(&device, context.cu(0).unwrap())
        .u64(3)
        .addr(&instructions)
        .u32(0x100);
    let command = data
        .iter()
        .fold(command, |command, bo| command.addr(bo))
        .build()
        .unwrap();
    let handles: Vec<u32> = command.buffers().iter().map(|bo| bo.handle().get()).collect();
    assert_eq!(
        handles,
        [&instructions, &data[0], &data[1], &data[2]].map(|bo| bo.handle().get())
    );
    let low = |bo: &Bo| bo.device_addr().get() as u32;
    let high = |bo: &Bo| (bo.device_addr().get() >> 32) as u32;
    let [v0, v1, v2] = [&*data[0], &*data[1], &*data[2]];
    let head = [0x3000_C001, 1, 3, 0, low(&instructions), 0, 0x100];
    assert_eq!(
        command.words(),
        [
            &head[..],
            &[low(v0), high(v0), low(v1), high(v1), low(v2), high(v2)]
        ]
        .concat()
    );
    let finished = run(&context, command);
    assert_eq!(
        (finished.outcome, finished.command.state()),
        (Outcome::Completed, 4)
    );
    data[2].read(0, &mut [0; 4096]).unwrap();
    drop((context, finished));
    drop(data);
    drop((instructions, pdi));
    is_all_there_was(device);
}

/// The last steps make no calls that are traced: after them nothing of the device is open or mapped.
fn is_all_there_was(device: Device) {
    // Heap, and descriptor.
    assert!(traces() > 1);
    drop(device);
    assert_eq!(traces(), 0);
}

/// Mappings and descriptors of the simulated device's memory, which is a file of this name.
fn traces() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = descriptors.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
    let names = links.map(|path| path.to_string_lossy().into_owned());
    names
        .chain(maps.lines().map(str::to_owned))
        .filter(|name| name.contains("/memfd:amdxdna"))
        .count()
}

/// Written from section 12.1. What the kernel returns: context 1, syncobj 1 and no doorbell; the PDI behind the
/// four internal slots of 32 KiB; handles counted up from 1. Flags in octal: O_CLOEXEC is 0o2000000, O_RDWR 2; the
/// folder is opened with O_DIRECTORY and O_NONBLOCK too. H is where the heap is mapped, Mn the offset of buffer n,
/// Vn the address of data buffer n. `doorbell` and QoS are in the struct, the deadline is absolute and ahead.
fn is_walk_through_1(trace: &str) {
    is(trace, include_str!("../golden/xdna1.calls"));
}

/// Section 12.2: as before with eight columns, and control code run by START_NPU.
fn walk_through_2() {
    let device = device();
    let context = device.context(8).build().unwrap();
    let pdi = device.create_dev_bo(0x3000).unwrap();
    pdi.write(0, &crate::support::images::empty_pdi()).unwrap();
    context
        .configure(&[Cu {
            pdi: &pdi,
            function: 0,
        }])
        .unwrap();
    let code = device.create_dev_bo(0x400).unwrap();
    code.write(0, &crate::support::images::empty_transaction(4, 8))
        .unwrap();
    let command = Command::start_npu(&device, context.cu(0).unwrap(), &code, 20)
        .u64(3)
        .u64(0)
        .u32(0);
    let command = command.build().unwrap();
    assert_eq!(
        command.words(),
        [0x3A00_A001, 1, 0x0402_8000, 0, 20, 0, 3, 0, 0, 0, 0]
    );
    assert_eq!(run(&context, command).outcome, Outcome::Completed);
    drop(context);
    drop((code, pdi));
    is_all_there_was(device);
}

/// Written from sections 12.1 and 12.2.
fn is_walk_through_2(trace: &str) {
    is(trace, include_str!("../golden/xdna2.calls"));
}

fn hundred_commands() {
    let device = device();
    let context = context(&device);
    let mut command = nothing(&context).build().unwrap();
    for _ in 0..100 {
        let Wait::Ended(finished) = context.submit(command).unwrap().wait(soon()).unwrap() else {
            panic!("pending")
        };
        command = finished.command;
    }
}

fn are_two_hundred_calls(trace: &str) {
    let calls: Vec<String> = lines(trace).map(call).collect();
    let first = calls
        .iter()
        .position(|c| c.starts_with("exec_cmd "))
        .expect("a submission");
    let (pairs, rest) = calls[first..].split_at(200);
    for pair in pairs.chunks(2) {
        assert!(
            pair[0].starts_with("exec_cmd ") && pair[1].starts_with("syncobj_timeline_wait "),
            "{pair:?}"
        );
    }
    assert!(
        !rest
            .iter()
            .any(|c| c.starts_with("exec_cmd ") || c.starts_with("syncobj_timeline_wait "))
    );
}
