//! The table, one file per area.

mod arguments;
mod bo_info;
mod bo_usage;
mod chain;
mod config;
mod create_bo;
mod debug_bo;
mod descriptors;
mod dev_bo;
mod dispatch;
mod exec;
mod faults;
mod firmware;
mod firmware_chain;
mod firmware_data;
mod firmware_npu;
mod get_array;
mod get_info;
mod heap;
mod hw_contexts;
mod hwctx;
mod hwctx_entry;
mod hwctx_handles;
mod mmap;
mod node;
mod packet;
mod partition;
mod pinning;
mod power_mode;
mod prime;
mod qos;
mod resources;
mod rows;
mod sequence;
mod set_state;
mod sync_bo;
mod syncobj;
mod telemetry;
mod timeline;
mod timeline_share;
mod user_pointer;
mod version;

use crate::check::Check;

const AREAS: &[&[Check]] = &[
    node::CHECKS,
    version::CHECKS,
    dispatch::CHECKS,
    arguments::CHECKS,
    create_bo::CHECKS,
    dev_bo::CHECKS,
    heap::CHECKS,
    bo_info::CHECKS,
    mmap::CHECKS,
    sync_bo::CHECKS,
    user_pointer::CHECKS,
    pinning::CHECKS,
    prime::CHECKS,
    syncobj::CHECKS,
    timeline::CHECKS,
    timeline_share::CHECKS,
    hwctx::CHECKS,
    hwctx_handles::CHECKS,
    partition::CHECKS,
    qos::CHECKS,
    config::CHECKS,
    debug_bo::CHECKS,
    exec::CHECKS,
    sequence::CHECKS,
    packet::CHECKS,
    chain::CHECKS,
    firmware::CHECKS,
    firmware_npu::CHECKS,
    firmware_chain::CHECKS,
    faults::CHECKS,
    descriptors::CHECKS,
    get_info::CHECKS,
    resources::CHECKS,
    telemetry::CHECKS,
    hw_contexts::CHECKS,
    get_array::CHECKS,
    hwctx_entry::CHECKS,
    firmware_data::CHECKS,
    bo_usage::CHECKS,
    set_state::CHECKS,
    power_mode::CHECKS,
    rows::CHECKS,
];

/// Every check, in the order in which they run.
pub fn all() -> impl Iterator<Item = Check> {
    AREAS.iter().flat_map(|area| area.iter().copied())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::axes::Profile;

    #[test]
    fn there_are_at_least_300_checks() {
        assert!(all().count() >= 300, "{}", all().count());
    }

    #[test]
    fn names_are_unique_and_fit_one_line() {
        let mut seen = BTreeSet::new();
        for check in all() {
            assert!(seen.insert(check.name), "{} twice", check.name);
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            assert!(check.name.chars().all(plain), "{}", check.name);
        }
    }

    #[test]
    fn every_check_has_an_outcome_on_every_profile() {
        let profiles = Profile::all();
        for check in all() {
            for profile in &profiles {
                let decided = check.rules.iter().any(|(when, _)| when.holds(profile));
                assert!(decided, "{} says nothing about {profile:?}", check.name);
            }
        }
    }

    #[test]
    fn every_rule_decides_on_some_profile() {
        let profiles = Profile::all();
        for check in all() {
            for (index, (when, outcome)) in check.rules.iter().enumerate() {
                let first =
                    |p: &Profile| check.rules.iter().position(|(when, _)| when.holds(p)) == Some(index);
                assert!(
                    profiles.iter().any(first),
                    "{}: {when:?} -> {outcome} is never reached",
                    check.name
                );
            }
        }
    }

    #[test]
    fn sources_are_sections() {
        for check in all() {
            assert!(
                check.source.starts_with(|c: char| c.is_ascii_digit()),
                "{}",
                check.name
            );
        }
    }
}
