//! What only the vendor's drivers have: firmware log and trace, coredumps, tile access.

mod support;

use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use support::*;
use xdna_sim::Npu;
use xdna_sim::profile::{Kernel, Protocol};
use xdna_uapi as uapi;
use xdna_uapi::newer::*;
use xdna_uapi::request::*;

fn array(dev: &Dev, param: u32, bytes: &mut [u8]) -> Result<(u32, u32)> {
    let mut arg = uapi::amdxdna_drm_get_array {
        param,
        element_size: bytes.len() as u32,
        num_element: 1,
        buffer: bytes.as_mut_ptr() as u64,
        ..Default::default()
    };
    let result = dev.call(DRM_IOCTL_AMDXDNA_GET_ARRAY, &mut arg);
    result
        .map(|()| (arg.element_size, arg.num_element))
        .inspect_err(|_| {
            if let [first, ..] = bytes {
                *first = (arg.element_size >> 20) as u8;
            }
        })
}

fn set(dev: &Dev, param: u32, bytes: &[u8]) -> Result<()> {
    let mut arg = uapi::amdxdna_drm_set_state {
        param,
        buffer_size: bytes.len() as u32,
        buffer: bytes.as_ptr() as u64,
    };
    dev.call(DRM_IOCTL_AMDXDNA_SET_STATE, &mut arg)
}

fn switch(dev: &Dev, param: u32, action: u32, config: u32) -> Result<()> {
    let words = [action, config, 0, 0];
    set(dev, param, &words.map(u32::to_le_bytes).concat())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Payload from `offset` on, and where to go on.
fn payload(dev: &Dev, param: u32, offset: u64, watch: bool) -> Result<(Vec<u8>, u64)> {
    let mut buffer = vec![0; 4096];
    let end = buffer.len() - 16;
    buffer[end..end + 8].copy_from_slice(&offset.to_le_bytes());
    buffer[end + 12] = watch.into();
    array(dev, param, &mut buffer)?;
    let size = word(&buffer, end + 8) as usize;
    let next = u64::from(word(&buffer, end)) | u64::from(word(&buffer, end + 4)) << 32;
    Ok((buffer[..size].to_vec(), next))
}

fn the_log_follows_what_happens() -> Result<()> {
    let npu = Npu::strix().kernel(Kernel::Staging);
    npu.run(|| {
        let dev = Dev::open().expect("the node");
        // On from probe at level warning, with nothing to say.
        let mut state = [0; 16];
        assert_eq!(array(&dev, FW_LOG_CONFIG, &mut state)?, (16, 1));
        assert_eq!((word(&state, 4), word(&state, 8)), (1, 2));
        let (bytes, next) = payload(&dev, FW_LOG, 0, false)?;
        assert_eq!((bytes.len(), next), (0, 0));
        assert_eq!(payload(&dev, FW_LOG, 1, false).err(), Some(Errno::EINVAL));
        switch(&dev, SET_FW_LOG, 1, 3)?;
        let _heap = dev.heap()?;
        dev.context()?;
        let (bytes, next) = payload(&dev, FW_LOG, 0, false)?;
        assert_eq!(
            (bytes[0], bytes[bytes.len() - 1], next),
            (0xca, 0xba, bytes.len() as u64)
        );
        assert!(String::from_utf8_lossy(&bytes).contains("context 0 created"));
        switch(&dev, SET_FW_LOG, 0, 0)?;
        assert_eq!(payload(&dev, FW_LOG, next, false).err(), Some(Errno::ESHUTDOWN));
        for (action, config) in [(1, 0), (1, 5), (2, 1)] {
            assert_eq!(switch(&dev, SET_FW_LOG, action, config), Err(Errno::EINVAL));
        }
        assert_eq!(array(&dev, FW_LOG, &mut [0; 15]), Err(Errno::ENOSPC));
        Ok(())
    })
    .expect("a device")
}

fn a_watcher_sleeps_until_there_is_news() -> Result<()> {
    let npu = Npu::strix().kernel(Kernel::Staging);
    npu.run(|| {
        let dev = Dev::open().expect("the node");
        assert_eq!(payload(&dev, FW_TRACE, 0, true).err(), Some(Errno::ESHUTDOWN));
        switch(&dev, SET_FW_TRACE, 1, 1)?;
        let _heap = dev.heap()?;
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| payload(&dev, FW_TRACE, 0, true));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!watcher.is_finished(), "nothing has happened");
            dev.context()?;
            let (bytes, next) = watcher.join().expect("the watcher")?;
            // Event 2: context 0 of high priority, all eight columns.
            assert_eq!((bytes.len(), bytes[0], word(&bytes, 20) >> 16), (32, 0xca, 2));
            assert_eq!(word(&bytes, 16), 2 << 4 | 8 << 20);
            let watcher = scope.spawn(move || payload(&Dev::open().expect("the node"), FW_TRACE, next, true));
            std::thread::sleep(Duration::from_millis(20));
            switch(&dev, SET_FW_TRACE, 0, 0)?;
            assert_eq!(watcher.join().expect("the watcher").err(), Some(Errno::ESHUTDOWN));
            Ok(())
        })
    })
    .expect("a device")
}

fn access(pid: u32, context: u32, place: [u32; 4], kind: u8) -> Vec<u8> {
    let [col, row, addr, size] = place;
    let words = [pid, 0, context, col, row, addr, size, u32::from(kind)];
    words.map(u32::to_le_bytes).concat()
}

fn tiles_are_written_read_and_dumped() -> Result<()> {
    for kernel in [Kernel::Staging, Kernel::Oot] {
        let unknown = if kernel == Kernel::Oot {
            Errno::EINVAL
        } else {
            Errno::ENOENT
        };
        let npu = Npu::strix().kernel(kernel);
        npu.run(|| {
            let dev = Dev::open().expect("the node");
            let (_heap, ctx) = dev.ready()?;
            let pid = std::process::id();
            let place = [3, 2, 0x400, 4];
            let write = [access(pid, ctx.handle, place, 1), b"tile".to_vec()].concat();
            set(&dev, AIE_TILE_WRITE, &write)?;
            let mut read = access(pid, ctx.handle, place, 1);
            array(&dev, AIE_TILE_READ, &mut read)?;
            assert_eq!(&read[..4], b"tile");
            for place in [[8, 2, 0, 4], [0, 6, 0, 4], [0, 2, 0, 0], [0, 2, 0xf_fffe, 4]] {
                let refused = array(&dev, AIE_TILE_READ, &mut access(pid, ctx.handle, place, 1));
                assert_eq!(refused, Err(Errno::EINVAL), "{place:?}");
            }
            let long = array(
                &dev,
                AIE_TILE_READ,
                &mut access(pid, ctx.handle, [0, 2, 0, 64], 1),
            );
            assert_eq!(long, Err(Errno::ENOSPC));
            let other = array(&dev, AIE_TILE_READ, &mut access(pid, 99, place, 1));
            assert_eq!(other, Err(unknown));

            let request = [pid, 0, ctx.handle, 0].map(u32::to_le_bytes).concat();
            let mut small = request.clone();
            assert_eq!(array(&dev, AIE_COREDUMP, &mut small), Err(Errno::ENOSPC));
            assert_eq!(small[0], 48, "MiB for six rows of eight columns");
            let mut dump = vec![0; 48 << 20];
            dump[..16].copy_from_slice(&request);
            array(&dev, AIE_COREDUMP, &mut dump)?;
            let at = ((3 * 6 + 2) << 20) + 0x400;
            assert_eq!((&dump[at..at + 4], &dump[..16]), (&b"tile"[..], &[0; 16][..]));
            Ok(())
        })
        .expect("a device")?;
    }
    Ok(())
}

fn a_timeout_may_leave_a_coredump() -> Result<()> {
    let npu = Npu::strix()
        .kernel(Kernel::Staging)
        .job_timeout(Duration::from_millis(20))
        .fault("command:1:hang")
        .expect("a script");
    npu.run(|| {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let pid = std::process::id();
        let write = |bytes: &[u8; 4]| {
            let all = [access(pid, ctx.handle, [0, 2, 0, 4], 1), bytes.to_vec()].concat();
            set(&dev, AIE_TILE_WRITE, &all)
        };
        let dump = || -> Result<Vec<u8>> {
            let mut dump = vec![0; 48 << 20];
            dump[..16].copy_from_slice(&[pid, 0, ctx.handle, 0].map(u32::to_le_bytes).concat());
            array(&dev, AIE_COREDUMP, &mut dump)?;
            Ok(dump[2 << 20..][..4].to_vec())
        };
        set(&dev, SET_AUTO_COREDUMP, &[1, 0, 0, 0, 0, 0, 0, 0])?;
        write(b"then")?;
        let command = dev.command()?;
        dev.exec(ctx, command.handle, &[])?;
        dev.wait(ctx, 0, SECOND)?;
        write(b"now.")?;
        assert_eq!((dump()?, dump()?), (b"then".to_vec(), b"now.".to_vec()));
        Ok(())
    })
    .expect("a device")
}

fn firmware_decides_what_there_is() -> Result<()> {
    let ask = |kernel, minor| {
        Npu::strix()
            .kernel(kernel)
            .firmware(Protocol { major: 6, minor })
            .run(|| {
                let dev = Dev::open().expect("the node");
                [FW_LOG, FW_LOG_CONFIG, AIE_COREDUMP, AIE_TILE_READ]
                    .map(|param| array(&dev, param, &mut [0; 64]).err())
            })
            .expect("a device")
    };
    let none = Some(Errno::EOPNOTSUPP);
    assert_eq!(ask(Kernel::V7_3, 24), [none; 4]);
    assert_eq!(
        ask(Kernel::Staging, 18),
        [Some(Errno::ESHUTDOWN), none, none, none]
    );
    assert_eq!(ask(Kernel::Oot, 18), [none; 4]);
    assert_eq!(ask(Kernel::Staging, 19), [None, None, none, none]);
    assert_eq!(ask(Kernel::Staging, 24), [None, None, none, Some(Errno::ENOENT)]);
    assert_eq!(
        ask(Kernel::Oot, 24),
        [None, None, Some(Errno::EINVAL), Some(Errno::EINVAL)]
    );
    Ok(())
}

/// As another user, in a child process.
fn as_nobody(test: impl FnOnce(&Dev)) {
    let code = sys::in_child(|| {
        nix::unistd::setgid(65534.into()).expect("setgid");
        nix::unistd::setuid(65534.into()).expect("setuid");
        test(&Dev::open().expect("the node"));
        0
    });
    assert_eq!(code, 0);
}

fn other_users_contexts_are_hidden_on_staging() -> Result<()> {
    for (kernel, seen) in [(Kernel::V7_3, 1), (Kernel::Oot, 1), (Kernel::Staging, 0)] {
        let npu = Npu::strix().kernel(kernel);
        npu.run(|| {
            let dev = Dev::open().expect("the node");
            let (_heap, ctx) = dev.ready()?;
            assert_eq!(dev.counters()?.len(), 1);
            let pid = std::process::id();
            as_nobody(|dev| {
                assert_eq!(dev.counters().expect("contexts").len(), seen, "{kernel}");
                if kernel == Kernel::Staging {
                    assert_eq!(payload(dev, FW_LOG, 0, false).err(), Some(Errno::EPERM));
                    let mut read = access(pid, ctx.handle, [0, 2, 0, 4], 1);
                    assert_eq!(array(dev, AIE_TILE_READ, &mut read), Err(Errno::EPERM));
                }
            });
            Ok(())
        })
        .expect("a device")?;
    }
    Ok(())
}

const TESTS: &[trials::Named] = &[
    ("the_log_follows_what_happens", the_log_follows_what_happens),
    (
        "a_watcher_sleeps_until_there_is_news",
        a_watcher_sleeps_until_there_is_news,
    ),
    (
        "tiles_are_written_read_and_dumped",
        tiles_are_written_read_and_dumped,
    ),
    ("a_timeout_may_leave_a_coredump", a_timeout_may_leave_a_coredump),
    ("firmware_decides_what_there_is", firmware_decides_what_there_is),
    (
        "other_users_contexts_are_hidden_on_staging",
        other_users_contexts_are_hidden_on_staging,
    ),
];

fn main() -> ExitCode {
    trials::run(TESTS)
}
