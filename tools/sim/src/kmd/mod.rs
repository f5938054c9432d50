//! The kernel driver: the ioctl surface of amdxdna for one profile, state by state.
//!
//! [`Kmd`] is a state machine without threads: a front end hands it system calls and the time, and carries out what
//! it answers. It knows callers only through [`Caller`].

mod behind;
mod bo;
mod bo_info;
mod caller;
mod client;
mod coherence;
mod columns;
mod compute;
mod config;
mod context;
mod create_bo;
mod debug_buffer;
mod device_memory;
mod dispatch;
mod drm;
mod exec;
mod fdinfo;
mod fence;
mod firmware_news;
mod heap;
mod job;
mod mishap;
mod mmap;
mod oot;
mod packet;
mod park;
mod power;
mod prime;
mod qos;
mod query;
mod ring;
mod settings;
mod shadow;
mod store;
mod syncobj;
mod syncobj_ioctl;
mod syncobj_share;
mod syncobj_wait;
mod timeout;
mod token;
mod trace;
mod user_bo;
mod write_back;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;

pub use caller::{Caller, LockLimit, Region, UserMemory};
pub use client::ClientId;
pub use columns::Given;
pub use dispatch::{Answer, IOCTL_NAMES, Pending, Step};
pub use mmap::{MapPlan, MapRequest};

pub use packet::Work;
pub use settings::{Config, Timing};
pub use store::{FIRST_OFFSET, Store};
pub use token::{Access, Inode, is_marked, mark};

use bo::{Bo, Place};
use client::Client;
use columns::Columns;
use park::Park;

use crate::fault::Faults;
use crate::firmware::Firmware;
use crate::profile::{AddressMode, Feature, Profile, Rule, Rules};

/// First address of the IOMMU's, or of the carveout.
const FIRST_IOVA: u64 = 0x1_0000_0000;
const FIRST_CARVEOUT: u64 = 0x8_0000_0000;

/// What a handler answers.
#[derive(Debug)]
enum Outcome {
    Done(i64),
    Park(Park),
}

/// The driver and its device.
pub struct Kmd {
    profile: Profile,
    rules: Rules,
    timing: Timing,
    faults: Faults,
    store: Store,
    trace: trace::Trace,
    incoherent: bool,
    clients: BTreeMap<ClientId, Client>,
    next_client: u64,
    next_iova: u64,
    next_context: u32,
    columns: Columns,
    firmware: Firmware,
    exports: prime::Exports,
    events: Vec<syncobj_share::Armed>,
    now: u64,
    last_use: u64,
    last_progress: u64,
    powered: bool,
    unplugged: bool,
    clock_default: usize,
    power_mode: u8,
    force_preempt: u8,
    frame_preempt: u8,
    async_error: xdna_uapi::amdxdna_async_error,
    log: ring::Ring,
    events_trace: ring::Ring,
    auto_coredump: u8,
}

impl Kmd {
    /// A device that was just probed.
    ///
    /// # Errors
    /// When its memory file cannot be made.
    pub fn new(config: Config) -> io::Result<Self> {
        let Config {
            profile,
            rules,
            timing,
            faults,
            trace,
            incoherent,
            cycles,
            cores,
        } = config;
        let limit = timing.cycles();
        let carveout = profile.mode == AddressMode::Carveout;
        Ok(Self {
            profile,
            rules,
            timing,
            faults,
            store: Store::new()?,
            trace: trace::Trace::new(trace.as_deref(), cycles)?,
            incoherent,
            clients: BTreeMap::new(),
            next_client: 1,
            next_iova: if carveout { FIRST_CARVEOUT } else { FIRST_IOVA },
            next_context: 1,
            columns: Columns::default(),
            firmware: Firmware::new(profile.device, cores, limit),
            exports: prime::Exports::default(),
            events: Vec::new(),
            now: 0,
            last_use: 0,
            last_progress: 0,
            powered: true,
            unplugged: false,
            clock_default: profile.device.clocks().len() - 1,
            power_mode: 0,
            force_preempt: 0,
            frame_preempt: 0,
            async_error: xdna_uapi::amdxdna_async_error::default(),
            log: if profile.has(Feature::FwLog) {
                // From probe on.
                ring::Ring::on(ring::Severity::Warning as u32)
            } else {
                ring::Ring::default()
            },
            events_trace: ring::Ring::default(),
            auto_coredump: 0,
        })
    }

    /// The memory of all buffer objects.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// An open of the node by process `pid`.
    ///
    /// # Errors
    /// `ENODEV` once unplugged.
    pub fn open(&mut self, pid: i32, memory: Rc<dyn UserMemory>) -> Result<ClientId, Errno> {
        if self.unplugged {
            return Err(Errno::ENODEV);
        }
        let id = ClientId(self.next_client);
        self.next_client += 1;
        self.clients.insert(id, Client::new(pid, memory));
        self.trace.line(&format!("process {pid} client {} open", id.0));
        self.last_use = self.now;
        Ok(id)
    }

    /// True if somebody reads the trace.
    pub fn is_traced(&self) -> bool {
        self.trace.is_on()
    }

    /// An open of the node, which made `client`, or of a file of the device in sysfs, for the trace.
    pub fn trace_open(&mut self, thread: i32, client: Option<ClientId>, path: &Path, flags: i32) {
        if self.is_traced() {
            let client = client.unwrap_or(ClientId(0));
            let input = format!("{{ path: {}, flags: {flags:#o} }}", path.display());
            self.trace.call(thread, client, "open", &input, &Ok(0), "");
        }
    }

    /// The last reference to a client's open file is gone.
    pub fn release(&mut self, id: ClientId) {
        self.drop_contexts(id);
        self.clients.remove(&id);
        self.trace.line(&format!("client {} released", id.0));
        self.last_use = self.now;
    }

    /// A descriptor of the client's open file was closed, not necessarily the last: to 6.19 that destroys its
    /// contexts and takes it off the list.
    pub fn flush_client(&mut self, id: ClientId) {
        if self.profile.kernel <= crate::profile::Kernel::V6_19 && self.rules.on(Rule::CloseKills) {
            self.drop_contexts(id);
            if let Some(client) = self.clients.get_mut(&id) {
                client.listed = false;
            }
        }
    }

    fn drop_contexts(&mut self, id: ClientId) {
        let handles: Vec<u32> = self
            .clients
            .get(&id)
            .map(|c| c.contexts.keys().copied().collect())
            .unwrap_or_default();
        for handle in handles {
            self.remove_context(id, handle);
        }
    }

    /// True if the node is open anywhere.
    pub fn has_clients(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Clients that are open.
    pub fn clients(&self) -> Vec<ClientId> {
        self.clients.keys().copied().collect()
    }

    /// Starts the clock: the device was probed at `now`.
    pub fn start(&mut self, now: u64) {
        (self.now, self.last_use, self.last_progress) = (now, now, now);
    }

    /// Lets time pass up to `now`, in nanoseconds of CLOCK_MONOTONIC.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.run_jobs();
        self.autosuspend();
        self.fire_events();
    }

    fn client(&mut self, id: ClientId) -> Result<&mut Client, Errno> {
        self.clients.get_mut(&id).ok_or(Errno::ENODEV)
    }

    /// Refuses with `errno` if `broken` and the rule holds.
    fn deny(&self, rule: Rule, broken: bool, errno: Errno) -> Result<(), Errno> {
        if broken && self.rules.on(rule) {
            Err(errno)
        } else {
            Ok(())
        }
    }

    /// A buffer object lost its handle.
    fn discard(&mut self, id: ClientId, bo: Rc<Bo>) {
        // Its pages stay while the client may have them mapped; they go with the client.
        if let Place::File { region, .. } | Place::User { region, .. } = &bo.place
            && let Ok(client) = self.client(id)
        {
            client.graveyard.push(region.clone());
        }
    }
}

fn round_up(size: u64, to: u64) -> Result<u64, Errno> {
    size.checked_next_multiple_of(to).ok_or(Errno::EINVAL)
}
