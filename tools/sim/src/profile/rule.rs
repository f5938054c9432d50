//! The rules of the kernel model by name, so that a test can switch one off and see that something notices.

use std::collections::BTreeSet;
use std::str::FromStr;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// One rule of the kernel model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule { $($(#[$doc])* $variant,)* }

        impl Rule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name `--without` takes.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

rules! {
    /// Tile status wants an exact size to 7.0.
    AieStatusSize = "aie-status-size",
    /// GET_ARRAY sizes.
    ArraySize = "array-size",
    /// An idle device suspends.
    Autosuspend = "autosuspend",
    /// CREATE_BO flags are zero.
    BoFlags = "bo-flags",
    /// Buffers have a size.
    BoSizeZero = "bo-size-zero",
    /// CREATE_BO types are known.
    BoType = "bo-type",
    /// CREATE_BO takes no address before level 1.
    BoVaddr = "bo-vaddr",
    /// Chains fit the list.
    ChainBytes = "chain-bytes",
    /// Chains name live command buffers.
    ChainHandle = "chain-handle",
    /// Chains are of one opcode.
    ChainOpcode = "chain-opcode",
    /// Chains hold what they count.
    ChainShape = "chain-shape",
    /// More heap chunks need firmware support.
    ChunkFeature = "chunk-feature",
    /// Any closed descriptor destroys contexts to 6.19.
    CloseKills = "close-kills",
    /// Command buffers are 4 bytes to 32 KiB on old kernels.
    CmdSize = "cmd-size",
    /// Columns taken by another width are not shared.
    ColumnCollision = "column-collision",
    /// Configurations are at most 4096 bytes.
    ConfigSize = "config-size",
    /// CONFIG_HWCTX types are known.
    ConfigType = "config-type",
    /// Contexts need a heap.
    CtxHeap = "ctx-heap",
    /// Firmware holds so many contexts.
    CtxLimit = "ctx-limit",
    /// Contexts fit the array.
    CtxTiles = "ctx-tiles",
    /// Compute units come from DEV buffers.
    CuBo = "cu-bo",
    /// Number of compute units.
    CuCount = "cu-count",
    /// Packets name a compute unit.
    CuMask = "cu-mask",
    /// Compute units are configured once.
    CuOnce = "cu-once",
    /// A debug buffer has one context.
    DebugBusy = "debug-busy",
    /// Debug buffers are removed from their context.
    DebugRemove = "debug-remove",
    /// Debug buffers exist from level 6 on.
    DebugSince = "debug-since",
    /// Sizes of DEV buffers.
    DevSize = "dev-size",
    /// 6.14 sends START_NPU with the wrong message size.
    DirectNpu = "direct-npu",
    /// Words of a direct message.
    DirectWords = "direct-words",
    /// The firmware's log and trace are for CAP_SYS_ADMIN.
    DptAdmin = "dpt-admin",
    /// A log or trace that is off has no payload.
    DptOn = "dpt-on",
    /// Sizes of log, trace and their states.
    DptSize = "dpt-size",
    /// Command buffers have the right type.
    ExecBoType = "exec-bo-type",
    /// Old kernels execute configured contexts only.
    ExecConfigured = "exec-configured",
    /// EXEC_CMD counts.
    ExecCounts = "exec-counts",
    /// Four commands in flight.
    ExecDepth = "exec-depth",
    /// Arguments are listed once.
    ExecDuplicate = "exec-duplicate",
    /// EXEC_CMD types are known.
    ExecType = "exec-type",
    /// Extension fields are zero.
    ExtZero = "ext-zero",
    /// Failed packets are overwritten from 7.0 on.
    FailureFill = "failure-fill",
    /// Heap chunks under a DEV buffer are mapped behind each other.
    HeapAdjacent = "heap-adjacent",
    /// The heap is mapped before DEV buffers are cut from it.
    HeapMapped = "heap-mapped",
    /// The largest heap.
    HeapMax = "heap-max",
    /// One heap per client before level 10.
    HeapSecond = "heap-second",
    /// Heap sizes.
    HeapSize = "heap-size",
    /// Level 0 wants room for all contexts.
    HwContextsSize = "hw-contexts-size",
    /// Newer ioctls are unknown to older kernels.
    IoctlSince = "ioctl-since",
    /// Mmap stays in the buffer.
    MapLength = "map-length",
    /// Low mmap offsets are doorbells.
    MapOffset = "map-offset",
    /// Mmap of another client's buffer is refused.
    MapOwner = "map-owner",
    /// Mmap is shared.
    MapPrivate = "map-private",
    /// 6.14 maps a buffer once.
    MapTwice = "map-twice",
    /// User-pointer buffers are not mapped from 7.1 on.
    MapUser = "map-user",
    /// Packet opcodes are known.
    Opcode = "opcode",
    /// Packets end in their buffer.
    PacketBound = "packet-bound",
    /// Padding is zero.
    PadZero = "pad-zero",
    /// Power modes are known.
    PowerMode = "power-mode",
    /// Turbo needs an idle device.
    PowerTurbo = "power-turbo",
    /// Preemptible packets need firmware for them.
    PreemptFeature = "preempt-feature",
    /// Preemption states are 0 or 1.
    PreemptState = "preempt-state",
    /// PRIME flags are known.
    PrimeFlags = "prime-flags",
    /// What cannot be exported.
    PrimeKind = "prime-kind",
    /// An import of a held buffer gives the same handle.
    PrimeSame = "prime-same",
    /// QoS that no clock reaches is refused.
    Qos = "qos",
    /// Newer queries are unknown to older kernels.
    QuerySince = "query-since",
    /// SET_STATE needs CAP_SYS_ADMIN.
    RootOnly = "root-only",
    /// One command fits the list.
    SlotBytes = "slot-bytes",
    /// Argument words of a list slot.
    SlotWords = "slot-words",
    /// Command buffers are not synchronised on 6.14.
    SyncCmd = "sync-cmd",
    /// Foreign memory is not synchronised.
    SyncForeign = "sync-foreign",
    /// SYNC_BO from device needs a debug buffer.
    SyncFromDevice = "sync-from-device",
    /// SYNC_BO ranges lie in the buffer.
    SyncRange = "sync-range",
    /// Out of tree, telemetry needs CAP_SYS_ADMIN.
    TelemetryAdmin = "telemetry-admin",
    /// Telemetry sizes.
    TelemetrySize = "telemetry-size",
    /// Telemetry types are known.
    TelemetryType = "telemetry-type",
    /// Timed-out packets end as TIMEOUT from level 1 on.
    TimeoutState = "timeout-state",
    /// Usage is asked for a process.
    UsagePid = "usage-pid",
    /// User-pointer ranges are page aligned.
    UserAligned = "user-aligned",
    /// User-pointer buffers count against RLIMIT_MEMLOCK.
    UserMemlock = "user-memlock",
    /// User-pointer memory is mapped and writable.
    UserWritable = "user-writable",
    /// WAIT_CMD has a handler out of tree only.
    WaitCmd = "wait-cmd",
    /// Wait flags are known.
    WaitFlags = "wait-flags",
    /// Late waits fail.
    WaitTimeout = "wait-timeout",
}

impl FromStr for Rule {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|r| r.name() == s)
            .ok_or_else(|| format!("no rule is called {s:?}"))
    }
}

/// Which rules hold: all, but for those switched off.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    off: BTreeSet<Rule>,
}

impl Rules {
    /// All rules but `off`.
    pub fn without(off: impl IntoIterator<Item = Rule>) -> Self {
        Self {
            off: off.into_iter().collect(),
        }
    }

    /// True if `rule` holds.
    pub fn on(&self, rule: Rule) -> bool {
        !self.off.contains(&rule)
    }
}
