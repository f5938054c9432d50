//! What outcomes depend on: device, kernel, firmware protocol, address mode and two switches.

mod detect;
mod profile;
mod when;

pub use detect::{Known, Node, find, narrow};
pub use profile::{Device, Feature, Firmware, Kernel, Mode, Profile};
pub use when::{Rules, When, allowed};
