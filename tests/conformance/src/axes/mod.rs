//! What outcomes depend on: device, kernel, firmware protocol, address mode and two switches.

mod detect;
mod kernel;
mod profile;
mod when;

pub use detect::{Known, Node, find, narrow};
pub use kernel::Kernel;
pub use profile::{Device, Feature, Firmware, Mode, Profile};
pub use when::{Rules, When, allowed};
