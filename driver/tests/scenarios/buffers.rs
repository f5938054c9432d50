//! Buffer objects: heap, mappings, caches, sharing.

use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::Arc;

use xdna_driver::{BoKind, Error, Outcome};

use super::{Scenario, scenario};
use crate::support::{context, device, nothing, outcome, run};

pub fn scenarios() -> Vec<Scenario> {
    let by_ioctl = |scenario: Scenario| Scenario {
        environment: vec![("XDNA_DEBUG", "sync-ioctl")],
        ..scenario
    };
    vec![
        scenario("buffers/bytes_are_read_back", "", read_back),
        by_ioctl(scenario(
            "trap/no_sync_from_device_on_6_19",
            "--kernel 6.19",
            read_back,
        )),
        by_ioctl(scenario(
            "trap/sync_ranges_are_checked_on_6_17",
            "--kernel 6.17",
            read_back,
        )),
        by_ioctl(scenario("buffers/bytes_are_read_back_by_ioctl", "", read_back)),
        scenario("buffers/views_and_commands_exclude_each_other", "", views),
        scenario("trap/the_heap_is_mapped_and_of_64_mib", "--kernel 7.1", heap),
        scenario("trap/the_heap_grows_from_7_2", "--firmware 6.18", grows),
        scenario(
            "buffers/firmware_that_can_not_add_memory_is_named",
            "--firmware 6.15",
            grows_not,
        ),
        scenario(
            "buffers/the_heap_of_npu1_does_not_grow",
            "--device npu1",
            npu1_heap,
        ),
        scenario("buffers/dev_buffers_are_distinct_and_aligned", "", dev),
        scenario("trap/an_imported_buffer_shares_its_handle", "", import),
        scenario("buffers/two_open_devices_share_a_buffer", "", two_devices),
        scenario(
            "trap/memory_that_can_not_be_pinned_is_said_so_by_efault",
            "--fault create_bo:2:EFAULT",
            not_pinned,
        ),
        scenario(
            "trap/memory_that_can_not_be_pinned_is_said_so_by_enomem",
            "--kernel 6.18 --fault create_bo:2:ENOMEM",
            not_pinned,
        ),
        scenario("buffers/an_exported_buffer_is_not_viewed", "", export),
        scenario("buffers/user_pointers", "", user),
        scenario("buffers/user_pointers_in_iova_mode", "--iommu iova", user),
        scenario("trap/no_user_pointer_before_6_18", "--kernel 6.17", no_user),
        scenario(
            "buffers/a_mapping_that_fails_closes_the_handle",
            "--fault get_bo_info:1:ENOENT",
            handle_is_closed,
        ),
        scenario(
            "buffers/carveout_addresses_are_taken_as_given",
            "--iommu carveout",
            read_back,
        ),
    ]
}

fn read_back() {
    let device = device();
    let context = context(&device);
    for bo in [
        device.create_bo(8192).unwrap(),
        device.create_dev_bo(8192).unwrap(),
    ] {
        let bytes: Vec<u8> = (0..100).collect();
        bo.write(4090, &bytes).unwrap();
        let mut back = [0; 100];
        bo.read(4090, &mut back).unwrap();
        assert_eq!(back, bytes[..]);
        for (offset, len) in [(8192, 1), (8191, 2), (usize::MAX, 2), (0, 8193)] {
            assert!(matches!(
                bo.read(offset, &mut vec![0; len]),
                Err(Error::OutOfRange { .. })
            ));
        }
        let command = nothing(&context).addr(&bo).build().unwrap();
        assert_eq!(run(&context, command).outcome, Outcome::Completed);
        bo.read(4090, &mut back).unwrap();
        assert_eq!(back, bytes[..]);
    }
}

fn views() {
    let device = device();
    let context = context(&device);
    let bo = device.create_bo(4096).unwrap();
    {
        let mut floats = bo.view_mut::<f32>(8, 4).unwrap();
        floats.copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        assert!(matches!(bo.view::<u8>(0, 1), Err(Error::Viewed(_))));
        let refused = context
            .submit(nothing(&context).addr(&bo).build().unwrap())
            .unwrap_err();
        assert!(matches!(refused.reason, Error::Viewed(_)));
    }
    let (one, two) = (bo.view::<f32>(8, 4).unwrap(), bo.view::<u32>(8, 1).unwrap());
    assert_eq!((one[3], two[0]), (4.0, 1.0_f32.to_bits()));
    drop((one, two));
    assert!(matches!(bo.view::<u32>(2, 1), Err(Error::Misaligned { .. })));
    assert!(matches!(
        bo.view::<u64>(0, usize::MAX),
        Err(Error::OutOfRange { .. })
    ));
    assert_eq!(
        run(&context, nothing(&context).addr(&bo).build().unwrap()).outcome,
        Outcome::Completed
    );
}

fn heap() {
    let device = device();
    let first = device.create_dev_bo(1).unwrap();
    assert_eq!(first.device_addr().get(), 0x0400_0000);
    let too_large = device.create_dev_bo((64 << 20) + 1).unwrap_err();
    assert!(matches!(too_large, Error::TooLarge { limit, .. } if limit == 64 << 20));
    let full = (0..3)
        .map(|_| device.create_dev_bo(30 << 20))
        .collect::<Result<Vec<_>, _>>()
        .unwrap_err();
    assert_eq!(full.errno(), Some(libc::ENOSPC));
}

fn grows() {
    let device = device();
    let context = context(&device);
    let large = device.create_dev_bo(128 << 20).unwrap();
    let base = large.device_addr().get();
    let mut words = large.view_mut::<u32>(0, 32 << 20).unwrap();
    for at in [0, (16 << 20) - 1, 16 << 20, (32 << 20) - 1] {
        words[at] = at as u32 ^ 0x5a5a_5a5a;
    }
    drop(words);
    let words = large.view::<u32>((64 << 20) - 4, 2).unwrap();
    assert_eq!(
        words[..],
        [((16 << 20) - 1) ^ 0x5a5a_5a5a, (16 << 20) ^ 0x5a5a_5a5a]
    );
    drop(words);
    assert!(base >> 26 != (base + (128 << 20) - 1) >> 26);
    assert_eq!(outcome(&context), Outcome::Completed);
    assert!(matches!(
        device.create_dev_bo(576 << 20),
        Err(Error::TooLarge { .. })
    ));
}

fn grows_not() {
    let device = device();
    let context = context(&device);
    let command = nothing(&context).build().unwrap();
    let e = device.create_dev_bo(100 << 20).unwrap_err();
    assert!(matches!(e, Error::HeapCanNotGrow), "{e}");
    assert_eq!(run(&context, command).outcome, Outcome::Completed);
}

fn npu1_heap() {
    let device = device();
    assert!(matches!(
        device.create_dev_bo(65 << 20),
        Err(Error::TooLarge { .. })
    ));
    device.create_dev_bo(64 << 20).unwrap();
}

fn dev() {
    let device = device();
    let buffers: Vec<_> = [0x2000, 0x400, 0x3000, 0x100]
        .map(|size| device.create_dev_bo(size).unwrap())
        .into();
    for (i, bo) in buffers.iter().enumerate() {
        assert_eq!(bo.device_addr().get() % 0x8000, 0);
        bo.write(0, &[i as u8; 0x100]).unwrap();
    }
    for (i, bo) in buffers.iter().enumerate() {
        assert!(bo.view::<u8>(0, 0x100).unwrap().iter().all(|b| *b == i as u8));
    }
}

fn import() {
    let device = device();
    let bo = device.create_bo(8192).unwrap();
    bo.write(0, b"ours").unwrap();
    let fd = bo.export().unwrap();
    let same = device.import(fd.as_fd()).unwrap();
    assert!(Arc::ptr_eq(&bo, &same));
    drop(bo);
    let mut back = [0; 4];
    same.read(0, &mut back).unwrap();
    assert_eq!(&back, b"ours");
    // After the last user is gone the buffer lives on in the descriptor.
    drop(same);
    let again = device.import(fd.as_fd()).unwrap();
    assert_eq!((again.kind(), again.size()), (BoKind::Imported, 8192));
    again.read(0, &mut back).unwrap();
    assert_eq!(&back, b"ours");
    let context = context(&device);
    assert_eq!(
        run(&context, nothing(&context).addr(&again).build().unwrap()).outcome,
        Outcome::Completed
    );
}

fn two_devices() {
    let (one, two) = (device(), device());
    let bo = one.create_bo(4096).unwrap();
    bo.write(100, b"from one").unwrap();
    let other = two.import(bo.export().unwrap().as_fd()).unwrap();
    let mut back = [0; 8];
    other.read(100, &mut back).unwrap();
    assert_eq!(&back, b"from one");
    let context = context(&two);
    assert_eq!(
        run(&context, nothing(&context).addr(&other).build().unwrap()).outcome,
        Outcome::Completed
    );
    // A device's own buffers are no other's.
    let refused = nothing(&context).addr(&bo).build().unwrap_err();
    assert!(matches!(refused, Error::OtherDevice { .. }), "{refused}");
    drop((bo, one));
    other.read(100, &mut back).unwrap();
    assert_eq!(&back, b"from one");
}

fn not_pinned() {
    let device = device();
    // The first creation is the probe for user pointers.
    let e = device.create_user_bo(4096).unwrap_err();
    assert!(matches!(e.errno(), Some(libc::EFAULT | libc::ENOMEM)), "{e}");
    assert!(e.to_string().contains("pinned"), "{e}");
}

fn export() {
    let device = device();
    let bo = device.create_bo(4096).unwrap();
    let view = bo.view::<u8>(0, 1).unwrap();
    assert!(matches!(bo.export(), Err(Error::Viewed(_))));
    drop(view);
    let fd = bo.export().unwrap();
    assert!(matches!(bo.view::<u8>(0, 1), Err(Error::SharedBuffer(_))));
    assert!(matches!(bo.view_mut::<u8>(0, 1), Err(Error::SharedBuffer(_))));
    bo.write(0, &[7]).unwrap();
    let dev = device.create_dev_bo(4096).unwrap();
    assert!(matches!(dev.export(), Err(Error::WrongKind { .. })));
    // The descriptor outlives the device.
    drop((bo, dev, device));
    assert_eq!(
        nix::unistd::lseek(fd, 0, nix::unistd::Whence::SeekEnd).unwrap(),
        4096
    );
}

fn user() {
    let device = device();
    let bo = device.create_user_bo(5000).unwrap();
    assert_eq!((bo.kind(), bo.size()), (BoKind::User, 8192));
    bo.view_mut::<u8>(0, 8192).unwrap().fill(3);
    let context = context(&device);
    assert_eq!(
        run(&context, nothing(&context).addr(&bo).build().unwrap()).outcome,
        Outcome::Completed
    );
    assert!(bo.view::<u8>(0, 8192).unwrap().iter().all(|b| *b == 3));
    assert!(bo.export().is_err());
    // SAFETY: refused before the memory is touched.
    let odd = unsafe { device.create_user_bo_at(NonNull::without_provenance(8.try_into().unwrap()), 4096) };
    assert!(matches!(odd, Err(Error::Misaligned { .. })));
}

fn no_user() {
    let device = device();
    assert!(matches!(
        device.create_user_bo(4096),
        Err(Error::Unsupported { .. })
    ));
}

fn handle_is_closed() {
    let device = device();
    assert_eq!(device.create_bo(4096).unwrap_err().errno(), Some(libc::ENOENT));
    assert_eq!(
        device.create_bo(4096).unwrap().handle().get(),
        1,
        "the first handle is free again"
    );
}
