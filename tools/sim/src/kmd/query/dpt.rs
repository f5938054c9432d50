//! Firmware log and event trace: GET_ARRAY 3, 4, 7 and 8, SET_STATE 5 and 6 (driver-abi 9.7).

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::newer::{DptMetadata, GetDptState, SetDptState};

use crate::kmd::caller::{Caller, read_user, write_user};
use crate::kmd::park::Park;
use crate::kmd::ring::{Ring, category};
use crate::kmd::{Kmd, Outcome};
use crate::profile::{Feature, Kernel, Rule};

/// Version of the payload; no public document names its values.
const PAYLOAD_VERSION: u32 = 1;
/// The most detailed level of the log.
const LEVEL_MAX: u32 = 4;

/// One of the two rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The log.
    Log,
    /// The event trace.
    Trace,
}

impl Kmd {
    fn ring(&mut self, stream: Stream) -> &mut Ring {
        match stream {
            Stream::Log => &mut self.log,
            Stream::Trace => &mut self.events_trace,
        }
    }

    fn streams(&self, stream: Stream) -> bool {
        self.profile.has(match stream {
            Stream::Log => Feature::FwLog,
            Stream::Trace => Feature::FwTrace,
        })
    }

    /// GET_ARRAY 3 and 4: payload from the reader's offset on.
    pub(in crate::kmd) fn dpt_payload(
        &mut self,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_array,
        stream: Stream,
    ) -> Result<Outcome, Errno> {
        self.vendor_only()?;
        self.deny(Rule::DptAdmin, !caller.is_admin(), Errno::EPERM)?;
        if !self.streams(stream) {
            let staging = self.profile.kernel == Kernel::Staging;
            return Err(if staging {
                Errno::ESHUTDOWN
            } else {
                Errno::EOPNOTSUPP
            });
        }
        self.deny(Rule::ArraySize, arg.num_element != 1, Errno::EINVAL)?;
        let tail = size_of::<DptMetadata>();
        let room = (arg.element_size as usize)
            .checked_sub(tail)
            .ok_or(Errno::ENOSPC)?;
        let off = self.ring(stream).config.is_none();
        self.deny(Rule::DptOn, off, Errno::ESHUTDOWN)?;
        let memory = caller.memory();
        let at = arg.buffer.checked_add(room as u64).ok_or(Errno::EFAULT)?;
        let mut metadata: DptMetadata = read_user(&*memory, at)?;
        self.deny(Rule::PadZero, metadata.pad != [0; 3], Errno::EINVAL)?;
        let (start, payload) = self.ring(stream).read(metadata.offset, room)?;
        if payload.is_empty() && metadata.watch != 0 {
            return Ok(Outcome::Park(Park::Data { stream }));
        }
        memory.write(arg.buffer, &payload)?;
        metadata.offset = start + payload.len() as u64;
        metadata.size = payload.len() as u32;
        write_user(&*memory, at, &metadata)?;
        Ok(Outcome::Done(0))
    }

    /// GET_ARRAY 7 and 8.
    pub(super) fn dpt_state(
        &mut self,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_array,
        stream: Stream,
    ) -> Result<(), Errno> {
        self.vendor_only()?;
        if !self.streams(stream) {
            return Err(Errno::EOPNOTSUPP);
        }
        let size = size_of::<GetDptState>() as u32;
        self.deny(Rule::DptSize, arg.element_size < size, Errno::ENOSPC)?;
        let config = self.ring(stream).config;
        let state = GetDptState {
            version: PAYLOAD_VERSION,
            status: u32::from(config.is_some()),
            config: config.unwrap_or(0),
            pad: 0,
        };
        write_user(&*caller.memory(), arg.buffer, &state)?;
        (arg.element_size, arg.num_element) = (size, 1);
        Ok(())
    }

    /// SET_STATE 5 and 6.
    pub(super) fn set_dpt(
        &mut self,
        caller: &dyn Caller,
        arg: &uapi::amdxdna_drm_set_state,
        stream: Stream,
    ) -> Result<(), Errno> {
        self.vendor_only()?;
        if !self.streams(stream) {
            return Err(Errno::EOPNOTSUPP);
        }
        let exact = arg.buffer_size as usize == size_of::<SetDptState>();
        self.deny(Rule::DptSize, !exact, Errno::EINVAL)?;
        let wanted: SetDptState = read_user(&*caller.memory(), arg.buffer)?;
        self.deny(Rule::PadZero, wanted.pad != 0, Errno::EINVAL)?;
        let all = if stream == Stream::Log { 1 } else { category::ALL };
        let config = match wanted.config {
            0 if self.profile.kernel == Kernel::Oot => all,
            config => config,
        };
        let known = match stream {
            Stream::Log => (1..=LEVEL_MAX).contains(&config),
            Stream::Trace => config != 0,
        };
        match wanted.action {
            0 => self.ring(stream).config = None,
            1 if known => self.ring(stream).config = Some(config),
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }
}
