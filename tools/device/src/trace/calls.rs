//! The calls of the driver as tables: request number, name, fields of the argument.

use xdna_uapi::request;

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) request: u32,
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

/// A field of a call's argument.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) at: usize,
    pub(super) bytes: usize,
    pub(super) way: Way,
}

/// Who writes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
    InOut,
}

impl Field {
    /// Its value in an argument; 0 where the argument is shorter.
    pub(super) fn of(&self, argument: &[u8]) -> u64 {
        number(argument, self.at, self.bytes)
    }
}

/// An integer in an argument.
pub(super) fn number(argument: &[u8], at: usize, bytes: usize) -> u64 {
    let part = argument.get(at..at + bytes).unwrap_or_default();
    part.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

macro_rules! calls {
    ($($name:ident = $request:ident { $($field:ident: $at:literal $bytes:literal $way:ident),* $(,)? })*) => {
        const CALLS: &[Call] = &[$(Call {
            request: request::$request,
            name: stringify!($name),
            fields: &[$(Field { name: stringify!($field), at: $at, bytes: $bytes, way: Way::$way }),*],
        }),*];
    };
}

calls! {
    VERSION = DRM_IOCTL_VERSION { major: 0 4 Out, minor: 4 4 Out }
    GEM_CLOSE = DRM_IOCTL_GEM_CLOSE { handle: 0 4 In }
    GET_CAP = DRM_IOCTL_GET_CAP { capability: 0 8 In, value: 8 8 Out }
    PRIME_HANDLE_TO_FD = DRM_IOCTL_PRIME_HANDLE_TO_FD { handle: 0 4 In, flags: 4 4 In, fd: 8 4 Out }
    PRIME_FD_TO_HANDLE = DRM_IOCTL_PRIME_FD_TO_HANDLE { fd: 8 4 In, handle: 0 4 Out }
    SYNCOBJ_CREATE = DRM_IOCTL_SYNCOBJ_CREATE { flags: 4 4 In, handle: 0 4 Out }
    SYNCOBJ_DESTROY = DRM_IOCTL_SYNCOBJ_DESTROY { handle: 0 4 In }
    SYNCOBJ_HANDLE_TO_FD = DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD { handle: 0 4 In, flags: 4 4 In, point: 16 8 In, fd: 8 4 Out }
    SYNCOBJ_FD_TO_HANDLE = DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE { fd: 8 4 In, flags: 4 4 In, point: 16 8 In, handle: 0 4 Out }
    SYNCOBJ_WAIT = DRM_IOCTL_SYNCOBJ_WAIT { handles: 0 8 In, timeout_ns: 8 8 In, count: 16 4 In, flags: 20 4 In }
    SYNCOBJ_RESET = DRM_IOCTL_SYNCOBJ_RESET { handles: 0 8 In, count: 8 4 In }
    SYNCOBJ_SIGNAL = DRM_IOCTL_SYNCOBJ_SIGNAL { handles: 0 8 In, count: 8 4 In }
    SYNCOBJ_TIMELINE_WAIT = DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT {
        handles: 0 8 In, points: 8 8 In, timeout_ns: 16 8 In, count: 24 4 In, flags: 28 4 In, first_signaled: 32 4 Out,
    }
    SYNCOBJ_QUERY = DRM_IOCTL_SYNCOBJ_QUERY { handles: 0 8 In, points: 8 8 In, count: 16 4 In, flags: 20 4 In }
    SYNCOBJ_TRANSFER = DRM_IOCTL_SYNCOBJ_TRANSFER {
        src_handle: 0 4 In, dst_handle: 4 4 In, src_point: 8 8 In, dst_point: 16 8 In, flags: 24 4 In,
    }
    SYNCOBJ_TIMELINE_SIGNAL = DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL { handles: 0 8 In, points: 8 8 In, count: 16 4 In, flags: 20 4 In }
    SYNCOBJ_EVENTFD = DRM_IOCTL_SYNCOBJ_EVENTFD { handle: 0 4 In, flags: 4 4 In, point: 8 8 In, fd: 16 4 In }
    SET_CLIENT_NAME = DRM_IOCTL_SET_CLIENT_NAME { name_len: 0 8 In, name: 8 8 In }
    CREATE_HWCTX = DRM_IOCTL_AMDXDNA_CREATE_HWCTX {
        qos: 16 8 In, max_opc: 32 4 In, num_tiles: 36 4 In, mem_size: 40 4 In, handle: 48 4 Out, syncobj: 52 4 Out,
    }
    DESTROY_HWCTX = DRM_IOCTL_AMDXDNA_DESTROY_HWCTX { handle: 0 4 In }
    CONFIG_HWCTX = DRM_IOCTL_AMDXDNA_CONFIG_HWCTX { handle: 0 4 In, param: 4 4 In, value: 8 8 In, size: 16 4 In }
    CREATE_BO = DRM_IOCTL_AMDXDNA_CREATE_BO { type: 24 4 In, size: 16 8 In, flags: 0 8 In, vaddr: 8 8 In, handle: 28 4 Out }
    GET_BO_INFO = DRM_IOCTL_AMDXDNA_GET_BO_INFO { handle: 16 4 In, map_offset: 24 8 Out, vaddr: 32 8 Out, xdna_addr: 40 8 Out }
    SYNC_BO = DRM_IOCTL_AMDXDNA_SYNC_BO { handle: 0 4 In, direction: 4 4 In, offset: 8 8 In, size: 16 8 In }
    EXEC_CMD = DRM_IOCTL_AMDXDNA_EXEC_CMD {
        hwctx: 16 4 In, type: 20 4 In, cmd: 24 8 In, args: 32 8 In, cmd_count: 40 4 In, arg_count: 44 4 In, seq: 48 8 Out,
    }
    GET_INFO = DRM_IOCTL_AMDXDNA_GET_INFO { param: 0 4 In, buffer: 8 8 In, buffer_size: 4 4 InOut }
    SET_STATE = DRM_IOCTL_AMDXDNA_SET_STATE { param: 0 4 In, buffer: 8 8 In, buffer_size: 4 4 In }
    WAIT_CMD = DRM_IOCTL_AMDXDNA_WAIT_CMD { hwctx: 0 4 In, timeout_ms: 4 4 In, seq: 8 8 In }
    GET_ARRAY = DRM_IOCTL_AMDXDNA_GET_ARRAY { param: 0 4 In, buffer: 16 8 In, element_size: 4 4 InOut, num_element: 8 4 InOut }
}

/// The call of a request; the kernel looks at its number alone.
pub(super) fn of(request: u32) -> Option<&'static Call> {
    let number = request::number(request);
    (request::kind(request) == b'd').then_some(())?;
    CALLS.iter().find(|call| request::number(call.request) == number)
}

/// Names of values, where a number stands for something.
pub(super) fn meaning(call: &str, field: &str, value: u64) -> Option<&'static str> {
    let names: &[&str] = match (call, field) {
        ("CREATE_BO", "type") => &["", "SHARE", "DEV_HEAP", "DEV", "CMD"],
        ("CONFIG_HWCTX", "param") => &["CONFIG_CU", "ASSIGN_DBG_BUF", "REMOVE_DBG_BUF", "OPCODE_TIMEOUT"],
        ("SYNC_BO", "direction") => &["TO_DEVICE", "FROM_DEVICE"],
        ("EXEC_CMD", "type") => &["EXEC_BUF", "DEPENDENCY", "SIGNAL"],
        ("GET_INFO", "param") => &[
            "AIE_STATUS",
            "AIE_METADATA",
            "AIE_VERSION",
            "CLOCK_METADATA",
            "SENSORS",
            "HW_CONTEXTS",
            "READ_AIE_MEM",
            "READ_AIE_REG",
            "FIRMWARE_VERSION",
            "POWER_MODE",
            "TELEMETRY",
            "FORCE_PREEMPT",
            "RESOURCE_INFO",
            "FRAME_BOUNDARY_PREEMPT",
            "CERT_VERSION",
            "AUTO_COREDUMP",
        ],
        ("SET_STATE", "param") => &[
            "POWER_MODE",
            "WRITE_AIE_MEM",
            "WRITE_AIE_REG",
            "FORCE_PREEMPT",
            "FRAME_BOUNDARY_PREEMPT",
            "FW_LOG",
            "FW_TRACE",
            "AIE_TILE_WRITE",
            "",
            "AUTO_COREDUMP",
        ],
        ("GET_ARRAY", "param") => &[
            "HW_CONTEXT_ALL",
            "HW_CONTEXT_BY_ID",
            "LAST_ASYNC_ERR",
            "FW_LOG",
            "FW_TRACE",
            "COREDUMP",
            "BO_USAGE",
            "FW_LOG_CONFIG",
            "FW_TRACE_CONFIG",
            "AIE_TILE_READ",
        ],
        _ => &[],
    };
    names
        .get(usize::try_from(value).ok()?)
        .copied()
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_of_the_header_is_known_and_fields_fit() {
        for (name, request) in request::ALL {
            let call = of(*request).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(call.request, *request);
            assert!(name.ends_with(call.name), "{name} {}", call.name);
            for field in call.fields {
                assert!(
                    field.at + field.bytes <= request::size(*request),
                    "{name} {}",
                    field.name
                );
            }
        }
    }

    #[test]
    fn other_requests_are_not_ours() {
        assert!(of(0x5401).is_none());
        assert!(of(0xC020_6443 & !0xff00).is_none());
    }
}
