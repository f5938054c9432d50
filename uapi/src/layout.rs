//! Size of every struct and offset of every field, as compiling the headers of Linux 7.3.4 on x86-64 gives them.

use core::mem::offset_of;

use crate::ert::{ChainHead, HealthRecord, StartNpu, StartNpuPreempt};
use crate::newer::{AieCoredump, AieTileAccess, DptMetadata, GetDptState, HwctxEntry, QosInfo, SetDptState};
use crate::*;

macro_rules! layout {
    ($($name:ident = $size:literal { $($field:ident $at:literal),* })*) => {
        $(const _: () = {
            assert!(size_of::<$name>() == $size, concat!("size of ", stringify!($name)));
            $(assert!(
                offset_of!($name, $field) == $at,
                concat!("offset of ", stringify!($name), ".", stringify!($field))
            );)*
        };)*
    };
}

layout! {
    drm_version = 64 {
        version_major 0, version_minor 4, version_patchlevel 8, name_len 16, name 24, date_len 32, date 40,
        desc_len 48, desc 56
    }
    drm_get_cap = 16 { capability 0, value 8 }
    drm_gem_close = 8 { handle 0, pad 4 }
    drm_prime_handle = 12 { handle 0, flags 4, fd 8 }
    drm_syncobj_create = 8 { handle 0, flags 4 }
    drm_syncobj_destroy = 8 { handle 0, pad 4 }
    drm_syncobj_handle = 24 { handle 0, flags 4, fd 8, pad 12, point 16 }
    drm_syncobj_transfer = 32 { src_handle 0, dst_handle 4, src_point 8, dst_point 16, flags 24, pad 28 }
    drm_syncobj_wait = 40 {
        handles 0, timeout_nsec 8, count_handles 16, flags 20, first_signaled 24, pad 28, deadline_nsec 32
    }
    drm_syncobj_timeline_wait = 48 {
        handles 0, points 8, timeout_nsec 16, count_handles 24, flags 28, first_signaled 32, pad 36,
        deadline_nsec 40
    }
    drm_syncobj_eventfd = 24 { handle 0, flags 4, point 8, fd 16, pad 20 }
    drm_syncobj_array = 16 { handles 0, count_handles 8, pad 12 }
    drm_syncobj_timeline_array = 24 { handles 0, points 8, count_handles 16, flags 20 }
    drm_set_client_name = 16 { name_len 0, name 8 }

    amdxdna_qos_info = 24 { gops 0, fps 4, dma_bandwidth 8, latency 12, frame_exec_time 16, priority 20 }
    amdxdna_drm_create_hwctx = 56 {
        ext 0, ext_flags 8, qos_p 16, umq_bo 24, log_buf_bo 28, max_opc 32, num_tiles 36, mem_size 40,
        umq_doorbell 44, handle 48, syncobj_handle 52
    }
    amdxdna_drm_destroy_hwctx = 8 { handle 0, pad 4 }
    amdxdna_cu_config = 8 { cu_bo 0, cu_func 4, pad 5 }
    amdxdna_hwctx_param_config_cu = 8 { num_cus 0, pad 2, cu_configs 8 }
    amdxdna_drm_config_hwctx = 24 { handle 0, param_type 4, param_val 8, param_val_size 16, pad 20 }
    amdxdna_drm_va_entry = 16 { vaddr 0, len 8 }
    amdxdna_drm_va_tbl = 8 { dmabuf_fd 0, num_entries 4, va_entries 8 }
    amdxdna_drm_create_bo = 32 { flags 0, vaddr 8, size 16, type_ 24, handle 28 }
    amdxdna_drm_get_bo_info = 48 {
        ext 0, ext_flags 8, handle 16, pad 20, map_offset 24, vaddr 32, xdna_addr 40
    }
    amdxdna_drm_sync_bo = 24 { handle 0, direction 4, offset 8, size 16 }
    amdxdna_drm_exec_cmd = 56 {
        ext 0, ext_flags 8, hwctx 16, type_ 20, cmd_handles 24, args 32, cmd_count 40, arg_count 44, seq 48
    }
    amdxdna_drm_wait_cmd = 16 { hwctx 0, timeout 4, seq 8 }
    amdxdna_drm_get_info = 16 { param 0, buffer_size 4, buffer 8 }
    amdxdna_drm_set_state = 16 { param 0, buffer_size 4, buffer 8 }
    amdxdna_drm_get_array = 24 { param 0, element_size 4, num_element 8, pad 12, buffer 16 }

    amdxdna_drm_query_aie_status = 16 { buffer 0, buffer_size 8, cols_filled 12 }
    amdxdna_drm_query_aie_version = 8 { major 0, minor 4 }
    amdxdna_drm_query_aie_tile_metadata = 16 {
        row_count 0, row_start 2, dma_channel_count 4, lock_count 6, event_reg_count 8, pad 10
    }
    amdxdna_drm_query_aie_metadata = 64 { col_size 0, cols 4, rows 6, version 8, core 16, mem 32, shim 48 }
    amdxdna_drm_query_clock = 24 { name 0, freq_mhz 16, pad 20 }
    amdxdna_drm_query_clock_metadata = 48 { mp_npu_clock 0, h_clock 24 }
    amdxdna_drm_query_sensor = 168 {
        label 0, input 64, max 68, average 72, highest 76, status 80, units 144, unitm 160, type_ 161, pad 162
    }
    amdxdna_drm_query_hwctx = 64 {
        context_id 0, start_col 4, num_col 8, pad 12, pid 16, command_submissions 24, command_completions 32,
        migrations 40, preemptions 48, errors 56
    }
    amdxdna_drm_get_power_mode = 8 { power_mode 0, pad 1 }
    amdxdna_drm_query_firmware_version = 16 { major 0, minor 4, patch 8, build 12 }
    amdxdna_drm_get_resource_info = 40 {
        npu_clk_max 0, npu_tops_max 8, npu_task_max 16, npu_tops_curr 24, npu_task_curr 32
    }
    amdxdna_drm_attribute_state = 8 { state 0, pad 1 }
    amdxdna_drm_query_telemetry_header = 16 { major 0, minor 4, type_ 8, map_num_elements 12, map 16 }
    amdxdna_drm_hwctx_entry = 144 {
        context_id 0, start_col 4, num_col 8, hwctx_id 12, pid 16, command_submissions 24,
        command_completions 32, migrations 40, preemptions 48, errors 56, priority 64, heap_usage 72,
        suspensions 80, state 88, pasid 92, gops 96, fps 100, dma_bandwidth 104, latency 108,
        frame_exec_time 112, txn_op_idx 116, ctx_pc 120, fatal_error_type 124,
        fatal_error_exception_type 128, fatal_error_exception_pc 132, fatal_error_app_module 136, pad 140
    }
    amdxdna_async_error = 24 { err_code 0, ts_us 8, ex_err_code 16 }
    amdxdna_drm_bo_usage = 32 { pid 0, total_usage 8, internal_usage 16, heap_usage 24 }
    amdxdna_drm_set_power_mode = 8 { power_mode 0, pad 1 }
}

// Like drm_version.
layout! {
    VersionWire = 64 {
        version_major 0, version_minor 4, version_patchlevel 8, pad 12, name_len 16, name 24, date_len 32, date 40,
        desc_len 48, desc 56
    }
}

// As the drivers of the vendor's repository have them, of August 2026.
layout! {
    QosInfo = 32 { base 0, user_start_col 24, reserved 28 }
    HwctxEntry = 160 { base 0, name 144 }
    DptMetadata = 16 { offset 0, size 8, watch 12, pad 13 }
    SetDptState = 16 { action 0, config 4, pad 8 }
    GetDptState = 16 { version 0, status 4, config 8, pad 12 }
    AieCoredump = 16 { pid 0, context_id 8, pad 12 }
    AieTileAccess = 32 { pid 0, context_id 8, col 12, row 16, addr 20, size 24, kind 28, pad 29 }
}

// Command packets: ERT has no header among the kernel's.
const _: () = assert!(size_of::<ert::Header>() == 4);
layout! {
    StartNpu = 16 { instruction_buffer 0, instruction_buffer_size 8, instruction_prop_count 12 }
    StartNpuPreempt = 40 {
        instruction_buffer 0, save_buffer 8, restore_buffer 16, instruction_buffer_size 24, save_buffer_size 28,
        restore_buffer_size 32, instruction_prop_count 36
    }
    ChainHead = 24 { command_count 0, submit_index 4, error_index 8, reserved 12 }
    HealthRecord = 32 {
        version 0, npu_gen 4, txn_op_idx 8, ctx_pc 12, fatal_error_type 16, fatal_error_exception_type 20,
        fatal_error_exception_pc 24, fatal_error_app_module 28
    }
}

#[cfg(test)]
mod tests {
    /// The files that have structs of the interface.
    const SOURCES: [&str; 4] = [
        include_str!("bindings.rs"),
        include_str!("ert.rs"),
        include_str!("newer.rs"),
        include_str!("version.rs"),
    ];

    /// Every struct has its line above, with every field: what a newer header adds is noticed.
    #[test]
    fn every_field_of_every_struct_is_pinned() {
        let pinned: String = include_str!("layout.rs")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let (mut structs, mut fields) = (0, 0);
        for text in SOURCES {
            for (head, body) in text
                .split("\npub struct ")
                .skip(1)
                .filter_map(|s| s.split_once('{'))
            {
                let Some(name) = head.split([' ', '<', '(']).next() else {
                    continue;
                };
                // A helper of bindgen's, and the one that is a number.
                if name == "__IncompleteArrayField" || name == "Header" {
                    continue;
                }
                structs += 1;
                let line = pinned
                    .split_once(&*std::format!("{name} = "))
                    .map(|(_, rest)| rest);
                let line = line.unwrap_or_else(|| panic!("{name} is not pinned"));
                let line = line.split(" }").next().unwrap_or_default();
                let body = body.split("\n}").next().unwrap_or_default();
                let declared = body
                    .lines()
                    .filter_map(|l| l.trim().strip_prefix("pub ")?.split_once(':'));
                for (field, _) in declared {
                    fields += 1;
                    let words = std::format!(" {field} ");
                    assert!(line.contains(&*words), "{name}.{field} is not pinned in {line:?}");
                }
            }
        }
        assert_eq!(structs, 47 + 4 + 7 + 1);
        assert!(fields > 250, "{fields}");
    }
    extern crate std;
    use std::string::String;
    use std::vec::Vec;
}
