//! Random requests against the ioctl decoder, and random packets against the parser: refused or understood, never a
//! panic, and never a context or a command that is lost.
//!
//! XDNA_FUZZ asks for another number of requests per profile.

use std::cell::RefCell;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use xdna_sim::kmd::{Caller, Config, Kmd, LockLimit, Region, Step, UserMemory};
use xdna_sim::profile::{AddressMode, Device, Kernel, Profile};
use xdna_uapi::request;

const BYTES: usize = 1 << 16;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A value of the kind that requests hold: mostly small, sometimes odd.
    fn field(&mut self) -> u64 {
        match self.below(8) {
            0..=3 => self.below(6),
            4 => self.below(BYTES as u64),
            5 => 1 << self.below(64),
            6 => u64::MAX - self.below(3),
            _ => self.next(),
        }
    }
}

/// Memory from address 0.
struct Memory(RefCell<Vec<u8>>);

impl Memory {
    fn range(&self, address: u64, len: usize) -> Result<std::ops::Range<usize>, Errno> {
        let end = address
            .checked_add(len as u64)
            .filter(|&e| e <= BYTES as u64)
            .ok_or(Errno::EFAULT)?;
        Ok(address as usize..end as usize)
    }
}

impl UserMemory for Memory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        let range = self.range(address, into.len())?;
        into.copy_from_slice(&self.0.borrow()[range]);
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno> {
        let range = self.range(address, from.len())?;
        self.0.borrow_mut()[range].copy_from_slice(from);
        Ok(())
    }

    /// All memory, and the whole device file at an address of its own.
    fn regions(&self) -> Vec<Region> {
        let (readable, writable) = (true, true);
        let file = 1 << 40;
        vec![
            Region {
                start: 0,
                end: BYTES as u64,
                readable,
                writable,
                shared: false,
                device_offset: None,
            },
            Region {
                start: file,
                end: file + (1 << 46),
                readable,
                writable,
                shared: true,
                device_offset: Some(0),
            },
        ]
    }
}

struct Thread(Rc<Memory>);

impl Caller for Thread {
    fn thread(&self) -> i32 {
        1
    }
    fn is_admin(&self) -> bool {
        true
    }
    fn lock_limit(&self) -> LockLimit {
        LockLimit {
            bytes: 1 << 20,
            exempt: false,
        }
    }
    fn memory(&self) -> Rc<dyn UserMemory> {
        self.0.clone()
    }
    fn install(&self, _: BorrowedFd<'_>, _: bool) -> Result<i32, Errno> {
        Ok(3)
    }
    fn descriptor(&self, _: i32) -> Result<OwnedFd, Errno> {
        Err(Errno::EBADF)
    }
}

fn count() -> u64 {
    std::env::var("XDNA_FUZZ")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(20_000)
}

/// A request by number, sometimes with another size or direction.
fn random_request(random: &mut Random) -> u32 {
    let (_, known) = request::ALL[random.below(request::ALL.len() as u64) as usize];
    match random.below(10) {
        0 => known ^ 1 << (16 + random.below(16)),
        1 => random.next() as u32 & !0xff00 | 0x6400,
        _ => known,
    }
}

fn requests(profile: Profile, count: u64, seed: u64) -> u64 {
    let mut random = Random(seed);
    let mut kmd = Kmd::new(Config {
        profile,
        ..Config::default()
    })
    .unwrap();
    let memory = Rc::new(Memory(RefCell::new(vec![0; BYTES])));
    let caller = Thread(memory.clone());
    let mut now = 1;
    let mut id = kmd.open(1, memory.clone()).unwrap();
    let mut succeeded = 0;
    for n in 0..count {
        if n % 1000 == 999 {
            kmd.release(id);
            id = kmd.open(1, memory.clone()).unwrap();
        }
        let request = random_request(&mut random);
        let address = random.below(64) * 8;
        for i in 0..8 {
            let value = if random.below(2) == 0 {
                random.field()
            } else {
                random.field() & 0xffff_ffff
            };
            memory.write(address + 8 * i, &value.to_le_bytes()).unwrap();
        }
        let mut step = kmd.ioctl(id, &caller, request, address);
        // Whatever waits either ends or may be dropped, as a killed thread drops it.
        for _ in 0..3 {
            now += 100_000_000;
            kmd.advance(now);
            step = match step {
                Step::Parked(pending) => kmd.resume(&caller, pending),
                done => done,
            };
        }
        succeeded += u64::from(matches!(step, Step::Done(Ok(_))));
        kmd.next_event();
    }
    succeeded
}

#[test]
fn random_requests_are_refused_or_understood() {
    for (i, kernel) in Kernel::all().enumerate() {
        for device in [Device::Npu1, Device::Npu4] {
            let profile = Profile::new(device, kernel, None, AddressMode::Sva).unwrap();
            let succeeded = requests(profile, count(), 0x9E37_79B9 + i as u64);
            assert!(succeeded > 0, "{profile}: every request was refused");
        }
    }
}

/// Random packets, alone and in chains, on a context that is configured.
fn packets(profile: Profile, count: u64, seed: u64) -> [u64; 16] {
    let mut random = Random(seed);
    let mut kmd = Kmd::new(Config {
        profile,
        ..Config::default()
    })
    .unwrap();
    let memory = Rc::new(Memory(RefCell::new(vec![0; BYTES])));
    let caller = Thread(memory.clone());
    let id = kmd.open(1, memory.clone()).unwrap();
    // The argument of every call lies at 0x100, what it points to at 0x200.
    let call = |kmd: &mut Kmd, request: u32, words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        memory.write(0x100, &bytes).unwrap();
        let step = kmd.ioctl(id, &caller, request, 0x100);
        let mut out = vec![0; bytes.len()];
        memory.read(0x100, &mut out).unwrap();
        let out: Vec<u32> = out
            .chunks_exact(4)
            .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
            .collect();
        (step, out)
    };
    let bo = |kmd: &mut Kmd, kind: u32, size: u32| {
        let handle = call(
            kmd,
            request::DRM_IOCTL_AMDXDNA_CREATE_BO,
            &[0, 0, 0, 0, size, 0, kind, 0],
        )
        .1[7];
        let mut info = [0; 12];
        info[4] = handle;
        let info = call(kmd, request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &info).1;
        (handle, u64::from(info[6]) | u64::from(info[7]) << 32)
    };
    let (heap, offset) = bo(&mut kmd, xdna_uapi::AMDXDNA_BO_DEV_HEAP, 64 << 20);
    assert_eq!(heap, 1);
    let map = xdna_sim::kmd::MapRequest {
        offset,
        len: 64 << 20,
        private: false,
        writes: true,
    };
    kmd.mmap(id, &caller, &map).unwrap();
    let (pdi, _) = bo(&mut kmd, xdna_uapi::AMDXDNA_BO_DEV, 4096);
    let commands: Vec<(u32, u64)> = (0..4)
        .map(|_| bo(&mut kmd, xdna_uapi::AMDXDNA_BO_CMD, 4096))
        .collect();
    let (step, created) = call(
        &mut kmd,
        request::DRM_IOCTL_AMDXDNA_CREATE_HWCTX,
        &[0, 0, 0, 0, 0x200, 0, 0, 0, 2048, 4, 0, 0, 0, 0],
    );
    assert!(matches!(step, Step::Done(Ok(0))), "{step:?}");
    let context = created[12];
    memory
        .write(0x300, &[1u32, 0, pdi, 0].map(u32::to_le_bytes).concat())
        .unwrap();
    // Firmware refuses the empty image; packets are parsed all the same from 6.19 on.
    call(
        &mut kmd,
        request::DRM_IOCTL_AMDXDNA_CONFIG_HWCTX,
        &[context, 0, 0x300, 0, 16, 0],
    );
    let (mut now, mut ended) = (1, [0; 16]);
    for _ in 0..count {
        for &(_, offset) in &commands {
            let opcode = [0, 18, 19, 20, 21, 22, 31][random.below(7) as usize];
            let size = if random.below(4) == 0 {
                random.below(2048)
            } else {
                random.below(60)
            };
            let header = 1 | (random.below(16) as u32 & 3) << 10 | (size as u32) << 12 | opcode << 23;
            let mut words = vec![header];
            words.extend((0..60).map(|_| random.field() as u32));
            let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            kmd.store().write(offset, &bytes).unwrap();
        }
        let (handle, offset) = commands[0];
        let mut exec = [0; 14];
        (exec[4], exec[6], exec[10]) = (context, handle, 1);
        call(&mut kmd, request::DRM_IOCTL_AMDXDNA_EXEC_CMD, &exec);
        now += 3_000_000_000;
        kmd.advance(now);
        now += 90_000_000_000;
        kmd.advance(now);
        let mut header = [0; 4];
        kmd.store().read(offset, &mut header).unwrap();
        ended[usize::from(header[0] & 0xf)] += 1;
    }
    ended
}

#[test]
fn random_packets_end_in_a_state() {
    for (i, kernel) in Kernel::all().enumerate().filter(|(_, k)| *k >= Kernel::V6_19) {
        let profile = Profile::new(Device::Npu4, kernel, None, AddressMode::Sva).unwrap();
        let ended = packets(profile, count() / 10, 0x1234_5678 + i as u64);
        // Rejected packets stay NEW; the others complete, fail, hang or are cut off: nothing else exists.
        let known: u64 = [1, 4, 5, 6, 8].iter().map(|&s: &usize| ended[s]).sum();
        assert_eq!(known, ended.iter().sum::<u64>(), "{kernel}: {ended:?}");
        assert!(ended[1] > 0 && ended[5] + ended[8] > 0, "{kernel}: {ended:?}");
    }
}
