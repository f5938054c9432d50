//! Tables of fixed records: IP_LAYOUT, MEM_TOPOLOGY, CONNECTIVITY, and the latter two of groups.
//!
//! Sections may be longer than their counts say: the counts are trusted.

use crate::formats::{
    error::{Format, Result},
    view::{View, push_words, text},
};

/// Most rows of a table that are read.
const MAX_ROWS: u32 = 0x1_0000;
const IP: usize = 80;
const MEMORY: usize = 40;
const CONNECTION: usize = 12;

/// An instance of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// 7 for what runs on an NPU, 1 for the dummies of vendor files.
    pub kind: u32,
    /// Bits by kind; see [`kernel_id`](Self::kernel_id) and [`functional`](Self::functional).
    pub properties: u32,
    /// Address; all ones where there is none.
    pub base: u64,
    /// `KERNEL:INSTANCE`.
    pub name: String,
}

impl Instance {
    /// Kind of an instance that runs on an NPU.
    pub const PS_KERNEL: u32 = 7;

    /// An instance of a kernel with this id.
    pub fn new(kernel: &str, instance: &str, id: u16) -> Self {
        Self {
            kind: Self::PS_KERNEL,
            properties: u32::from(id & 0xfff) << 16 | 1,
            base: u64::MAX,
            name: format!("{kernel}:{instance}"),
        }
    }

    /// Whether it runs on an NPU.
    pub fn is_npu(&self) -> bool {
        self.kind == Self::PS_KERNEL
    }

    /// Id by which a partition names the kernel; one file in forty has 0 here and the id in its metadata alone.
    pub fn kernel_id(&self) -> u16 {
        (self.properties >> 16 & 0xfff) as u16
    }

    /// 0 for inference, 1 for what goes before or after.
    pub fn functional(&self) -> u8 {
        (self.properties >> 4 & 3) as u8
    }

    /// The kernel's name.
    pub fn kernel(&self) -> &str {
        self.name
            .split_once(':')
            .map_or(self.name.as_str(), |(kernel, _)| kernel)
    }
}

/// A memory, as far as a compiler tells it apart: sizes and addresses mean nothing on an NPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// 2: DRAM.
    pub kind: u8,
    /// Whether anything uses it.
    pub used: bool,
    /// Size in KiB.
    pub size_kib: u64,
    /// Address.
    pub base: u64,
    /// Name.
    pub tag: String,
}

/// Which argument of which instance lies in which memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Argument of the kernel.
    pub argument: i32,
    /// Row of IP_LAYOUT.
    pub instance: i32,
    /// Row of MEM_TOPOLOGY, or of GROUP_TOPOLOGY in GROUP_CONNECTIVITY.
    pub memory: i32,
}

fn rows<'a>(section: &'a [u8], head: usize, size: usize) -> Result<impl Iterator<Item = View<'a>>> {
    let v = View::new(Format::Table, section);
    let count = v.u32("number of rows", 0)?;
    let table = v.table("rows", head, count, size, MAX_ROWS)?;
    Ok(table.map(|(_, row)| View::new(Format::Table, row)))
}

/// Reads IP_LAYOUT.
///
/// # Errors
/// It is cut off.
pub fn read_ip_layout(section: &[u8]) -> Result<Vec<Instance>> {
    let row = |r: View<'_>| {
        Ok(Instance {
            kind: r.u32("type", 0)?,
            properties: r.u32("properties", 4)?,
            base: r.u64("base", 8)?,
            name: text(r.take("name", 16, 64)?),
        })
    };
    rows(section, 8, IP)?.map(row).collect()
}

/// Reads MEM_TOPOLOGY or GROUP_TOPOLOGY.
///
/// # Errors
/// It is cut off.
pub fn read_mem_topology(section: &[u8]) -> Result<Vec<Memory>> {
    let row = |r: View<'_>| {
        Ok(Memory {
            kind: r.u8("type", 0)?,
            used: r.u8("used", 1)? != 0,
            size_kib: r.u64("size", 8)?,
            base: r.u64("base", 16)?,
            tag: text(r.take("tag", 24, 16)?),
        })
    };
    rows(section, 8, MEMORY)?.map(row).collect()
}

/// Reads CONNECTIVITY or GROUP_CONNECTIVITY.
///
/// # Errors
/// It is cut off.
pub fn read_connectivity(section: &[u8]) -> Result<Vec<Connection>> {
    let row = |r: View<'_>| {
        Ok(Connection {
            argument: r.u32("argument", 0)? as i32,
            instance: r.u32("instance", 4)? as i32,
            memory: r.u32("memory", 8)? as i32,
        })
    };
    rows(section, 4, CONNECTION)?.map(row).collect()
}

/// A name in a field of `size` bytes, at least the last of them NUL.
fn put_name(out: &mut Vec<u8>, name: &str, size: usize) {
    let bytes = &name.as_bytes()[..name.len().min(size - 1)];
    out.extend_from_slice(bytes);
    out.resize(out.len() + size - bytes.len(), 0);
}

/// IP_LAYOUT of these instances; names are cut after 63 bytes.
pub fn write_ip_layout(instances: &[Instance]) -> Vec<u8> {
    let mut out = Vec::new();
    push_words(&mut out, &[instances.len() as u32, 0]);
    for i in instances {
        push_words(
            &mut out,
            &[i.kind, i.properties, i.base as u32, (i.base >> 32) as u32],
        );
        put_name(&mut out, &i.name, 64);
    }
    out
}

/// MEM_TOPOLOGY or GROUP_TOPOLOGY of these memories; tags are cut after 15 bytes.
pub fn write_mem_topology(memories: &[Memory]) -> Vec<u8> {
    let mut out = Vec::new();
    push_words(&mut out, &[memories.len() as u32, 0]);
    for m in memories {
        out.extend_from_slice(&[m.kind, u8::from(m.used), 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&m.size_kib.to_le_bytes());
        out.extend_from_slice(&m.base.to_le_bytes());
        put_name(&mut out, &m.tag, 16);
    }
    out
}

/// CONNECTIVITY or GROUP_CONNECTIVITY of these connections.
pub fn write_connectivity(connections: &[Connection]) -> Vec<u8> {
    let mut out = Vec::new();
    push_words(&mut out, &[connections.len() as u32]);
    for c in connections {
        push_words(&mut out, &[c.argument as u32, c.instance as u32, c.memory as u32]);
    }
    out
}
