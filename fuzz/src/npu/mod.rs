//! The simulated driver, fed with bytes: requests as any program may make them, packets as any program may write them.

mod memory;
mod packets;
mod requests;

pub use packets::Packets;
pub use requests::Requests;

use xdna_sim::profile::{AddressMode, Device, Kernel, Profile};

use crate::Target;

/// One of every kernel's profiles.
fn profile(choice: u8) -> Profile {
    let kernels: Vec<Kernel> = Kernel::all().collect();
    let device = if choice & 1 == 0 {
        Device::Npu4
    } else {
        Device::Npu1
    };
    let kernel = kernels[usize::from(choice >> 1) % kernels.len()];
    Profile::new(device, kernel, None, AddressMode::Sva).expect("every kernel has both devices")
}
