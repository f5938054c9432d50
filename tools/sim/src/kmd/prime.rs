//! PRIME: buffer objects as dma-buf descriptors.

use std::collections::BTreeMap;
use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::flags::PrimeFlags;

use super::Kmd;
use super::bo::{Bo, Kind, Place};
use super::caller::Caller;
use super::client::ClientId;
use super::create_bo::Made;
use super::fence::Fence;
use super::syncobj::Syncobj;
use super::token::{Inode, Token};
use crate::profile::{Level, Rule};

/// A buffer behind a dma-buf descriptor.
#[derive(Debug)]
pub struct Exported {
    token: Token,
    bo: Rc<Bo>,
    /// Exported with DRM_RDWR.
    writable: bool,
}

/// Objects that live in descriptors.
#[derive(Debug, Default)]
pub struct Exports {
    /// dma-bufs.
    pub bos: BTreeMap<Inode, Exported>,
    /// Syncobjs.
    pub syncobjs: BTreeMap<Inode, (Token, Rc<Syncobj>)>,
    /// Sync files: pipes that become readable with their fence.
    pub sync_files: BTreeMap<Inode, (Option<std::io::PipeWriter>, Fence)>,
}

impl Exports {
    /// Forgets what nobody holds a descriptor of.
    pub fn sweep(&mut self) {
        self.bos.retain(|_, export| export.token.is_alive());
        self.syncobjs.retain(|_, (token, _)| token.is_alive());
    }

    /// The buffer of the dma-buf with this inode number, and whether it may be written.
    pub fn dmabuf(&self, inode: u64) -> Option<(Rc<Bo>, bool)> {
        let found = self.bos.iter().find(|(i, _)| i.number() == inode);
        found.map(|(_, export)| (export.bo.clone(), export.writable))
    }
}

impl Kmd {
    pub(super) fn prime_handle_to_fd(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_prime_handle,
    ) -> Result<(), Errno> {
        let flags = PrimeFlags::from_bits(arg.flags);
        self.deny(Rule::PrimeFlags, flags.is_none(), Errno::EINVAL)?;
        let bo = self.client(id)?.bo(arg.handle)?.clone();
        let level = self.profile.kernel.level();
        let user = matches!(bo.place, Place::User { .. }) && level >= Level::L8;
        let dev = matches!(bo.place, Place::Dev(_)) && level >= Level::L10;
        self.deny(Rule::PrimeKind, user || dev, Errno::EOPNOTSUPP)?;
        self.exports.sweep();
        let (token, fd) = Token::sealed(c"dmabuf", bo.size)?;
        let flags = PrimeFlags::from_bits_truncate(arg.flags);
        let (cloexec, writable) = (
            flags.contains(PrimeFlags::CLOEXEC),
            flags.contains(PrimeFlags::RDWR),
        );
        use std::os::fd::AsFd;
        arg.fd = caller.install(fd.as_fd(), cloexec)?;
        let export = Exported { bo, writable, token };
        self.exports.bos.insert(export.token.inode, export);
        Ok(())
    }

    pub(super) fn prime_fd_to_handle(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_prime_handle,
    ) -> Result<(), Errno> {
        arg.handle = match self.import(id, caller, arg.fd)? {
            Made::Known(handle) => handle,
            Made::New(bo) => self.client(id)?.bos.insert(bo),
        };
        Ok(())
    }

    /// The buffer behind a dma-buf descriptor: a handle that the client already holds, or a new buffer.
    pub(super) fn import(&mut self, id: ClientId, caller: &dyn Caller, fd: i32) -> Result<Made, Errno> {
        let fd = caller.descriptor(fd)?;
        let inode = Inode::of(&fd).map_err(|_| Errno::EBADF)?;
        let original = match self.exports.bos.get(&inode) {
            Some(export) => export.bo.clone(),
            None => return Err(Errno::EINVAL),
        };
        let held = self
            .client(id)?
            .bos
            .iter()
            .find(|(_, b)| same(b, &original))
            .map(|(h, _)| h);
        if let Some(handle) = held.filter(|_| self.rules.on(Rule::PrimeSame)) {
            return Ok(Made::Known(handle));
        }
        let place = match &original.place {
            Place::File { region, at } => Place::File {
                region: region.clone(),
                at: *at,
            },
            Place::User {
                memory,
                ranges,
                region,
            } => Place::User {
                memory: memory.clone(),
                ranges: ranges.clone(),
                region: region.clone(),
            },
            Place::Dev(_) => return Err(Errno::EINVAL),
        };
        let mut bo = Bo::new(Kind::Share, original.size, place);
        bo.imported = true;
        bo.iova = self.take_iova(bo.size);
        Ok(Made::New(Rc::new(bo)))
    }
}

/// True if two buffer objects are the same memory.
fn same(a: &Rc<Bo>, b: &Rc<Bo>) -> bool {
    Rc::ptr_eq(a, b) || (a.map_offset().is_some() && a.map_offset() == b.map_offset())
}
