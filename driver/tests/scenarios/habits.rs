//! What no call of this crate ever does, whatever the program: read off the trace of one that does a bit of
//! everything.

use std::collections::HashMap;

use xdna_driver::{Feature, Outcome};

use super::{Scenario, scenario};
use crate::support::calls::{fields, lines};
use crate::support::{chain_of, context, device, nothing, outcome, run};

type Check = fn(&str);

pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for kernel in ["6.14", "6.18", "7.0", "7.3", "oot"] {
        let checks: [(&str, Check); 7] = [
            ("no_command_buffer_has_handle_0", handles),
            ("the_heap_is_mapped_before_it_is_cut", heap),
            ("heap_chunks_are_of_64_mib", chunks),
            ("command_buffers_are_of_type_cmd_and_one_page", command_buffers),
            ("threads_share_one_open", clients),
            ("queries_pass_full_size_buffers", query_buffers),
            ("wait_cmd_is_not_used", no_wait_cmd),
        ];
        for (title, check) in checks {
            all.push(Scenario {
                check_trace: Some(check),
                ..scenario(
                    format!("trap/{title}_on_{kernel}"),
                    &format!("--kernel {kernel} --fault command:2:error"),
                    everything,
                )
            });
        }
    }
    all
}

/// A bit of everything: commands of several kinds, one that fails, threads, and every query the driver has.
fn everything() {
    let device = device();
    let context = context(&device);
    let failed = {
        assert_eq!(outcome(&context), Outcome::Completed);
        run(&context, nothing(&context).build().unwrap())
    };
    assert!(!failed.outcome.is_success());
    assert_eq!(run(&context, failed.command).outcome, Outcome::Completed);
    assert_eq!(run(&context, chain_of(&context, 24)).outcome, Outcome::Completed);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let device = device.clone();
            scope.spawn(move || {
                let bo = device.create_dev_bo(100_000).unwrap();
                bo.write(0, &[1; 100]).unwrap();
                device.contexts().unwrap();
            });
        }
    });
    device.aie_version().unwrap();
    device.firmware_version().unwrap();
    device.clocks().unwrap();
    device.power_mode().unwrap();
    device.tile_status().unwrap();
    if device.supports(Feature::ResourceInfo).unwrap() {
        device.resource_info().unwrap();
    }
    if device.supports(Feature::Preemption).unwrap() {
        device.force_preempt().unwrap();
        device.frame_boundary_preempt().unwrap();
    }
    // What is not there is refused, not crashed into.
    let _ = device.sensors();
    let _ = device.telemetry();
}

/// Calls of one name: their fields as they went in.
fn calls<'t>(trace: &'t str, name: &'t str) -> impl Iterator<Item = HashMap<String, String>> + 't {
    lines(trace)
        .filter(move |line| line.name == name)
        .map(|line| fields(line.input))
        .map(|all| {
            all.iter()
                .filter_map(|field| field.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        })
}

fn number(call: &HashMap<String, String>, field: &str) -> u64 {
    call[field]
        .parse()
        .unwrap_or_else(|_| panic!("{field} of {call:?}"))
}

fn handles(trace: &str) {
    let handles: Vec<u64> = calls(trace, "exec_cmd")
        .map(|c| number(&c, "cmd_handles"))
        .collect();
    assert!(handles.len() >= 4 && !handles.contains(&0), "{handles:?}");
    let closed: Vec<u64> = calls(trace, "gem_close").map(|c| number(&c, "handle")).collect();
    assert!(closed.len() > 4 && !closed.contains(&0), "{closed:?}");
}

fn heap(trace: &str) {
    let (mut heaps, mut maps, mut cut) = (0, 0, 0);
    for line in lines(trace) {
        let fields = fields(line.input);
        let of_type = |number: &str| fields.iter().any(|f| *f == format!("type_={number}"));
        match line.name {
            "create_bo" if of_type("2") => heaps += 1,
            "mmap" => maps += 1,
            "create_bo" if of_type("3") => {
                cut += 1;
                assert!(heaps > 0 && maps >= heaps, "cut from a heap that is not mapped");
            }
            "create_hwctx" => assert!(heaps > 0 && maps >= heaps, "a context before the heap"),
            _ => {}
        }
    }
    assert!(cut > 4, "{cut}");
}

fn chunks(trace: &str) {
    let of_heap = |c: &HashMap<String, String>| number(c, "type_") == 2;
    let sizes: Vec<u64> = calls(trace, "create_bo")
        .filter(of_heap)
        .map(|c| number(&c, "size"))
        .collect();
    assert!(
        !sizes.is_empty() && sizes.iter().all(|size| *size == 64 << 20),
        "{sizes:?}"
    );
}

fn command_buffers(trace: &str) {
    let mut kinds = HashMap::new();
    for line in lines(trace).filter(|line| line.name == "create_bo") {
        let (input, output) = (fields(line.input), fields(line.output));
        let value = |fields: &[String], name: &str| {
            fields
                .iter()
                .find_map(|f| f.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        kinds.insert(
            value(&output, "handle"),
            (value(&input, "type_"), value(&input, "size")),
        );
    }
    let expected = (Some("4".to_owned()), Some("4096".to_owned()));
    let mut submitted = 0;
    for call in calls(trace, "exec_cmd") {
        assert_eq!(kinds[&Some(call["cmd_handles"].clone())], expected, "{call:?}");
        submitted += 1;
    }
    assert!(submitted >= 4);
}

fn clients(trace: &str) {
    // Opens of sysfs are no client's.
    let calls = lines(trace).filter(|l| l.client != "0");
    let (mut clients, mut threads): (Vec<_>, Vec<_>) = calls.map(|l| (l.client, l.thread)).unzip();
    clients.sort_unstable();
    clients.dedup();
    threads.sort_unstable();
    threads.dedup();
    assert_eq!((clients.len(), threads.len()), (1, 5));
}

/// Kernels to 7.0 write whole structs, whatever the size says.
fn query_buffers(trace: &str) {
    let mut asked = 0;
    for call in calls(trace, "get_info") {
        let needed = match number(&call, "param") {
            0 => 16,
            1 => 64,
            2 | 9 | 11 | 13 => 8,
            3 => 48,
            4 => 168,
            5 => 64 * 64,
            8 => 16,
            10 => 16 + 4 * 16 + 4080,
            12 => 40,
            other => panic!("parameter {other} in {call:?}"),
        };
        assert!(number(&call, "buffer_size") >= needed, "{call:?}");
        asked += 1;
    }
    assert!(asked >= 6, "{asked}");
}

fn no_wait_cmd(trace: &str) {
    assert_eq!(calls(trace, "wait_cmd").count(), 0);
    assert!(calls(trace, "syncobj_timeline_wait").count() >= 4);
}
