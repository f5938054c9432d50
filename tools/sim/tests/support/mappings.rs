//! Mappings that the kernel does not make of the descriptor that was given: of dma-bufs and of user-pointer buffers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use xdna_uapi as uapi;

use super::{Dev, Mapping, Result};

const PAGE: usize = 4096;
const WORDS: usize = PAGE / 4;

/// The dma-buf descriptor of a buffer.
#[allow(unsafe_code)]
pub fn export(dev: &Dev, handle: u32, flags: u32) -> Result<File> {
    let mut arg = uapi::drm_prime_handle {
        handle,
        flags,
        fd: -1,
    };
    dev.call(uapi::request::DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut arg)?;
    // SAFETY: the driver just made this descriptor for us, and nothing else here owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(arg.fd) }.into())
}

/// A dma-buf is no file to read: it tells its size, and is mapped.
pub fn dma_buf() -> Result<()> {
    let dev = Dev::open().expect("the node");
    let bo = dev.bo(uapi::AMDXDNA_BO_SHARE, 2 * PAGE as u64)?;
    let mut file = export(&dev, bo.handle, libc::O_RDWR as u32)?;
    assert_eq!(file.seek(SeekFrom::End(0)).expect("lseek"), 2 * PAGE as u64);
    assert_eq!(file.seek(SeekFrom::Start(0)).expect("lseek"), 0);
    assert!(file.read(&mut [0; 4]).is_err(), "a dma-buf was read");
    assert!(file.write(&[1; 4]).is_err(), "a dma-buf was written");
    assert!(file.set_len(0).is_err(), "a dma-buf was cut");

    bo.map.store(3, 33);
    bo.map.store(WORDS + 1, 44);
    let whole = Mapping::new(&file, 0, 2 * PAGE)?;
    assert_eq!((whole.load(3), whole.load(WORDS + 1)), (33, 44));
    whole.store(3, 55);
    assert_eq!(bo.map.load(3), 55);
    let second = Mapping::new(&file, PAGE as u64, PAGE)?;
    assert_eq!(second.load(1), 44);
    // The driver learns nothing of it.
    assert_eq!(dev.info(bo.handle)?.vaddr, bo.map.address());

    let refused = |file: &File, offset, len, flags| Mapping::with(file, offset, len, flags).err();
    assert_eq!(refused(&file, 0, 3 * PAGE, libc::MAP_SHARED), Some(Errno::EINVAL));
    assert_eq!(
        refused(&file, 2 * PAGE as u64, PAGE, libc::MAP_SHARED),
        Some(Errno::EINVAL)
    );
    assert_eq!(refused(&file, 0, PAGE, libc::MAP_PRIVATE), Some(Errno::EINVAL));
    let read_only = export(&dev, bo.handle, 0)?;
    assert_eq!(
        refused(&read_only, 0, PAGE, libc::MAP_SHARED),
        Some(Errno::EACCES)
    );
    assert_eq!(Mapping::read_only(&read_only, 0, PAGE)?.load(3), 55);

    drop((file, read_only, bo, dev));
    assert_eq!((whole.load(3), second.load(1)), (55, 44));
    Ok(())
}

/// A buffer of these ranges of our own memory.
fn pin(dev: &Dev, ranges: &[(u64, u64)]) -> Result<u32> {
    let mut table = vec![u64::from(u32::MAX) | (ranges.len() as u64) << 32];
    table.extend(ranges.iter().flat_map(|&(address, len)| [address, len]));
    let mut arg = uapi::amdxdna_drm_create_bo {
        vaddr: table.as_ptr() as u64,
        type_: uapi::AMDXDNA_BO_SHARE,
        ..Default::default()
    };
    dev.call(uapi::request::DRM_IOCTL_AMDXDNA_CREATE_BO, &mut arg)?;
    Ok(arg.handle)
}

/// Memory of our own.
fn own(dev: &Dev, pages: usize, flags: i32) -> Result<Mapping> {
    Mapping::with(&dev.file, 0, pages * PAGE, flags | libc::MAP_ANONYMOUS)
}

/// To 7.0 a user-pointer buffer can be mapped: the same memory at another address.
pub fn user_pointer() -> Result<()> {
    let dev = Dev::open().expect("the node");
    let (a, b) = (own(&dev, 1, libc::MAP_PRIVATE)?, own(&dev, 4, libc::MAP_PRIVATE)?);
    a.store(5, 77);
    b.store(WORDS + 2, 88);
    b.store(0, 9);
    let len = PAGE as u64;
    let handle = pin(&dev, &[(a.address(), len), (b.address() + len, 2 * len)])?;
    assert_eq!(dev.info(handle)?.vaddr, u64::MAX);
    let map = dev.map(handle, 3 * PAGE)?;
    assert_eq!((map.load(5), map.load(WORDS + 2)), (77, 88));
    map.store(6, 1);
    b.store(2 * WORDS + 3, 2);
    assert_eq!((a.load(6), map.load(2 * WORDS + 3)), (1, 2));
    assert_eq!(dev.info(handle)?.vaddr, map.address());
    // What lies around stays as it was.
    assert_eq!((b.load(0), b.load(3 * WORDS)), (9, 0));
    let again = dev.map(handle, PAGE)?;
    assert_eq!(again.load(5), 77);

    let offset = dev.info(handle)?.map_offset;
    let refused = |len, flags| Mapping::with(&dev.file, offset, len, flags).err();
    assert_eq!(refused(4 * PAGE, libc::MAP_SHARED), Some(Errno::EINVAL));
    assert_eq!(refused(PAGE, libc::MAP_PRIVATE), Some(Errno::EINVAL));
    dev.close(handle)?;
    assert_eq!((a.load(5), map.load(6)), (77, 1));
    assert_eq!(refused(PAGE, libc::MAP_SHARED), Some(Errno::EINVAL));

    let shared = own(&dev, 1, libc::MAP_SHARED)?;
    shared.store(1, 3);
    let handle = pin(&dev, &[(shared.address(), len)])?;
    assert_eq!(dev.map(handle, PAGE).err(), Some(Errno::EOPNOTSUPP));
    assert_eq!(shared.load(1), 3);
    Ok(())
}

/// From 7.1 on it cannot.
pub fn user_pointer_refused() -> Result<()> {
    let dev = Dev::open().expect("the node");
    let memory = own(&dev, 1, libc::MAP_PRIVATE)?;
    let handle = pin(&dev, &[(memory.address(), PAGE as u64)])?;
    assert_eq!(dev.map(handle, PAGE).err(), Some(Errno::EINVAL));
    Ok(())
}
