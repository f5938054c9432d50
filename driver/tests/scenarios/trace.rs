//! The calls themselves: which, in which order, with what in every field.

use std::sync::Arc;

use xdna_driver::{Bo, Command, Cu, Outcome, Wait};

use super::{Scenario, scenario};
use crate::support::calls::{call, is, lines};
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
}

/// Written from section 12.1. What the kernel returns: context 1, syncobj 1 and no doorbell; the PDI behind the
/// four internal slots of 32 KiB; handles counted up from 1.
fn is_walk_through_1(trace: &str) {
    is(
        trace,
        "
        version version_major=0 version_minor=0 version_patchlevel=0 pad=0 name_len=0 name=0 date_len=0 date=0 desc_len=0 desc=0 -> version_minor=10 name_len=20 date_len=1 desc_len=27
        version version_major=0 version_minor=0 version_patchlevel=0 pad=0 name_len=20 name=* date_len=1 date=* desc_len=27 desc=* -> version_minor=10
        get_info param=1 buffer_size=64 buffer=*
        create_bo flags=0 vaddr=0 size=67108864 type_=2 handle=0 -> handle=1
        get_bo_info ext=0 ext_flags=0 handle=1 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=none xdna_addr=67108864
        mmap offset=* len=67108864 private=false
        create_hwctx ext=0 ext_flags=0 qos_p=* umq_bo=0 log_buf_bo=0 max_opc=8192 num_tiles=16 mem_size=0 umq_doorbell=0 handle=0 syncobj_handle=0 -> umq_doorbell=4294967295 handle=1 syncobj_handle=1
        create_bo flags=0 vaddr=0 size=12288 type_=3 handle=0 -> handle=2
        get_bo_info ext=0 ext_flags=0 handle=2 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=none vaddr=* xdna_addr=67239936
        config_hwctx handle=1 param_type=0 param_val=* param_val_size=16 pad=0
        create_bo flags=0 vaddr=0 size=1024 type_=3 handle=0 -> handle=3
        get_bo_info ext=0 ext_flags=0 handle=3 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=none vaddr=* xdna_addr=67272704
        create_bo flags=0 vaddr=0 size=4096 type_=1 handle=0 -> handle=4
        get_bo_info ext=0 ext_flags=0 handle=4 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=none xdna_addr=none
        mmap offset=* len=4096 private=false
        get_bo_info ext=0 ext_flags=0 handle=4 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=* xdna_addr=*
        create_bo flags=0 vaddr=0 size=4096 type_=1 handle=0 -> handle=5
        get_bo_info ext=0 ext_flags=0 handle=5 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=none xdna_addr=none
        mmap offset=* len=4096 private=false
        get_bo_info ext=0 ext_flags=0 handle=5 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=* xdna_addr=*
        create_bo flags=0 vaddr=0 size=4096 type_=1 handle=0 -> handle=6
        get_bo_info ext=0 ext_flags=0 handle=6 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=none xdna_addr=none
        mmap offset=* len=4096 private=false
        get_bo_info ext=0 ext_flags=0 handle=6 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=* xdna_addr=*
        create_bo flags=0 vaddr=0 size=4096 type_=4 handle=0 -> handle=7
        get_bo_info ext=0 ext_flags=0 handle=7 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=none xdna_addr=none
        mmap offset=* len=4096 private=false
        exec_cmd ext=0 ext_flags=0 hwctx=1 type_=0 cmd_handles=7 args=* cmd_count=1 arg_count=4 seq=0
        syncobj_timeline_wait handles=* points=* timeout_nsec=* count_handles=1 flags=2 first_signaled=0 pad=0 deadline_nsec=0
        syncobj_destroy handle=1 pad=0
        destroy_hwctx handle=1 pad=0
        gem_close handle=7 pad=0
        gem_close handle=4 pad=0
        gem_close handle=5 pad=0
        gem_close handle=6 pad=0
        gem_close handle=3 pad=0
        gem_close handle=2 pad=0
        ",
    );
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
}

/// Written from sections 12.1 and 12.2.
fn is_walk_through_2(trace: &str) {
    is(
        trace,
        "
        version version_major=0 version_minor=0 version_patchlevel=0 pad=0 name_len=0 name=0 date_len=0 date=0 desc_len=0 desc=0 -> version_minor=10 name_len=20 date_len=1 desc_len=27
        version version_major=0 version_minor=0 version_patchlevel=0 pad=0 name_len=20 name=* date_len=1 date=* desc_len=27 desc=* -> version_minor=10
        get_info param=1 buffer_size=64 buffer=*
        create_bo flags=0 vaddr=0 size=67108864 type_=2 handle=0 -> handle=1
        get_bo_info ext=0 ext_flags=0 handle=1 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=none xdna_addr=67108864
        mmap offset=* len=67108864 private=false
        create_hwctx ext=0 ext_flags=0 qos_p=* umq_bo=0 log_buf_bo=0 max_opc=32768 num_tiles=32 mem_size=0 umq_doorbell=0 handle=0 syncobj_handle=0 -> umq_doorbell=4294967295 handle=1 syncobj_handle=1
        create_bo flags=0 vaddr=0 size=12288 type_=3 handle=0 -> handle=2
        get_bo_info ext=0 ext_flags=0 handle=2 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=none vaddr=* xdna_addr=67239936
        config_hwctx handle=1 param_type=0 param_val=* param_val_size=16 pad=0
        create_bo flags=0 vaddr=0 size=1024 type_=3 handle=0 -> handle=3
        get_bo_info ext=0 ext_flags=0 handle=3 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=none vaddr=* xdna_addr=67272704
        create_bo flags=0 vaddr=0 size=4096 type_=4 handle=0 -> handle=4
        get_bo_info ext=0 ext_flags=0 handle=4 pad=0 map_offset=0 vaddr=0 xdna_addr=0 -> map_offset=* vaddr=none xdna_addr=none
        mmap offset=* len=4096 private=false
        exec_cmd ext=0 ext_flags=0 hwctx=1 type_=0 cmd_handles=4 args=* cmd_count=1 arg_count=1 seq=0
        syncobj_timeline_wait handles=* points=* timeout_nsec=* count_handles=1 flags=2 first_signaled=0 pad=0 deadline_nsec=0
        gem_close handle=4 pad=0
        syncobj_destroy handle=1 pad=0
        destroy_hwctx handle=1 pad=0
        gem_close handle=3 pad=0
        gem_close handle=2 pad=0
        ",
    );
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
