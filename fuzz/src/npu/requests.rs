//! Requests: sequences of ioctls with any struct.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use xdna_sim::kmd::{Config, Kmd, Step};
use xdna_uapi::request;

use super::memory::{Memory, Thread};
use super::{Target, profile};

/// Where the struct of every call lies; what its pointers mean lies behind it.
const ARGUMENT: usize = 0x100;
/// Calls of one input.
const MOST: usize = 24;
/// Clients before a device is made anew: what dead clients leave must not add up.
const CLIENTS: u32 = 20_000;

/// A device of each profile that was asked for, with its memory, its clock, and the clients it has had.
#[derive(Default)]
pub struct Requests {
    devices: HashMap<u8, Device>,
    /// Calls that were refused and that succeeded, by profile.
    pub answers: BTreeMap<u8, [u64; 2]>,
}

struct Device {
    kmd: Kmd,
    memory: Rc<Memory>,
    now: u64,
    clients: u32,
}

impl Target for Requests {
    /// The first byte chooses the profile. Then each call: a byte for the request, one for what is odd about it, one
    /// for the length of the bytes that follow, which lie at the struct's address and behind it.
    fn feed(&mut self, bytes: &[u8]) {
        let Some((&choice, mut rest)) = bytes.split_first() else {
            return;
        };
        let choice = choice % 22;
        if self
            .devices
            .get(&choice)
            .is_some_and(|device| device.clients > CLIENTS)
        {
            self.devices.remove(&choice);
        }
        let device = self.devices.entry(choice).or_insert_with(|| Device {
            kmd: Kmd::new(Config {
                profile: profile(choice),
                ..Config::default()
            })
            .expect("a device"),
            memory: Memory::new(),
            now: 1,
            clients: 0,
        });
        device.clients += 1;
        let Device { kmd, memory, now, .. } = device;
        let Ok(id) = kmd.open(1, memory.clone()) else {
            return;
        };
        let caller = Thread(memory.clone());
        for _ in 0..MOST {
            let [which, odd, len, tail @ ..] = rest else { break };
            let (data, after) = tail.split_at(usize::from(*len).min(tail.len()));
            rest = after;
            let (_, known) = request::ALL[usize::from(*which) % request::ALL.len()];
            // Another size, direction or number, now and then.
            let number = match odd >> 5 {
                0 => known ^ 1 << (16 + (odd & 15)),
                1 => known ^ 1 << (odd & 7),
                _ => known,
            };
            memory.fill(ARGUMENT, data);
            let mut step = kmd.ioctl(id, &caller, number, ARGUMENT as u64);
            // What waits either ends or is dropped, as a killed thread drops it.
            for _ in 0..2 {
                *now += 3_000_000_000;
                kmd.advance(*now);
                step = match step {
                    Step::Parked(pending) => kmd.resume(&caller, pending),
                    done => done,
                };
            }
            let succeeded = matches!(step, Step::Done(Ok(_)));
            self.answers.entry(choice).or_default()[usize::from(succeeded)] += 1;
        }
        kmd.release(id);
        *now += 100_000_000_000;
        kmd.advance(*now);
        assert!(kmd.clients().is_empty(), "a client outlives its release");
    }
}
