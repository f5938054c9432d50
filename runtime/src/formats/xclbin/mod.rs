//! The xclbin container (AXLF): a header, a table of sections, their data.
//!
//! Data of unknown sections are kept as they are; what a runtime needs of the others is read by
//! [`partition`](Xclbin::partition), [`kernels`](Xclbin::kernels) and [`instances`](Xclbin::instances).

mod header;
mod kind;
mod metadata;
mod partition;
mod partition_write;
mod tables;

pub use header::{Header, Mode, Uuid};
pub use kind::SectionKind;
pub use metadata::{Argument, Kernel, Qualifier, read_kernels};
pub use partition::{CdoGroup, Partition, PartitionPdi};
pub use tables::{
    Connection, Instance, Memory, read_connectivity, read_ip_layout, read_mem_topology, write_connectivity,
    write_ip_layout, write_mem_topology,
};

use zerocopy::{FromBytes, IntoBytes};

use super::{
    error::{Format, Reason, Result},
    not_a_pointer,
    view::View,
};
use header::{RawHeader, RawSection};

/// Sections of the largest file that is read.
const MAX_SECTIONS: u32 = 256;
/// Sections start at multiples of this.
const ALIGN: usize = 8;

/// A section: where it came from does not matter, its order does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// What its data are.
    pub kind: SectionKind,
    /// Name, cut off by tools after 15 characters and a NUL.
    pub name: [u8; 16],
    /// Its bytes.
    pub data: &'a [u8],
}

/// An xclbin file, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xclbin<'a> {
    /// What the header says.
    pub header: Header,
    /// Sections in the order of the table.
    pub sections: Vec<Section<'a>>,
    /// What lies behind the last section up to the stated length: vendor tools leave a copy of the headers as JSON there.
    pub trailer: &'a [u8],
}

impl<'a> Xclbin<'a> {
    /// Reads the header and the table of sections.
    ///
    /// Bytes behind the length that the header states are not looked at.
    ///
    /// # Errors
    /// The file is no xclbin, is cut off, or a section lies outside.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        not_a_pointer(Format::Xclbin, bytes)?;
        let whole = View::new(Format::Xclbin, bytes);
        let (raw, _) = RawHeader::ref_from_prefix(bytes)
            .map_err(|_| whole.short("header", 0, size_of::<RawHeader>() as u64))?;
        let header = raw.decode(&whole)?;
        let length = usize::try_from(raw.length.get())
            .ok()
            .filter(|&l| l <= bytes.len());
        let length = length.ok_or_else(|| whole.short("file", 0, raw.length.get()))?;
        let view = View::new(Format::Xclbin, &bytes[..length]);
        let table = view.table(
            "section headers",
            size_of::<RawHeader>(),
            raw.sections.get(),
            size_of::<RawSection>(),
            MAX_SECTIONS,
        )?;
        let mut sections = Vec::new();
        let mut end = size_of::<RawHeader>() + table.len() * size_of::<RawSection>();
        for (at, record) in table {
            let short = || view.short("section header", at, size_of::<RawSection>() as u64);
            let raw = RawSection::ref_from_bytes(record).map_err(|_| short())?;
            let (start, size) = (raw.offset.get(), raw.size.get());
            let range = usize::try_from(start).ok().zip(usize::try_from(size).ok());
            let outside = || {
                let left = (length as u64).saturating_sub(start);
                let what = "section";
                view.error(at + RawSection::OFFSET, Reason::Short { what, size, left })
            };
            let (start, size) = range.ok_or_else(outside)?;
            let data = view.take("section", start, size).map_err(|_| outside())?;
            end = end.max(start + size);
            let kind = SectionKind::from(raw.kind.get());
            if sections.iter().any(|s: &Section<'_>| s.kind == kind) {
                log::warn!("xclbin: a second section {kind} at {start:#x} is not looked at");
            }
            sections.push(Section {
                kind,
                name: raw.name,
                data,
            });
        }
        let trailer = end
            .checked_next_multiple_of(ALIGN)
            .and_then(|at| bytes.get(at..length));
        Ok(Self {
            header,
            sections,
            trailer: trailer.unwrap_or_default(),
        })
    }

    /// The file: header, table, sections at multiples of eight bytes in their order, trailer.
    pub fn write(&self) -> Vec<u8> {
        let table = self.sections.len() * size_of::<RawSection>();
        let mut at = size_of::<RawHeader>() + table;
        let mut headers = Vec::with_capacity(table);
        for section in &self.sections {
            at = at.next_multiple_of(ALIGN);
            headers.extend_from_slice(RawSection::new(section, at as u64).as_bytes());
            at += section.data.len();
        }
        let length = if self.trailer.is_empty() {
            at
        } else {
            at.next_multiple_of(ALIGN) + self.trailer.len()
        };
        let raw = RawHeader::encode(&self.header, length as u64, self.sections.len() as u32);
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(raw.as_bytes());
        out.extend_from_slice(&headers);
        for data in self.sections.iter().map(|s| s.data).chain([self.trailer]) {
            if !data.is_empty() || std::ptr::eq(data, self.trailer) {
                out.resize(out.len().next_multiple_of(ALIGN), 0);
            }
            out.extend_from_slice(data);
        }
        out.truncate(length);
        out
    }

    /// Data of the first section of a kind.
    pub fn section(&self, kind: SectionKind) -> Option<&'a [u8]> {
        self.sections.iter().find(|s| s.kind == kind).map(|s| s.data)
    }

    fn required(&self, kind: SectionKind, name: &'static str) -> Result<&'a [u8]> {
        let none = || View::new(Format::Xclbin, &[]).error(0, Reason::Missing(name));
        self.section(kind).ok_or_else(none)
    }

    /// Shape of the partition and its PDIs.
    ///
    /// # Errors
    /// There is no such section, or it contradicts itself.
    pub fn partition(&self) -> Result<Partition<'a>> {
        Partition::read(self.required(SectionKind::AIE_PARTITION, "section AIE_PARTITION")?)
    }

    /// Kernels for the NPU and their arguments. Kernels of other kinds, which vendor files list as well, are left out.
    ///
    /// # Errors
    /// There is no such section, or it is no XML of the known kind.
    pub fn kernels(&self) -> Result<Vec<Kernel>> {
        let data = self.required(SectionKind::EMBEDDED_METADATA, "section EMBEDDED_METADATA")?;
        let mut kernels = read_kernels(data)?;
        kernels.retain(|k| k.kind == "dpu");
        Ok(kernels)
    }

    /// Instances of kernels and their ids.
    ///
    /// # Errors
    /// There is no such section, or it is cut off.
    pub fn instances(&self) -> Result<Vec<Instance>> {
        read_ip_layout(self.required(SectionKind::IP_LAYOUT, "section IP_LAYOUT")?)
    }
}
