//! Buffers of the device inside a test process: mappings, sharing, addresses, the heap.

mod support;

use std::process::ExitCode;

use nix::errno::Errno;
use support::*;
use xdna_sim::Npu;
use xdna_sim::profile::{AddressMode, Kernel, Protocol};
use xdna_uapi as uapi;

fn wrong_mappings_are_refused() -> Result<()> {
    Npu::strix()
        .run(|| {
            let dev = Dev::open().expect("the node");
            let bo = dev.create_bo(uapi::AMDXDNA_BO_SHARE, 4096)?;
            let offset = dev.info(bo)?.map_offset;
            let map = |offset, len, flags| Mapping::with(&dev.file, offset, len, flags).err();
            assert_eq!(map(offset, 8192, nix::libc::MAP_SHARED), Some(Errno::EINVAL));
            assert_eq!(map(offset, 4096, nix::libc::MAP_PRIVATE), Some(Errno::EINVAL));
            assert_eq!(map(0, 4096, nix::libc::MAP_SHARED), Some(Errno::EOPNOTSUPP));
            let other = Dev::open().expect("the node");
            assert_eq!(Mapping::new(&other.file, offset, 4096).err(), Some(Errno::EACCES));
            assert_eq!(dev.info(bo)?.vaddr, u64::MAX);
            let first = dev.map(bo, 4096)?;
            let second = dev.map(bo, 4096)?;
            assert_eq!(
                (dev.info(bo)?.vaddr, dev.info(bo)?.xdna_addr),
                (first.address(), first.address())
            );
            first.store(7, 99);
            assert_eq!(second.load(7), 99);
            drop(first);
            assert_eq!(dev.info(bo)?.vaddr, u64::MAX);
            Ok(())
        })
        .expect("a device")
}

fn buffers_travel_between_clients() -> Result<()> {
    Npu::strix()
        .run(|| {
            let (a, b) = (Dev::open().expect("a"), Dev::open().expect("b"));
            let bo = a.bo(uapi::AMDXDNA_BO_SHARE, 8192)?;
            let mut export = uapi::drm_prime_handle {
                handle: bo.handle,
                flags: 2,
                fd: -1,
            };
            a.call(uapi::request::DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut export)?;
            let import = |dev: &Dev| {
                let mut import = uapi::drm_prime_handle {
                    handle: 0,
                    flags: 0,
                    fd: export.fd,
                };
                dev.call(uapi::request::DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut import)
                    .map(|()| import.handle)
            };
            let theirs = import(&b)?;
            assert_eq!((import(&b)?, import(&a)?), (theirs, bo.handle));
            let map = b.map(theirs, 8192)?;
            bo.map.store(100, 42);
            assert_eq!(map.load(100), 42);
            drop((bo, a));
            assert_eq!(map.load(100), 42);
            Ok(())
        })
        .expect("a device")
}

fn address_modes_differ_in_what_a_client_sees() -> Result<()> {
    let look = |mode, kernel| {
        Npu::strix()
            .kernel(kernel)
            .address_mode(mode)
            .run(|| {
                let dev = Dev::open().expect("the node");
                let bo = dev.bo(uapi::AMDXDNA_BO_SHARE, 4096)?;
                Ok((dev.info(bo.handle)?.xdna_addr, bo.map.address()))
            })
            .expect("a device")
    };
    assert_eq!(look(AddressMode::Sva, Kernel::V7_0)?.0, u64::MAX);
    let (device, user) = look(AddressMode::Sva, Kernel::V7_1)?;
    assert_eq!(device, user);
    let (device, user) = look(AddressMode::Iova, Kernel::V7_3)?;
    assert!(device != user && device != u64::MAX);
    Ok(())
}

fn firmware_decides_about_a_second_heap_chunk() -> Result<()> {
    let grow = |protocol| {
        Npu::strix()
            .firmware(protocol)
            .run(|| {
                let dev = Dev::open().expect("the node");
                let room = Mapping::reserve(128 << 20)?;
                let first = dev.create_bo(uapi::AMDXDNA_BO_DEV_HEAP, uapi::DEV_HEAP_CHUNK)?;
                let heap = room.fix(0, &dev.file, dev.info(first)?.map_offset, 64 << 20)?;
                let ctx = dev.context()?;
                let small = dev.create_bo(uapi::AMDXDNA_BO_DEV, 60 << 20)?;
                assert_eq!(dev.create_bo(uapi::AMDXDNA_BO_DEV, 60 << 20), Err(Errno::EAGAIN));
                let second = dev.create_bo(uapi::AMDXDNA_BO_DEV_HEAP, uapi::DEV_HEAP_CHUNK)?;
                assert_eq!(dev.info(second)?.xdna_addr, 0x0800_0000);
                let map = room.fix(64 << 20, &dev.file, dev.info(second)?.map_offset, 64 << 20)?;
                let result = dev.create_bo(uapi::AMDXDNA_BO_DEV, 40 << 20);
                let _ = (heap, ctx, small, map, room);
                Ok(result)
            })
            .expect("a device")
    };
    assert_eq!(grow(Protocol { major: 6, minor: 15 })?, Err(Errno::EOPNOTSUPP));
    assert!(grow(Protocol { major: 6, minor: 18 })?.is_ok());
    Ok(())
}

fn dma_bufs_are_mapped() -> Result<()> {
    for kernel in [Kernel::V6_14, Kernel::V6_18, Kernel::V7_3] {
        Npu::strix()
            .kernel(kernel)
            .run(mappings::dma_buf)
            .expect("a device")?;
    }
    Ok(())
}

fn user_pointers_are_mapped_to_7_0() -> Result<()> {
    for kernel in [Kernel::V6_18, Kernel::V7_0] {
        let npu = Npu::strix().kernel(kernel);
        npu.run(mappings::user_pointer).expect("a device")?;
    }
    let npu = Npu::strix().kernel(Kernel::V7_1);
    npu.run(mappings::user_pointer_refused).expect("a device")
}

fn the_heap_is_counted_once_for_all() -> Result<()> {
    Npu::strix()
        .run(|| {
            let dev = Dev::open().expect("the node");
            let (_heap, _ctx) = dev.ready()?;
            // Four command slots of the context, and the image.
            let want = 5 * 4096;
            let mut usage = uapi::amdxdna_drm_bo_usage {
                pid: std::process::id().into(),
                ..Default::default()
            };
            let mut arg = uapi::amdxdna_drm_get_array {
                param: uapi::DRM_AMDXDNA_BO_USAGE,
                element_size: size_of_val(&usage) as u32,
                num_element: 1,
                buffer: &raw mut usage as u64,
                ..Default::default()
            };
            dev.call(uapi::request::DRM_IOCTL_AMDXDNA_GET_ARRAY, &mut arg)?;
            let mut entry = uapi::amdxdna_drm_hwctx_entry::default();
            let mut arg = uapi::amdxdna_drm_get_array {
                param: uapi::DRM_AMDXDNA_HW_CONTEXT_ALL,
                element_size: size_of_val(&entry) as u32,
                num_element: 1,
                buffer: &raw mut entry as u64,
                ..Default::default()
            };
            dev.call(uapi::request::DRM_IOCTL_AMDXDNA_GET_ARRAY, &mut arg)?;
            assert_eq!((usage.heap_usage, entry.heap_usage), (want, want));
            assert_eq!(usage.total_usage, uapi::DEV_HEAP_CHUNK);
            Ok(())
        })
        .expect("a device")
}

fn capabilities_are_those_of_a_driver_without_display() -> Result<()> {
    Npu::strix()
        .run(|| {
            let dev = Dev::open().expect("the node");
            let cap = |capability| {
                let mut arg = uapi::drm_get_cap {
                    capability,
                    value: 99,
                };
                let result = dev.call(uapi::request::DRM_IOCTL_GET_CAP, &mut arg);
                result.map(|()| arg.value).map_err(|e| (e, arg.value))
            };
            // PRIME, monotonic timestamps, syncobjs and their timelines.
            assert_eq!(
                [cap(5), cap(6), cap(0x13), cap(0x14)],
                [Ok(3), Ok(1), Ok(1), Ok(1)]
            );
            // Dumb buffers, asynchronous page flips, atomic flips, and none at all.
            for unknown in [1, 7, 0x15, 0xffff, u64::MAX] {
                assert_eq!(cap(unknown), Err((Errno::EOPNOTSUPP, 0)), "{unknown:#x}");
            }
            Ok(())
        })
        .expect("a device")
}

const TESTS: &[trials::Named] = &[
    (
        "the_heap_is_counted_once_for_all",
        the_heap_is_counted_once_for_all,
    ),
    (
        "capabilities_are_those_of_a_driver_without_display",
        capabilities_are_those_of_a_driver_without_display,
    ),
    ("dma_bufs_are_mapped", dma_bufs_are_mapped),
    ("user_pointers_are_mapped_to_7_0", user_pointers_are_mapped_to_7_0),
    ("wrong_mappings_are_refused", wrong_mappings_are_refused),
    ("buffers_travel_between_clients", buffers_travel_between_clients),
    (
        "address_modes_differ_in_what_a_client_sees",
        address_modes_differ_in_what_a_client_sees,
    ),
    (
        "firmware_decides_about_a_second_heap_chunk",
        firmware_decides_about_a_second_heap_chunk,
    ),
];

fn main() -> ExitCode {
    trials::run(TESTS)
}
