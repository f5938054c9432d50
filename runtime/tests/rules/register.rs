//! Which test proves that a rule of npu-formats section 20 is followed, and that a trap of its section 21 is known.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Rules and traps that there are.
const RULES: usize = 11;
const TRAPS: usize = 24;

/// A rule or a trap, and its tests: the file below the workspace's root, and the name of a function in it.
const TESTS: &[(&str, &[(&str, &str)])] = &[
    (
        "P1",
        &[
            (CONTAINERS, "counts_and_offsets_are_checked_and_told"),
            (CONTAINERS, "names_that_many_may_share_are_short"),
            (CONTAINERS, "tables_are_as_long_as_they_say"),
            (IMAGES, "long_commands_have_their_length_in_the_next_word"),
        ],
    ),
    (
        "P2",
        &[
            (
                CONTAINERS,
                "an_xclbin_may_be_followed_by_bytes_but_not_be_cut_off",
            ),
            (
                CONTAINERS,
                "any_mode_and_unknown_and_overlapping_sections_are_accepted",
            ),
            (CONTAINERS, "of_two_sections_of_a_kind_the_first_counts"),
        ],
    ),
    (
        "P3",
        &[(
            CONTAINERS,
            "identities_may_be_shared_and_zero_and_strings_may_end_with_the_section",
        )],
    ),
    (
        "P4",
        &[
            (
                IMAGES,
                "images_have_a_signature_one_partition_and_an_offset_of_their_data",
            ),
            (IMAGES, "wrong_checksums_are_told_and_not_refused"),
        ],
    ),
    ("P5", &[(CONTAINERS, "images_are_handed_on_unread")]),
    (
        "P6",
        &[
            (CONTROL, "control_code_ends_where_it_says_with_as_many_operations"),
            (
                CONTROL,
                "unknown_operations_are_skipped_from_128_on_and_stop_below",
            ),
            (CONTROL, "the_compact_version_says_the_same_in_fewer_bytes"),
        ],
    ),
    ("P7", &[(CONTROL, "text_is_told_from_bytes_by_its_content")]),
    (
        "P8",
        &[
            (ELVES, "other_elf_files_are_refused"),
            (ELVES, "core_programs_say_where_their_parts_go"),
            ("runtime/tests/fixtures/elves.rs", "control"),
        ],
    ),
    (
        "P9",
        &[
            (PAIRING, "pairs"),
            (PAIRING, "strangers"),
            (CODE, "code_for_another_device_or_a_wider_overlay_is_refused"),
        ],
    ),
    ("P10", &[(CONTROL, "pointers_of_git_lfs_are_told")]),
    (
        "P11",
        &[
            ("runtime/tests/damage.rs", "every_seed_is_understood"),
            (
                "runtime/tests/damage.rs",
                "damaged_files_are_refused_or_understood",
            ),
        ],
    ),
    ("1", &[(CONTAINERS, "counts_and_offsets_are_checked_and_told")]),
    (
        "2",
        &[(
            CONTAINERS,
            "images_are_size_then_offset_and_arrays_count_then_offset",
        )],
    ),
    (
        "3",
        &[(IMAGES, "streams_have_the_mask_first_and_control_code_the_value")],
    ),
    ("4", &[(CONTROL, "bytes_that_mean_nothing_are_not_looked_at")]),
    ("5", &[(CONTROL, "mask_writes_may_be_longer_than_they_need")]),
    ("6", &[(IMAGES, "split_images_lack_twenty_bytes_and_not_more")]),
    ("7", &[(IMAGES, "split_images_lack_twenty_bytes_and_not_more")]),
    (
        "8",
        &[(IMAGES, "images_do_not_say_which_generation_they_are_for")],
    ),
    (
        "9",
        &[(
            CONTAINERS,
            "any_mode_and_unknown_and_overlapping_sections_are_accepted",
        )],
    ),
    (
        "10",
        &[(CONTAINERS, "metadata_is_read_whatever_the_order_of_attributes")],
    ),
    (
        "11",
        &[
            (ELVES, "patches_add_to_what_is_stored_and_keep_other_bits"),
            (
                "tools/sim/src/array/control.rs",
                "firmware_moves_the_first_five_arguments",
            ),
        ],
    ),
    (
        "12",
        &[
            (ELVES, "patches_add_to_what_is_stored_and_keep_other_bits"),
            ("runtime/tests/fixtures/control.rs", "patches"),
        ],
    ),
    (
        "13",
        &[
            (
                "runtime/src/formats/registers/mod.rs",
                "reads_in_lock_windows_are_requests",
            ),
            ("tools/sim/src/array/registers.rs", "lock_requests_are_reads"),
        ],
    ),
    (
        "14",
        &[
            (DESCRIPTOR, "memory_tile_fields_have_their_own_places"),
            (
                "tools/sim/src/array/tiles.rs",
                "memory_tiles_reach_their_neighbours",
            ),
        ],
    ),
    (
        "15",
        &[
            (DESCRIPTOR, "memory_tile_fields_have_their_own_places"),
            (DESCRIPTOR, "core_tile_fields_share_words"),
            ("kernels/tests/prebuilt.rs", "numbers_that_do_not_fit_are_refused"),
        ],
    ),
    (
        "16",
        &[("tools/sim/src/array/channel.rs", "the_queue_has_four_places")],
    ),
    (
        "17",
        &[(ELVES, "older_files_hide_the_kind_of_a_patch_in_its_addend")],
    ),
    ("18", &[("runtime/tests/fixtures/elves.rs", "control")]),
    ("19", &[(CONTROL, "text_is_told_from_bytes_by_its_content")]),
    (
        "20",
        &[(CONTAINERS, "what_an_image_section_holds_is_never_what_is_loaded")],
    ),
    (
        "21",
        &[(
            "tools/sim/src/array/geometry.rs",
            "column_zero_of_npu1_has_no_shim_dma",
        )],
    ),
    ("22", &[(CONTAINERS, "kernels_without_an_image_exist")]),
    ("23", &[(ELVES, "what_a_dynamic_section_says_is_not_looked_at")]),
    (
        "24",
        &[
            (PAIRING, "strangers"),
            (CODE, "code_for_another_device_or_a_wider_overlay_is_refused"),
        ],
    ),
];

const CONTAINERS: &str = "runtime/tests/rules/containers.rs";
const CONTROL: &str = "runtime/tests/rules/control.rs";
const ELVES: &str = "runtime/tests/rules/elves.rs";
const IMAGES: &str = "runtime/tests/rules/images.rs";
const PAIRING: &str = "runtime/tests/fixtures/pairing.rs";
const CODE: &str = "runtime/src/kernel/code.rs";
const DESCRIPTOR: &str = "tools/sim/src/array/descriptor.rs";

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_rule_and_trap_has_tests_that_exist() {
    let wanted: Vec<String> = (1..=RULES)
        .map(|n| format!("P{n}"))
        .chain((1..=TRAPS).map(|n| n.to_string()))
        .collect();
    let named: Vec<&str> = TESTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, wanted);
    for (name, tests) in TESTS {
        assert!(!tests.is_empty(), "{name} has no test");
        for (file, test) in *tests {
            assert!(
                source(file).contains(&format!("fn {test}(")),
                "{name}: {file} has no {test}"
            );
        }
    }
}

#[test]
fn every_test_of_rules_is_named() {
    let named: BTreeSet<&str> = TESTS
        .iter()
        .flat_map(|(_, tests)| tests.iter().map(|(_, test)| *test))
        .collect();
    for file in [CONTAINERS, CONTROL, ELVES, IMAGES] {
        let text = source(file);
        let tests = text.split("#[test]\nfn ").skip(1);
        for test in tests.filter_map(|rest| rest.split('(').next()) {
            assert!(named.contains(test), "{test} of {file} proves no rule");
        }
    }
}
