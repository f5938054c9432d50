//! Packets: command buffers with any words, alone and as sub-commands of chains.

#[path = "../../../driver/tests/support/images.rs"]
mod images;

use std::collections::HashMap;
use std::rc::Rc;

use xdna_sim::kmd::{ClientId, Config, Kmd, MapRequest, Step};
use xdna_uapi::ert::state;
use xdna_uapi::request::{
    DRM_IOCTL_AMDXDNA_CONFIG_HWCTX, DRM_IOCTL_AMDXDNA_CREATE_BO, DRM_IOCTL_AMDXDNA_CREATE_HWCTX,
    DRM_IOCTL_AMDXDNA_EXEC_CMD, DRM_IOCTL_AMDXDNA_GET_BO_INFO,
};

use super::memory::{Memory, Thread};
use super::{Target, profile};

/// Command buffers of every client.
const BUFFERS: usize = 4;
/// Packets before a device is made anew.
const PACKETS: u32 = 100_000;

/// A device of each profile that was asked for.
#[derive(Default)]
pub struct Packets {
    devices: HashMap<u8, Device>,
    /// How many packets ended in each state.
    pub ends: [u64; 16],
}

struct Device {
    kmd: Kmd,
    memory: Rc<Memory>,
    client: ClientId,
    context: u32,
    buffers: [(u32, u64); BUFFERS],
    now: u64,
    packets: u32,
}

impl Target for Packets {
    /// The first byte chooses the profile, the next four the lengths in words of what the command buffers hold from
    /// their first word on; the words follow. The first buffer is submitted.
    fn feed(&mut self, bytes: &[u8]) {
        let Some((&choice, rest)) = bytes.split_first() else {
            return;
        };
        let Some((lengths, mut words)) = rest.split_at_checked(BUFFERS) else {
            return;
        };
        let choice = choice % 22;
        if self
            .devices
            .get(&choice)
            .is_some_and(|device| device.packets > PACKETS)
        {
            self.devices.remove(&choice);
        }
        let device = self.devices.entry(choice).or_insert_with(|| Device::new(choice));
        device.packets += 1;
        for (i, len) in lengths.iter().enumerate() {
            let (packet, after) = words.split_at((4 * usize::from(*len)).min(words.len()));
            words = after;
            device.put(i, packet);
        }
        self.ends[device.submit() as usize] += 1;
    }
}

impl Device {
    fn new(choice: u8) -> Self {
        let profile = profile(choice);
        let mut kmd = Kmd::new(Config {
            profile,
            ..Config::default()
        })
        .expect("a device");
        let memory = Memory::new();
        let client = kmd.open(1, memory.clone()).expect("a client");
        let mut device = Self {
            kmd,
            memory,
            client,
            context: 0,
            buffers: [(0, 0); BUFFERS],
            now: 1,
            packets: 0,
        };
        let (_, heap, base) = device.bo(xdna_uapi::AMDXDNA_BO_DEV_HEAP, 64 << 20);
        let map = MapRequest {
            offset: heap,
            len: 64 << 20,
            private: false,
            writes: true,
        };
        let caller = Thread(device.memory.clone());
        device
            .kmd
            .mmap(client, &caller, &map)
            .expect("the heap's mapping");
        // An image, and control code that packets may name by its address.
        let [pdi, _] = [images::empty_pdi(), images::empty_transaction(4, 1)].map(|bytes| {
            let (handle, _, address) = device.bo(xdna_uapi::AMDXDNA_BO_DEV, bytes.len() as u32);
            let place = heap + (address - base);
            device.kmd.store().write(place, &bytes).expect("the heap");
            handle
        });
        device.buffers = std::array::from_fn(|_| {
            let (handle, offset, _) = device.bo(xdna_uapi::AMDXDNA_BO_CMD, 4096);
            (handle, offset)
        });
        let created = device.call(
            DRM_IOCTL_AMDXDNA_CREATE_HWCTX,
            &[0, 0, 0, 0, 0x400, 0, 0, 0, 2048, 16, 0, 0, 0, 0],
            &[],
        );
        device.context = created[12];
        device.call(
            DRM_IOCTL_AMDXDNA_CONFIG_HWCTX,
            &[device.context, 0, 0x140, 0, 16, 0],
            &[1, 0, pdi, 0],
        );
        device
    }

    /// A call with the words of its struct, and what its pointer to 0x140 means; returns the struct afterwards.
    fn call(&mut self, request: u32, words: &[u32], pointed: &[u32]) -> Vec<u32> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.resize(0x40, 0);
        bytes.extend(pointed.iter().flat_map(|w| w.to_le_bytes()));
        self.memory.fill(0x100, &bytes);
        let caller = Thread(self.memory.clone());
        let step = self.kmd.ioctl(self.client, &caller, request, 0x100);
        assert!(matches!(step, Step::Done(_)), "nothing here waits: {step:?}");
        let mut out = vec![0; 4 * words.len()];
        xdna_sim::kmd::UserMemory::read(&*self.memory, 0x100, &mut out).expect("the struct");
        out.chunks_exact(4)
            .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
            .collect()
    }

    /// A buffer: its handle, where it is in the store, its device address.
    fn bo(&mut self, kind: u32, size: u32) -> (u32, u64, u64) {
        let handle = self.call(DRM_IOCTL_AMDXDNA_CREATE_BO, &[0, 0, 0, 0, size, 0, kind, 0], &[])[7];
        let mut info = [0; 12];
        info[4] = handle;
        let info = self.call(DRM_IOCTL_AMDXDNA_GET_BO_INFO, &info, &[]);
        let long = |i: usize| u64::from(info[i]) | u64::from(info[i + 1]) << 32;
        (handle, long(6), long(10))
    }

    /// Writes a packet. The buffers have handles 4 to 7, so that chains of small numbers find them.
    fn put(&mut self, i: usize, packet: &[u8]) {
        let mut page = [0; 1024];
        page[..packet.len()].copy_from_slice(packet);
        self.kmd
            .store()
            .write(self.buffers[i].1, &page)
            .expect("a command buffer");
    }

    /// Submits the first buffer; the state that it ends in.
    fn submit(&mut self) -> u32 {
        let (handle, offset) = self.buffers[0];
        let mut header = [0; 4];
        self.kmd.store().read(offset, &mut header).expect("a header");
        let before = u32::from_le_bytes(header) & 0xf;
        let mut exec = [0; 14];
        (exec[4], exec[6], exec[10]) = (self.context, handle, 1);
        self.call(DRM_IOCTL_AMDXDNA_EXEC_CMD, &exec, &[]);
        for step in [3_000_000_000, 90_000_000_000] {
            self.now += step;
            self.kmd.advance(self.now);
        }
        self.kmd.store().read(offset, &mut header).expect("a header");
        let after = u32::from_le_bytes(header) & 0xf;
        // To 6.17 a chain that fails ends in the low bits of the firmware's status.
        let level_0 = self.kmd.profile().kernel < xdna_sim::profile::Kernel::V6_18;
        let known = matches!(
            after,
            state::NEW | state::COMPLETED | state::ERROR | state::ABORT | state::TIMEOUT
        );
        assert!(
            known || after == before || level_0,
            "state {before} became {after}"
        );
        after
    }
}
