//! What is known of an open device from the calls made so far: its buffers and contexts.

use std::collections::BTreeMap;

use serde::Serialize;
use xdna_uapi::AMDXDNA_INVALID_ADDR;

use super::calls::{Call, number};
use super::process::Process;
use crate::packet::Packet;
use crate::reported::{Missing, Reported};

/// Words of the longest packet.
const PACKET_WORDS: usize = 1 + xdna_uapi::ert::MAX_COUNT as usize;

/// A buffer object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Buffer {
    pub(super) handle: u32,
    #[serde(rename = "type")]
    pub(super) kind: Option<&'static str>,
    pub(super) size_bytes: Option<u64>,
    /// Address for the device.
    pub(super) xdna_addr: Option<u64>,
    /// Address in the program.
    pub(super) vaddr: Option<u64>,
    #[serde(skip)]
    map_offset: Option<u64>,
}

impl Buffer {
    /// On one line.
    pub(super) fn text(&self) -> String {
        let at = match self.xdna_addr.or(self.vaddr) {
            Some(at) => format!(" at {at:#x}"),
            None => String::new(),
        };
        // Of what came by another way, or before the watching began, nobody has told the size.
        let Some(size) = self.size_bytes else {
            return format!("{} imported, or made before{at}", self.handle);
        };
        let kind = self.kind.unwrap_or("of an unknown type");
        format!("{} {kind} {}{at}", self.handle, xdna_terminal::bytes(size))
    }
}

/// An open device of a traced process.
#[derive(Debug, Default)]
pub(super) struct Client {
    buffers: BTreeMap<u32, Buffer>,
    /// Syncobj to context.
    contexts: BTreeMap<u32, u32>,
    /// Commands under way: context and sequence number to the command's buffer.
    commands: BTreeMap<(u32, u64), u32>,
}

/// A packet in a buffer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Seen {
    pub(super) buffer: u32,
    #[serde(serialize_with = "packet_or_reason")]
    pub(super) packet: Result<Packet, String>,
}

/// The packet, or an object that says why there is none.
fn packet_or_reason<S: serde::Serializer>(packet: &Result<Packet, String>, to: S) -> Result<S::Ok, S::Error> {
    let why = |why: &String| Reported::<Packet>::Missing(Missing::Failed(why.clone()));
    packet
        .clone()
        .map_or_else(|reason| why(&reason), Reported::Is)
        .serialize(to)
}

/// What a call refers to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Details {
    /// Buffers that it names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) buffers: Vec<Buffer>,
    /// Packets of the command that it submits, or whose end it saw.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) packets: Vec<Seen>,
    /// Other things worth a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

impl Client {
    fn buffer(&self, handle: u32) -> Buffer {
        let unseen = Buffer {
            handle,
            ..Buffer::default()
        };
        self.buffers.get(&handle).cloned().unwrap_or(unseen)
    }

    /// The packet in a buffer, as the program's memory has it now.
    fn packet(&self, process: Process, handle: u32) -> Result<Packet, String> {
        let buffer = self.buffer(handle);
        let at = buffer
            .vaddr
            .ok_or("the program has not mapped this buffer while it was watched")?;
        let size = buffer
            .size_bytes
            .ok_or("the program made this buffer before it was watched")?;
        let words = (size / 4).min(PACKET_WORDS as u64) as usize;
        let words = process.words(at, words).ok_or("its memory can't be read")?;
        Packet::parse(&words)
    }

    fn seen(&self, process: Process, buffer: u32) -> Seen {
        Seen {
            buffer,
            packet: self.packet(process, buffer),
        }
    }

    /// The packet in a buffer, and those of its chain.
    fn packets(&self, process: Process, buffer: u32) -> Vec<Seen> {
        let first = self.seen(process, buffer);
        let links = first
            .packet
            .as_ref()
            .map(|packet| packet.chain.clone())
            .unwrap_or_default();
        let links = links.into_iter().map(|link| self.seen(process, link));
        [first].into_iter().chain(links).collect()
    }

    /// What a call refers to, before the kernel sees it.
    pub(super) fn before(&self, call: &Call, process: Process, argument: &[u8]) -> Details {
        let mut details = Details::default();
        match call.name {
            "EXEC_CMD" => {
                let (args, count) = (number(argument, 32, 8), number(argument, 44, 4) as usize);
                let handles = process.words(args, count).unwrap_or_default();
                details.buffers = handles.iter().map(|handle| self.buffer(*handle)).collect();
                details.packets = self.packets(process, number(argument, 24, 8) as u32);
            }
            "GEM_CLOSE" | "SYNC_BO" | "PRIME_HANDLE_TO_FD" => {
                details.buffers = vec![self.buffer(number(argument, 0, 4) as u32)];
            }
            "GET_BO_INFO" => details.buffers = vec![self.buffer(number(argument, 16, 4) as u32)],
            "SYNCOBJ_TIMELINE_WAIT" | "SYNCOBJ_TIMELINE_SIGNAL" => {
                // A wait counts at 24, a signal at 16.
                let at = if call.name == "SYNCOBJ_TIMELINE_WAIT" {
                    24
                } else {
                    16
                };
                let count = number(argument, at, 4) as usize;
                let handles = process.words(number(argument, 0, 8), count).unwrap_or_default();
                let points = process
                    .bytes(number(argument, 8, 8), count.saturating_mul(8))
                    .unwrap_or_default();
                let points = points.chunks_exact(8).map(|point| number(point, 0, 8));
                let pairs: Vec<_> = handles
                    .iter()
                    .zip(points)
                    .map(|(h, p)| format!("{h} point {p}"))
                    .collect();
                details.notes.push(format!("syncobj {}", pairs.join(", ")));
            }
            "CONFIG_HWCTX" => self.config(process, argument, &mut details),
            "CREATE_HWCTX" => {
                if let Some(qos) = process.words(number(argument, 16, 8), 6) {
                    let names = [
                        "gops",
                        "fps",
                        "dma_bandwidth",
                        "latency",
                        "frame_exec_time",
                        "priority",
                    ];
                    let values: Vec<_> = names
                        .iter()
                        .zip(qos)
                        .map(|(name, n)| format!("{name}={n}"))
                        .collect();
                    details.notes.push(format!("qos: {}", values.join(" ")));
                }
            }
            _ => {}
        }
        details
    }

    /// Compute units, or the buffer of a debug configuration.
    fn config(&self, process: Process, argument: &[u8], details: &mut Details) {
        let (param, value) = (number(argument, 4, 4), number(argument, 8, 8));
        if param != 0 {
            details.buffers = vec![self.buffer(value as u32)];
            return;
        }
        let size = number(argument, 16, 4).min(4096) as usize;
        let table = process.bytes(value, size).unwrap_or_default();
        let units = number(&table, 0, 2) as usize;
        for (i, unit) in table
            .get(8..)
            .unwrap_or_default()
            .chunks_exact(8)
            .take(units)
            .enumerate()
        {
            details.buffers.push(self.buffer(number(unit, 0, 4) as u32));
            details.notes.push(format!(
                "cu {i}: pdi in buffer {}, function {}",
                number(unit, 0, 4),
                unit[4]
            ));
        }
    }

    /// Learns from a call that succeeded; adds what is known only now.
    pub(super) fn after(&mut self, call: &Call, process: Process, argument: &[u8], details: &mut Details) {
        let field = |at, bytes| number(argument, at, bytes);
        match call.name {
            "CREATE_BO" => {
                let handle = field(28, 4) as u32;
                let buffer = Buffer {
                    handle,
                    kind: super::calls::meaning("CREATE_BO", "type", field(24, 4)),
                    size_bytes: Some(field(16, 8)),
                    ..Buffer::default()
                };
                self.buffers.insert(handle, buffer);
            }
            "GET_BO_INFO" => {
                let handle = field(16, 4) as u32;
                let valid = |at| Some(field(at, 8)).filter(|value| *value != AMDXDNA_INVALID_ADDR);
                let buffer = self.buffers.entry(handle).or_default();
                buffer.handle = handle;
                buffer.map_offset = valid(24);
                buffer.vaddr = valid(32).or(buffer.vaddr);
                buffer.xdna_addr = valid(40);
                details.buffers = vec![buffer.clone()];
            }
            "GEM_CLOSE" => drop(self.buffers.remove(&(field(0, 4) as u32))),
            "CREATE_HWCTX" => drop(self.contexts.insert(field(52, 4) as u32, field(48, 4) as u32)),
            "EXEC_CMD" => drop(
                self.commands
                    .insert((field(16, 4) as u32, field(48, 8)), field(24, 8) as u32),
            ),
            "SYNCOBJ_TIMELINE_WAIT" => self.waited(process, argument, details),
            "GET_INFO" | "GET_ARRAY" => details
                .notes
                .extend(super::answers::of(call.name, process, argument)),
            _ => {}
        }
    }

    /// The ends of commands that a wait saw.
    fn waited(&mut self, process: Process, argument: &[u8], details: &mut Details) {
        let field = |at, bytes| number(argument, at, bytes);
        let count = field(24, 4) as usize;
        let handles = process.words(field(0, 8), count).unwrap_or_default();
        let points = process.words(field(8, 8), count * 2).unwrap_or_default();
        for (handle, point) in handles.iter().zip(points.chunks_exact(2)) {
            let point = u64::from(point[1]) << 32 | u64::from(point[0]);
            let Some(context) = self.contexts.get(handle) else {
                continue;
            };
            if let Some(command) = self.commands.remove(&(*context, point)) {
                details
                    .notes
                    .push(format!("context {context}, command {point} in buffer {command}"));
                let seen = self.seen(process, command);
                details.packets.push(seen);
            }
        }
    }

    /// The program has mapped part of the device.
    pub(super) fn mapped(&mut self, offset: u64, at: u64) {
        if let Some(buffer) = self.buffers.values_mut().find(|b| b.map_offset == Some(offset)) {
            buffer.vaddr.get_or_insert(at);
        }
    }
}
