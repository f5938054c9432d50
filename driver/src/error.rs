//! What can go wrong between a program and its NPU.

use std::io;
use std::path::PathBuf;

pub use crate::call::Call;
use crate::hint::{List, hint, lost_hint, map_hint, open_hint};
use crate::ids::{ContextId, DeviceAddr};

/// Any failure of this crate: which call, which errno, what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such device node.
    #[error("no NPU: {} does not exist (is the amdxdna module loaded, and the device in its table?)", path.display())]
    NoDevice {
        /// The node.
        path: PathBuf,
    },
    /// The device node can't be opened.
    #[error("cannot open {}: {source}{}", path.display(), open_hint(source))]
    Open {
        /// The node.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The node belongs to another driver.
    #[error("{} is driven by {name:?}, not by amdxdna", path.display())]
    OtherDriver {
        /// The node.
        path: PathBuf,
        /// The name its driver gives itself.
        name: String,
    },
    /// The driver's major version is none this crate knows (0: in the kernel tree, 1: out of tree).
    #[error("amdxdna driver {major}.{minor} is not supported: major versions 0 and 1 are")]
    DriverVersion {
        /// Major version.
        major: i32,
        /// Minor version.
        minor: i32,
    },
    /// The PCI id is none of the device table's.
    #[error("PCI device {vendor:04x}:{device:04x} revision {revision:02x} is no NPU this crate knows")]
    UnknownChip {
        /// PCI vendor.
        vendor: u16,
        /// PCI device.
        device: u16,
        /// PCI revision.
        revision: u8,
    },
    /// A file of the kernel can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A file of the kernel holds something else than expected.
    #[error("{}: expected {expected}, found {found:?}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The kernel refused a call.
    #[error("{call} failed: {source}{}", hint(*call, source))]
    Ioctl {
        /// The call.
        call: Call,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Memory can't be mapped.
    #[error("cannot map {len} bytes: {source}{}", map_hint(source))]
    Map {
        /// Bytes asked for.
        len: usize,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The driver answered something it never should.
    #[error("{call} returned {what} = {value:#x}")]
    Answer {
        /// The call.
        call: Call,
        /// The field.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// The device was unplugged or its driver unloaded: close everything and open again.
    #[error("{call}: the device is gone")]
    DeviceGone {
        /// The call that noticed.
        call: Call,
    },
    /// The channel to the firmware is dead: nothing works before the driver is reloaded.
    #[error("{call}: the driver lost contact with the firmware ({source}); reload amdxdna")]
    FirmwareDead {
        /// The call that noticed.
        call: Call,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The device was opened by another process: its addresses mean that process's memory.
    #[error("the device was opened by process {opened_by}, this is process {current}: open it after fork")]
    OtherProcess {
        /// Process that opened the device.
        opened_by: u32,
        /// Process that uses it.
        current: u32,
    },
    /// This driver or firmware has no such feature.
    #[error("{what} needs {needs}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// What would have it.
        needs: &'static str,
    },
    /// The firmware can't be told about a second chunk of the device heap, which the driver has by now: this
    /// open device creates no more DEV buffers and contexts. What exists goes on working.
    #[error(
        "the firmware takes no device heap of more than 64 MiB (protocol 6.18 does): open the device anew"
    )]
    HeapCanNotGrow,
    /// No hardware context is free.
    #[error(
        "all {limit} hardware contexts of the device are in use ({live} live): retry when one is destroyed"
    )]
    ContextLimit {
        /// Contexts the device has.
        limit: u32,
        /// Contexts that live now, in all processes.
        live: u32,
    },
    /// The requested quality of service exceeds what the columns can do.
    #[error("the QoS asks for more than {columns} columns can do: lower it, or pass none")]
    QosUnreachable {
        /// Columns requested.
        columns: u16,
    },
    /// The columns are occupied by contexts of another width.
    #[error(
        "{columns} columns collide with live contexts of other widths ({})",
        List(occupied)
    )]
    ColumnsOccupied {
        /// Columns requested.
        columns: u16,
        /// Start column and width of the contexts that live now.
        occupied: Vec<(u32, u32)>,
    },
    /// The firmware refused the context, twice, though no limit was seen to be reached: for a reason of its own, or for
    /// contexts that are not listed. Drivers from level 16 on list those of this user alone.
    #[error(
        "the firmware refused a context of {columns} columns; {live} of {limit} contexts are listed, others may be \
         hidden: retry later"
    )]
    ContextRefused {
        /// Columns requested.
        columns: u16,
        /// Contexts that are listed.
        live: u32,
        /// Contexts the device has.
        limit: u32,
    },
    /// The kernel no longer knows the context, or (Linux 7.0 and later) could not make it again when the device woke up: both
    /// are `EINVAL` of EXEC_CMD.
    #[error("context {context} {}", lost_hint(*minor))]
    ContextLost {
        /// The context.
        context: ContextId,
        /// Driver minor version.
        minor: i32,
    },
    /// The context has no compute units yet, and this driver executes nothing before.
    #[error("context {0} has no compute units: configure them before the first command")]
    NotConfigured(ContextId),
    /// The context already has its compute units.
    #[error("context {0} already has its compute units: they are configured once")]
    AlreadyConfigured(ContextId),
    /// Something does not fit.
    #[error("{what}: {len} exceeds the limit of {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// A range lies outside of a buffer.
    #[error("{len} bytes at {offset} lie outside of a buffer of {size} bytes")]
    OutOfRange {
        /// First byte.
        offset: usize,
        /// Bytes.
        len: usize,
        /// Bytes of the buffer.
        size: usize,
    },
    /// An offset or length does not suit the element type or the page size.
    #[error("{what} {value:#x} is not a multiple of {align}")]
    Misaligned {
        /// What.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The alignment.
        align: usize,
    },
    /// A command in flight uses the buffer, so the host can't look at it.
    #[error("the buffer at {0} is used by a command in flight")]
    InFlight(DeviceAddr),
    /// The host looks at the buffer, so no command can use it.
    #[error("the buffer at {0} is being viewed by the host")]
    Viewed(DeviceAddr),
    /// Another process can write the buffer, so it can be copied from but not viewed.
    #[error("the buffer at {0} is shared with others: copy from and to it, do not view it")]
    SharedBuffer(DeviceAddr),
    /// The kind of buffer does not suit.
    #[error("{what} needs a buffer of kind {expected}, this one is {found}")]
    WrongKind {
        /// What it was wanted for.
        what: &'static str,
        /// The kind it needs.
        expected: &'static str,
        /// The kind it is.
        found: crate::BoKind,
    },
    /// The buffer or command belongs to another open device.
    #[error("{what} belongs to another device")]
    OtherDevice {
        /// What.
        what: &'static str,
    },
    /// A chain mixes opcodes.
    #[error("a chain runs one opcode: this one has {first}, the command {other}")]
    MixedChain {
        /// Opcode of the first command.
        first: u32,
        /// Opcode of the refused one.
        other: u32,
    },
    /// A chain has no commands, or chains inside.
    #[error("a chain needs at least one command, and none that is a chain")]
    BadChain,
    /// `XDNA_DEBUG` holds a word this crate does not know.
    #[error("XDNA_DEBUG={found:?} is unknown; known: {known}")]
    DebugSwitch {
        /// The word.
        found: String,
        /// The words that are known.
        known: &'static str,
    },
}

impl Error {
    /// The errno behind the error, if a system call failed.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::Open { source, .. }
            | Error::Read { source, .. }
            | Error::Ioctl { source, .. }
            | Error::Map { source, .. }
            | Error::FirmwareDead { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// Says that something could not be given back to the kernel: not if the device is gone, and everything with it.
    pub(crate) fn warn_of_leak(&self, what: &dyn std::fmt::Display) {
        if self.errno() != Some(libc::ENODEV) {
            log::warn!("{what}: {self}; leaked until the device is closed");
        }
    }

    pub(crate) fn ioctl(call: Call, errno: nix::Error) -> Self {
        Error::Ioctl {
            call,
            source: io::Error::from_raw_os_error(errno as i32),
        }
    }
}
