//! What lies behind the pointers of a call, as text for the trace: `qos_p amdxdna_qos_info { ... }`.

use std::fmt::Debug;

use xdna_uapi as uapi;
use xdna_uapi::request;
use zerocopy::{FromBytes, IntoBytes};

use super::Kmd;
use super::bo::Bo;
use super::caller::{UserMemory, read_user, read_user_vec};
use super::client::ClientId;
use super::dispatch::load;

/// Elements shown of an array.
const MOST: usize = 64;

/// `name value`, or that the value cannot be read.
fn shown<T: Debug>(name: &str, value: Result<T, nix::errno::Errno>) -> String {
    match value {
        Ok(value) => format!("{name} {value:?}"),
        Err(_) => format!("{name} unreadable"),
    }
}

fn one<T: FromBytes + IntoBytes + Debug>(memory: &dyn UserMemory, name: &str, at: u64) -> String {
    shown(name, read_user::<T>(memory, at))
}

fn array<T: FromBytes + IntoBytes + Debug>(memory: &dyn UserMemory, name: &str, at: u64, n: u32) -> String {
    shown(name, read_user_vec::<T>(memory, at, MOST.min(n as usize)))
}

fn text(memory: &dyn UserMemory, name: &str, at: u64, len: u64) -> String {
    let bytes = read_user_vec::<u8>(memory, at, MOST.min(len as usize));
    shown(name, bytes.map(|b| String::from_utf8_lossy(&b).into_owned()))
}

fn words(bo: &Bo) -> Result<Vec<u32>, nix::errno::Errno> {
    let count = uapi::ert::Header(bo.word(0)?).count() as usize;
    (0..=count.min(MOST)).map(|n| bo.word(4 * n as u64)).collect()
}

impl Kmd {
    /// What the caller hands over behind the pointers of `arg`.
    pub(super) fn behind_input(
        &self,
        id: ClientId,
        number: u32,
        arg: &[u8],
        memory: &dyn UserMemory,
    ) -> Vec<String> {
        match number {
            request::DRM_IOCTL_AMDXDNA_CREATE_HWCTX => {
                let arg: uapi::amdxdna_drm_create_hwctx = load(arg);
                vec![one::<uapi::amdxdna_qos_info>(memory, "qos_p", arg.qos_p)]
            }
            request::DRM_IOCTL_AMDXDNA_CONFIG_HWCTX => {
                let arg: uapi::amdxdna_drm_config_hwctx = load(arg);
                if arg.param_type != uapi::DRM_AMDXDNA_HWCTX_CONFIG_CU {
                    return Vec::new();
                }
                let units = arg.param_val_size.saturating_sub(8) / 8;
                vec![
                    array::<u16>(memory, "num_cus and pad", arg.param_val, 4),
                    array::<uapi::amdxdna_cu_config>(memory, "cu_configs", arg.param_val + 8, units),
                ]
            }
            request::DRM_IOCTL_AMDXDNA_CREATE_BO => {
                let arg: uapi::amdxdna_drm_create_bo = load(arg);
                if arg.vaddr == 0 {
                    return Vec::new();
                }
                let head = read_user::<[i32; 2]>(memory, arg.vaddr);
                let entries = head.map_or(0, |[_, n]| n.max(0) as u32);
                vec![
                    shown("dmabuf_fd and num_entries", head),
                    array::<uapi::amdxdna_drm_va_entry>(memory, "va_entries", arg.vaddr + 8, entries),
                ]
            }
            request::DRM_IOCTL_AMDXDNA_EXEC_CMD => {
                let arg: uapi::amdxdna_drm_exec_cmd = load(arg);
                let handle = u32::try_from(arg.cmd_handles).ok();
                let client = self.clients.get(&id);
                let packet = handle.and_then(|h| words(client?.bos.get(h)?).ok());
                let packet = packet.map(|p| format!("packet {p:x?}"));
                let args = array::<u32>(memory, "args", arg.args, arg.arg_count);
                [Some(args), packet].into_iter().flatten().collect()
            }
            request::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT => {
                let arg: uapi::drm_syncobj_timeline_wait = load(arg);
                vec![
                    array::<u32>(memory, "handles", arg.handles, arg.count_handles),
                    array::<u64>(memory, "points", arg.points, arg.count_handles),
                    format!("timeout {}", self.until(arg.timeout_nsec)),
                ]
            }
            request::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL => {
                let arg: uapi::drm_syncobj_timeline_array = load(arg);
                vec![
                    array::<u32>(memory, "handles", arg.handles, arg.count_handles),
                    array::<u64>(memory, "points", arg.points, arg.count_handles),
                ]
            }
            request::DRM_IOCTL_AMDXDNA_SET_STATE => {
                let arg: uapi::amdxdna_drm_set_state = load(arg);
                vec![array::<u8>(memory, "buffer", arg.buffer, arg.buffer_size)]
            }
            _ => Vec::new(),
        }
    }

    /// What the kernel wrote behind the pointers of `arg`.
    pub(super) fn behind_output(number: u32, arg: &[u8], memory: &dyn UserMemory) -> Vec<String> {
        match number {
            request::DRM_IOCTL_VERSION => {
                let arg: uapi::VersionWire = load(arg);
                let fields = [
                    ("name", arg.name, arg.name_len),
                    ("date", arg.date, arg.date_len),
                    ("desc", arg.desc, arg.desc_len),
                ];
                let given = fields.into_iter().filter(|(_, at, _)| *at != 0);
                given.map(|(name, at, len)| text(memory, name, at, len)).collect()
            }
            request::DRM_IOCTL_AMDXDNA_GET_INFO => {
                let arg: uapi::amdxdna_drm_get_info = load(arg);
                let buffer = match arg.param {
                    uapi::DRM_AMDXDNA_QUERY_AIE_METADATA => {
                        one::<uapi::amdxdna_drm_query_aie_metadata>(memory, "buffer", arg.buffer)
                    }
                    _ => array::<u8>(memory, "buffer", arg.buffer, arg.buffer_size),
                };
                vec![buffer]
            }
            _ => Vec::new(),
        }
    }

    /// A moment of CLOCK_MONOTONIC in nanoseconds, as whole milliseconds from now.
    fn until(&self, moment: i64) -> String {
        match u64::try_from(moment) {
            Ok(0) | Err(_) => "past".into(),
            Ok(ns) if ns == i64::MAX as u64 => "never".into(),
            Ok(ns) => match ns.checked_sub(self.now) {
                None => "past".into(),
                Some(left) => format!("in {} ms", left / 1_000_000),
            },
        }
    }
}
