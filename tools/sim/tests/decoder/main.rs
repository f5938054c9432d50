//! The fuzz targets of the ioctl decoder and of packet parsing: the corpus that is kept, then mutations of it by a seeded
//! generator. Refused or understood, never a panic, and never a client, a context or a command that is lost: the targets
//! look.
//!
//! XDNA_FUZZ is another number of requests' mutations than 100,000; of packets, which take longer, it is a quarter.

#[path = "../../../../fuzz/src/npu/mod.rs"]
mod npu;
#[path = "../../../../fuzz/src/seeded.rs"]
mod seeded;
#[path = "../../../../fuzz/src/target.rs"]
mod target;

use std::path::Path;

use npu::{Packets, Requests};
pub use target::Target;
use xdna_sim::profile::Kernel;
use xdna_uapi::ert::state;

/// Mutations by default: seconds.
const COUNT: u64 = 100_000;

fn count() -> u64 {
    let asked = std::env::var("XDNA_FUZZ").ok();
    asked.map_or(COUNT, |n| n.parse().expect("XDNA_FUZZ is a number"))
}

/// The inputs that are kept for a target.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(name);
    let kept = seeded::corpus(&folder);
    assert!(kept.len() >= 40, "{}: {} inputs", folder.display(), kept.len());
    kept
}

#[test]
fn requests_are_refused_or_understood() {
    let mut requests = Requests::default();
    seeded::run(&mut requests, corpus("requests"), count(), 0x9E37_79B9);
    // Every kernel, with both generations of devices.
    assert_eq!(requests.answers.len(), 2 * Kernel::all().count());
    for (profile, [refused, succeeded]) in &requests.answers {
        assert!(
            *refused > 0 && *succeeded > 0,
            "profile {profile}: {refused} refused, {succeeded} succeeded"
        );
    }
}

#[test]
fn packets_end_in_a_state() {
    let mut packets = Packets::default();
    seeded::run(&mut packets, corpus("packets"), count() / 4, 0x1234_5678);
    for end in [state::NEW, state::COMPLETED, state::ERROR, state::TIMEOUT] {
        assert!(
            packets.ends[end as usize] > 0,
            "none ends in {end}: {:?}",
            packets.ends
        );
    }
}
