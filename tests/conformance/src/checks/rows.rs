//! The rows of section 16 that no check of the other areas is: a client library's own behaviour, or a core's work.

use crate::check::{Check, client_row, core_row};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    client_row("row.runtime-and-os-info", "16.1 runtime and OS info"),
    client_row("row.management-device", "16.1 management device"),
    client_row("row.fpga-only-key", "16.1 query an FPGA-only key"),
    client_row("row.read-only-map", "16.2 read-only map"),
    core_row(
        "row.export-import-two-processes",
        "16.2 export/import, two processes",
    ),
    client_row("row.cu-indices", "16.3 CU indices"),
    client_row("row.two-queues", "16.3 two queues"),
    core_row("row.multi-context-io", "16.3 multi-context IO"),
    core_row("row.one-good-run", "16.4 one good run / three commands"),
    core_row("row.latency", "16.4 latency, no-op and real"),
    core_row("row.throughput", "16.4 throughput"),
    core_row("row.polling", "16.4 polling variants"),
    core_row("row.chained-latency", "16.4 chained latency"),
    core_row("row.chained-throughput", "16.4 chained throughput"),
    core_row("row.elf-runs", "16.4 ELF runs"),
    core_row("row.preemption-elf", "16.4 preemption ELF, 8 commands"),
    core_row("row.user-pointers-in-io", "16.4 user-pointer BOs in IO"),
    core_row("row.write-to-read-only", "16.4 write to read-only user pointer"),
    core_row("row.loopback-bandwidth", "16.4 1 GiB loopback bandwidth"),
    core_row("row.async-error", "16.5 async error"),
    core_row("row.async-error-threads", "16.5 async error, many threads"),
    core_row("row.app-health", "16.6 app health, 2+ contexts"),
];
