//! Coredumps and tile access: GET_ARRAY 5 and 9, GET_INFO 15, SET_STATE 7 and 9 (driver-abi 9.7).

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::newer::{AieCoredump, AieTileAccess};

use super::users::sees;
use crate::array::TileId;
use crate::firmware::Spot;
use crate::kmd::caller::{Caller, read_user};
use crate::kmd::context::Context;
use crate::kmd::{ClientId, Kmd};
use crate::profile::{Feature, Kernel, Protocol, Rule};

/// Rows of the array, and bytes of a tile's address space.
const ROWS: u32 = 6;
const TILE_BYTES: u64 = 1 << 20;
/// The largest element of a coredump out of tree.
const OOT_MOST: u32 = 100 << 20;
/// The out-of-tree driver asks for coredumps from this protocol on.
const OOT_COREDUMP: Protocol = Protocol { major: 6, minor: 24 };
const REGISTER: u8 = 0;
const MEMORY: u8 = 1;

impl Kmd {
    /// Refuses what mainline has no parameter for.
    pub(super) fn vendor_only(&self) -> Result<(), Errno> {
        if self.profile.kernel >= Kernel::Staging {
            Ok(())
        } else {
            Err(Errno::EOPNOTSUPP)
        }
    }

    fn dumps(&self) -> bool {
        let oot = self.profile.kernel == Kernel::Oot && self.profile.protocol >= OOT_COREDUMP;
        oot || self.profile.has(Feature::GetCoredump)
    }

    /// True where a coredump may be taken at a timeout.
    pub(super) fn dumps_by_itself(&self) -> bool {
        self.profile.kernel == Kernel::Staging && self.dumps()
    }

    /// The context that a request names, for a caller that may look into it.
    fn inspected(&mut self, caller: &dyn Caller, pid: u64, handle: u32) -> Result<&mut Context, Errno> {
        let unknown = if self.profile.kernel == Kernel::Oot {
            Errno::EINVAL
        } else {
            Errno::ENOENT
        };
        let owner = |c: &crate::kmd::client::Client| u64::try_from(c.pid) == Ok(pid);
        let found = self
            .clients
            .values_mut()
            .find(|c| owner(c) && c.contexts.contains_key(&handle));
        let client = found.ok_or(unknown)?;
        if !sees(caller, client) {
            return Err(Errno::EPERM);
        }
        client.contexts.get_mut(&handle).ok_or(unknown)
    }

    /// GET_ARRAY 5: the tiles of a context, as they are or as a timeout found them.
    pub(super) fn coredump(
        &mut self,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_array,
    ) -> Result<(), Errno> {
        self.vendor_only()?;
        if !self.dumps() {
            return Err(Errno::EOPNOTSUPP);
        }
        let large = self.profile.kernel == Kernel::Oot && arg.element_size > OOT_MOST;
        self.deny(Rule::ArraySize, arg.num_element != 1 || large, Errno::EINVAL)?;
        let memory = caller.memory();
        let request: AieCoredump = read_user(&*memory, arg.buffer)?;
        self.deny(Rule::PadZero, request.pad != 0, Errno::EINVAL)?;
        let context = self.inspected(caller, request.pid, request.context_id)?;
        let need = u64::from(ROWS * context.columns.width) * TILE_BYTES;
        if u64::from(arg.element_size) < need {
            arg.element_size = need as u32;
            return Err(Errno::ENOSPC);
        }
        let (number, columns, dumped) = (context.firmware_id, context.columns, context.dumped.take());
        let dump = dumped.unwrap_or_else(|| self.firmware.dump(number, columns));
        arg.element_size = need as u32;
        memory.write(arg.buffer, &dump)
    }

    /// SET_STATE 9.
    pub(super) fn set_auto_coredump(&mut self, on: u8) {
        self.auto_coredump = on;
        if on == 0 {
            let contexts = self.clients.values_mut().flat_map(|c| c.contexts.values_mut());
            contexts.for_each(|c| c.dumped = None);
        }
    }

    /// A context is about to be reset after a timeout.
    pub(in crate::kmd) fn dump_before_reset(&mut self, id: ClientId, handle: u32) {
        let Ok(context) = self.context(id, handle) else {
            return;
        };
        let (number, columns) = (context.firmware_id, context.columns);
        let dump = (self.auto_coredump != 0).then(|| self.firmware.dump(number, columns));
        if let (Some(dump), Ok(context)) = (dump, self.context(id, handle)) {
            context.dumped = Some(dump);
        }
    }

    /// The place a request means in its context's tiles.
    fn place(&mut self, caller: &dyn Caller, request: &AieTileAccess) -> Result<Spot, Errno> {
        self.deny(Rule::PadZero, request.pad != [0; 3], Errno::EINVAL)?;
        let oot = self.profile.kernel == Kernel::Oot;
        let context = self.inspected(caller, request.pid, request.context_id)?;
        let kind = match request.kind {
            _ if oot && request.size == 4 => REGISTER,
            _ if oot => MEMORY,
            kind => kind,
        };
        let end = u64::from(request.addr) + u64::from(request.size);
        let sized = match kind {
            REGISTER => request.size == 4,
            MEMORY => request.size != 0,
            _ => false,
        };
        let inside = request.col < context.columns.width && request.row < ROWS && end <= TILE_BYTES;
        if !sized || !inside {
            return Err(Errno::EINVAL);
        }
        Ok(Spot {
            context: context.firmware_id,
            columns: context.columns,
            tile: TileId::new(request.col as u8, request.row as u8),
            offset: request.addr,
        })
    }

    /// GET_ARRAY 9: the answer goes over the request.
    pub(super) fn read_tile(
        &mut self,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_array,
    ) -> Result<(), Errno> {
        self.vendor_only()?;
        if !self.profile.has(Feature::RwAccess) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.deny(Rule::ArraySize, arg.num_element != 1, Errno::EINVAL)?;
        let memory = caller.memory();
        let request: AieTileAccess = read_user(&*memory, arg.buffer)?;
        let spot = self.place(caller, &request)?;
        if arg.element_size < request.size || (arg.element_size as usize) < size_of::<AieTileAccess>() {
            return Err(Errno::ENOSPC);
        }
        let mut bytes = vec![0; request.size as usize];
        self.firmware.read_tile(spot, &mut bytes);
        memory.write(arg.buffer, &bytes)
    }

    /// SET_STATE 7: the data lie behind the request.
    pub(super) fn write_tile(
        &mut self,
        caller: &dyn Caller,
        arg: &uapi::amdxdna_drm_set_state,
    ) -> Result<(), Errno> {
        self.vendor_only()?;
        if !self.profile.has(Feature::RwAccess) {
            return Err(Errno::EOPNOTSUPP);
        }
        let memory = caller.memory();
        let request: AieTileAccess = read_user(&*memory, arg.buffer)?;
        let spot = self.place(caller, &request)?;
        let head = size_of::<AieTileAccess>() as u64;
        if u64::from(arg.buffer_size) < head + u64::from(request.size) {
            return Err(Errno::EINVAL);
        }
        let mut bytes = vec![0; request.size as usize];
        memory.read(arg.buffer.checked_add(head).ok_or(Errno::EFAULT)?, &mut bytes)?;
        self.firmware.write_tile(spot, &bytes);
        Ok(())
    }
}
