//! One AMD Ryzen AI NPU through its device node (`/dev/accel/accel*`, the in-tree `amdxdna` driver): finding
//! and opening devices, buffer objects, hardware contexts, commands and their completion, and every query
//! the driver answers. The only crate that makes ioctls.
//!
//! ```no_run
//! use std::time::Duration;
//! use xdna_driver::{Command, Cu, Deadline, Device, Wait};
//!
//! # fn main() -> Result<(), xdna_driver::Error> {
//! # let (pdi_image, instructions) = (vec![0_u8; 64], vec![0_u8; 64]);
//! let device = Device::open_first()?;
//! let context = device.context(4).build()?;
//! let pdi = device.create_dev_bo(pdi_image.len())?;
//! pdi.write(0, &pdi_image)?;
//! context.configure(&[Cu { pdi: &pdi, function: 0 }])?;
//!
//! let stream = device.create_dev_bo(instructions.len())?;
//! stream.write(0, &instructions)?;
//! let data = device.create_bo(4096)?;
//! data.write(0, b"input")?;
//! let Some(cu) = context.cu(0) else { return Ok(()) };
//! let command = Command::start_cu(&device, cu)
//!     .u64(3) // opcode of the transaction runner
//!     .addr(&stream)
//!     .u32(instructions.len() as u32 / 4)
//!     .addr(&data)
//!     .build()?;
//! match context.submit(command)?.wait(Deadline::after(Duration::from_secs(5)))? {
//!     Wait::Ended(finished) => println!("{}", finished.outcome),
//!     Wait::Pending(_) => println!("still running; the context keeps its buffers"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Who may do what when
//!
//! Everything here is `Send` and `Sync`: a descriptor, handles and device addresses belong to the process, not
//! to a thread; the kernel serialises calls on them; what the crate remembers about them is behind atomics and
//! locks. Host access to a buffer's bytes is exclusive with the device's: a [`Command`] in flight counts as a
//! user of every buffer it holds, and while it does, copies and views are refused ([`Error::InFlight`]); while a
//! view lives, submitting is refused ([`Error::Viewed`]). Forgetting a value (`mem::forget`) leaks, and never
//! frees what the device may still write. A buffer others can write (exported, imported) is copied, never viewed.
//!
//! What a command does is up to its packet and its instruction stream, which can name any address the device
//! reaches, and in shared-virtual-address mode that is all memory of the process: whoever writes them answers for
//! that, as a writer of `/proc/self/mem` does. [`CommandBuilder::addr`] names buffers that are held.
//!
//! Open a device after `fork`: in a child everything that asks the driver is refused ([`Error::OtherProcess`]), and
//! destructors leave what is the parent's alone. Buffers are the parent's memory: a child must not touch them.
//!
//! `XDNA_DEBUG=sync-ioctl` flushes caches by ioctl instead of by instruction.

mod bo;
mod builder;
mod call;
mod chain;
mod chip;
mod command;
mod context;
mod context_builder;
mod deadline;
mod debug;
mod debug_buffer;
mod device;
mod error;
mod fdinfo;
mod features;
mod heap;
mod hint;
mod ids;
mod outcome;
mod packet;
mod packet_memory;
mod prime;
mod qos;
pub mod query;
mod submission;
mod submit;
mod sys;
mod sysfs;
mod timeline;
mod usage;
mod user_bo;
mod view;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("Ryzen AI NPUs sit in x86-64 processors");

pub use bo::{Bo, BoKind};
pub use builder::CommandBuilder;
pub use chain::{ChainBuilder, NotTaken};
pub use chip::{CHIPS, Chip, Generation, VENDOR_AMD};
pub use command::Command;
pub use context::{Cu, HwContext};
pub use context_builder::ContextBuilder;
pub use deadline::Deadline;
pub use debug_buffer::DebugBuffer;
pub use device::{Device, DriverVersion};
pub use error::{Call, Error};
pub use fdinfo::FdInfo;
pub use features::Feature;
pub use ids::{BoHandle, ContextId, DeviceAddr, Seq};
pub use outcome::{Health, Outcome};
pub use packet::CuIndex;
pub use qos::{Priority, Qos};
pub use submission::{Finished, Submission, Wait};
pub use submit::NotSubmitted;
pub use sysfs::{Found, PciFacts, find};
pub use timeline::Timeline;
pub use view::{View, ViewMut};
