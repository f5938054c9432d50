//! Which test proves that a trap of driver-abi.md is known: section 14 by number, and what section 8 adds.

use std::path::Path;

/// A scenario's name, or a unit test's behind `unit:`; `*` at the end stands for the rest.
const TESTS: &[(&str, &[&str])] = &[
    ("14.1 driver 0.0", &["queries/features_follow_the_kernel_6_17"]),
    (
        "14.2 SYNC_BO from the device",
        &["trap/no_sync_from_device_on_6_19"],
    ),
    ("14.3 SYNC_BO ranges", &["trap/sync_ranges_are_checked_on_6_17"]),
    (
        "14.4 duplicate buffers",
        &["trap/duplicate_buffers_are_sent_once"],
    ),
    ("14.5 handle 0", &["trap/no_command_buffer_has_handle_0_on_*"]),
    (
        "14.6 seq 0 and point 0",
        &["trap/seq_0_does_not_wait_for_point_0"],
    ),
    (
        "14.7 state NEW behind a signalled fence",
        &[
            "trap/a_rejected_packet_stays_new",
            "completion/polling_ends_a_rejected_command",
        ],
    ),
    (
        "14.8 payload overwritten",
        &[
            "trap/a_packet_overwritten_on_error_is_rebuilt_on_*",
            "trap/a_chain_overwritten_on_error_is_rebuilt",
        ],
    ),
    (
        "14.9 failure data of a chain",
        &[
            "trap/a_timed_out_chain_reports_health_in_its_first_command",
            "trap/a_failed_chain_names_the_command",
        ],
    ),
    (
        "14.10 HW_CONTEXTS' buffer size",
        &[
            "trap/contexts_are_listed_by_6_17",
            "trap/contexts_are_listed_by_6_18",
        ],
    ),
    (
        "14.11 the context limit is EINVAL",
        &["trap/the_context_limit_is_named_on_*"],
    ),
    ("14.12 PDI buffers", &["trap/pdi_buffers_belong_to_the_context"]),
    (
        "14.13 CONFIG_CU errors",
        &[
            "trap/a_refused_configuration_fails_the_first_command_from_6_19",
            "trap/a_refused_configuration_is_an_errno_to_6_18",
        ],
    ),
    (
        "14.14 direct path limits",
        &[
            "trap/a_start_cu_of_more_than_19_words_is_refused_alone",
            "unit:nineteen_words_is_the_limit_of_a_single_start_cu",
        ],
    ),
    ("14.15 one opcode in a chain", &["trap/chains_do_not_mix_opcodes"]),
    (
        "14.16 slots of a chain",
        &["trap/chains_count_their_slots", "trap/chains_count_legacy_slots"],
    ),
    (
        "14.17 imported handles",
        &[
            "trap/an_imported_buffer_shares_its_handle",
            "unit:a_handle_an_import_got_back_survives_the_close_of_its_former_owner",
        ],
    ),
    (
        "14.18 fork",
        &[
            "trap/a_device_is_not_used_after_fork",
            "trap/every_descriptor_closes_on_exec",
        ],
    ),
    (
        "14.19 time limit of the device",
        &[
            "trap/the_time_limit_of_7_2_begins_anew_while_anything_ends_on_the_device",
            "trap/the_time_limit_of_7_1_is_each_commands_own",
        ],
    ),
    (
        "14.20 the heap must be mapped",
        &["trap/the_heap_is_mapped_before_it_is_cut_on_*"],
    ),
    (
        "14.21 heap of 64 MiB",
        &[
            "trap/heap_chunks_are_of_64_mib_on_*",
            "trap/the_heap_is_mapped_and_of_64_mib",
        ],
    ),
    (
        "14.22 size of command buffers",
        &["trap/command_buffers_are_of_type_cmd_and_one_page_on_*"],
    ),
    (
        "14.23 type of command buffers",
        &["trap/command_buffers_are_of_type_cmd_and_one_page_on_*"],
    ),
    ("14.24 one open", &["trap/threads_share_one_open_on_*"]),
    (
        "14.25 whole structs",
        &["trap/queries_pass_full_size_buffers_on_*"],
    ),
    ("14.26 WAIT_CMD", &["trap/wait_cmd_is_not_used_on_*"]),
    (
        "14.27 columns",
        &["trap/columns_of_another_width_collide_on_npu1"],
    ),
    (
        "14.28 debug buffers",
        &["trap/debug_buffers_stay_where_they_can_not_be_detached"],
    ),
    (
        "14.29 sensor units",
        &["unit:power_is_milliwatts_whatever_unit_and_scale_say"],
    ),
    (
        "14.30 EINTR",
        &[
            "trap/interrupted_calls_are_retried",
            "trap/a_wait_that_is_always_interrupted_ends_at_its_deadline",
            "trap/a_submission_that_is_always_interrupted_ends_at_its_deadline",
            "completion/signals_interrupt_nothing",
        ],
    ),
    (
        "14.31 the first call of a suspended device",
        &["trap/a_wait_begins_after_the_submission_that_wakes_the_device"],
    ),
    (
        "14.32 the state is another thread's",
        &[
            "unit:what_was_written_before_the_header_is_seen_after_it",
            "trap/a_health_report_is_whole_once_the_state_is_terminal",
        ],
    ),
    (
        "14.33 closed descriptors",
        &[
            "trap/a_subprocess_destroys_contexts_on_6_18_and_that_is_said",
            "trap/a_forked_child_destroys_contexts_on_6_19_and_that_is_said",
            "trap/a_duplicated_descriptor_destroys_contexts_on_6_17_and_that_is_said",
            "trap/a_subprocess_does_no_harm_from_7_0",
        ],
    ),
    (
        "14.34 commands right after a timeout",
        &["trap/a_command_right_after_a_timeout_is_lost_not_malformed"],
    ),
    (
        "14.35 payloads cut silently",
        &["trap/a_start_cu_of_more_than_19_words_is_refused_alone"],
    ),
    (
        "14.36 size of the tile status",
        &["trap/tile_status_takes_the_exact_size_on_6_18"],
    ),
    (
        "14.37 memory that can't be pinned",
        &["trap/memory_that_can_not_be_pinned_is_said_so_*"],
    ),
    (
        "14.38 telemetry's map",
        &["trap/telemetry_of_npu1_has_a_map_of_6"],
    ),
    (
        "14.39 tile status of live columns",
        &["trap/tile_status_has_blocks_of_live_columns_only"],
    ),
    (
        "14.40 6.19 and 7.0 look alike",
        &[
            "trap/a_packet_overwritten_on_error_is_rebuilt_on_6_19",
            "trap/a_packet_overwritten_on_error_is_rebuilt_on_7_0",
        ],
    ),
    (
        "8.1 absolute deadlines",
        &["trap/waits_end_at_their_absolute_deadline"],
    ),
    (
        "8.2 firmware error",
        &["trap/a_firmware_error_is_told_from_a_timeout"],
    ),
    (
        "8.2 abort",
        &[
            "trap/the_follower_of_a_timeout_is_aborted",
            "completion/destroying_a_context_ends_its_commands",
        ],
    ),
    (
        "8.4 a chain's state on level 0",
        &[
            "trap/a_failed_chain_that_looks_completed_on_6_17",
            "unit:a_chain_that_only_looks_completed_on_level_0_has_failed",
        ],
    ),
    ("8.4 health report", &["trap/a_timeout_carries_the_health_report"]),
    (
        "8.5 lost completion",
        &["completion/a_lost_completion_is_a_timeout"],
    ),
    (
        "8.6 autosuspend and resume",
        &["trap/autosuspend_and_resume_are_transparent"],
    ),
    (
        "8.6 failed resume",
        &[
            "trap/a_failed_resume_is_an_errno_from_7_0",
            "trap/a_failed_resume_is_a_rejected_command_on_6_19",
        ],
    ),
    (
        "8.6 dead firmware, device gone",
        &[
            "trap/a_dead_firmware_channel_is_said_so",
            "trap/an_unplugged_device_is_gone",
        ],
    ),
    ("8.7 asynchronous errors", &["trap/async_errors_are_recorded"]),
    (
        "6.5 commands before the configuration, without buffers, user pointers",
        &[
            "trap/nothing_runs_before_configuration_to_6_18",
            "trap/a_command_without_buffers_is_refused_on_6_14",
            "trap/no_user_pointer_before_6_18",
            "trap/the_heap_grows_from_7_2",
        ],
    ),
];

/// What is wrong with the table: traps without a test that exists, and tests of traps it does not name.
pub fn check(scenarios: &[String]) -> Vec<String> {
    let units = unit_tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let exists = |name: &str| match (name.strip_prefix("unit:"), name.strip_suffix('*')) {
        (Some(unit), _) => units.iter().any(|u| u == unit),
        (None, Some(prefix)) => scenarios.iter().any(|s| s.starts_with(prefix)),
        (None, None) => scenarios.iter().any(|s| s == name),
    };
    let covers = |name: &str, scenario: &str| match name.strip_suffix('*') {
        Some(prefix) => scenario.starts_with(prefix),
        None => scenario == name,
    };
    let numbered = (1..=40).map(|n| format!("14.{n} "));
    let unnumbered = numbered
        .filter(|n| !TESTS.iter().any(|(trap, _)| trap.starts_with(n.as_str())))
        .map(|n| format!("trap {n}is not in the table"));
    let missing = TESTS.iter().flat_map(|(trap, names)| {
        let absent = names.iter().filter(|name| !exists(name));
        absent.map(move |name| format!("{trap}: there is no test {name}"))
    });
    let strays = scenarios
        .iter()
        .filter(|s| s.starts_with("trap/"))
        .filter(|s| {
            !TESTS
                .iter()
                .any(|(_, names)| names.iter().any(|name| covers(name, s)))
        })
        .map(|s| format!("{s} is no trap's test"));
    unnumbered.chain(missing).chain(strays).collect()
}

/// Names of the functions behind `#[test]` in a folder of sources.
fn unit_tests(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            names.extend(unit_tests(&path));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        let mut lines = text.lines().map(str::trim);
        while lines.any(|line| line == "#[test]") {
            let function = lines.next().and_then(|line| line.strip_prefix("fn "));
            names.extend(function.and_then(|line| Some(line.split_once('(')?.0.to_owned())));
        }
    }
    names
}
