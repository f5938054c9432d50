//! AIE_PARTITION: columns, PDIs, and which kernel id needs which PDI.

use super::Uuid;
use crate::formats::{
    error::{Format, Reason, Result},
    view::{View, text, words},
};

/// Most PDIs, groups, and ids of a group that are read.
const MAX_PDIS: u32 = 64;
const MAX_GROUPS: u32 = 64;
const MAX_IDS: u32 = 64;
/// Most start columns: several times what any array has.
const MAX_COLUMNS: u32 = 256;
/// Most bytes of one image.
const MAX_IMAGE: u32 = 128 << 20;

pub(super) const FIXED: usize = 0xb8;
pub(super) const RECORD: usize = 96;
/// Offsets in the fixed part.
pub(super) const NAME: usize = 0x04;
pub(super) const OPERATIONS: usize = 0x08;
pub(super) const FINGERPRINT: usize = 0x10;
pub(super) const PRE_POST: usize = 0x18;
pub(super) const WIDTH: usize = 0x20;
pub(super) const START_COLUMNS: usize = 0x28;
pub(super) const PDIS: usize = 0x78;
pub(super) const COMMIT: usize = 0x80;

/// A group of command streams inside a PDI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CdoGroup {
    /// Name, `DPU` in files of the open tools.
    pub name: String,
    /// 0 unknown, 1 primary, 2 lite, 3 pre/post.
    pub kind: u8,
    /// Number of the PDI.
    pub pdi_id: u64,
    /// Kernels that need this PDI.
    pub kernel_ids: Vec<u64>,
    /// Groups that go before.
    pub pre_groups: Vec<u32>,
}

/// A PDI of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionPdi<'a> {
    /// Identity; may be zeros, and two PDIs may share one.
    pub uuid: Uuid,
    /// The image, to be handed on unchanged.
    pub image: &'a [u8],
    /// Its groups.
    pub groups: Vec<CdoGroup>,
}

/// What an overlay needs of the array, and what it loads there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition<'a> {
    /// Name, usually empty.
    pub name: String,
    /// Operations in a cycle: a figure for the scheduler of the driver.
    pub operations_per_cycle: u32,
    /// Fingerprint for inference.
    pub fingerprint: u64,
    /// Fingerprint for what goes before and after.
    pub pre_post_fingerprint: u64,
    /// Columns.
    pub width: u16,
    /// Columns where it may start.
    pub start_columns: Vec<u16>,
    /// PDIs.
    pub pdis: Vec<PartitionPdi<'a>>,
    /// Version of the kernel's sources; older files have no such field.
    pub kernel_commit: Option<String>,
}

impl<'a> Partition<'a> {
    /// Reads the section.
    ///
    /// # Errors
    /// Something lies outside of it, or there is more of something than is believable.
    pub fn read(section: &'a [u8]) -> Result<Self> {
        let v = View::new(Format::Partition, section);
        v.take("fixed part", 0, FIXED)?;
        let width = v.u16("column width", WIDTH)?;
        if width == 0 {
            let what = "column width";
            return Err(v.error(WIDTH, Reason::Value { what, found: 0 }));
        }
        let commit = v.u32("kernel commit id", COMMIT)?;
        let columns = array(&v, "start columns", START_COLUMNS, 2, MAX_COLUMNS)?;
        let pdis = array(&v, "PDIs", PDIS, RECORD, MAX_PDIS)?;
        Ok(Self {
            name: string(&v, "name", NAME)?,
            operations_per_cycle: v.u32("operations per cycle", OPERATIONS)?,
            fingerprint: v.u64("fingerprint", FINGERPRINT)?,
            pre_post_fingerprint: v.u64("pre/post fingerprint", PRE_POST)?,
            width,
            start_columns: columns
                .chunks_exact(2)
                .map(|b| u16::from_le_bytes([b[0], b[1]]))
                .collect(),
            pdis: pdis
                .chunks_exact(RECORD)
                .map(|r| pdi(&v, r))
                .collect::<Result<_>>()?,
            kernel_commit: (commit != 0)
                .then(|| string(&v, "kernel commit id", COMMIT))
                .transpose()?,
        })
    }

    /// The PDI that a kernel needs. Kernels without one exist, and cannot be run.
    pub fn pdi_of_kernel(&self, id: u64) -> Option<&PartitionPdi<'a>> {
        let serves = |p: &&PartitionPdi<'_>| p.groups.iter().any(|g| g.kernel_ids.contains(&id));
        self.pdis.iter().find(serves)
    }
}

/// An array by its count and offset at `field`.
fn array<'a>(v: &View<'a>, what: &'static str, field: usize, size: usize, limit: u32) -> Result<&'a [u8]> {
    let (count, offset) = (v.u32(what, field)?, v.u32(what, field + 4)?);
    let table = v.table(what, offset as usize, count, size, limit);
    table.map(|t| &v.bytes[offset as usize..offset as usize + t.len() * size])
}

fn string(v: &View<'_>, what: &'static str, field: usize) -> Result<String> {
    Ok(text(v.c_string(what, v.u32(what, field)? as usize)?))
}

fn pdi<'a>(v: &View<'a>, record: &'a [u8]) -> Result<PartitionPdi<'a>> {
    // Offsets in a record count from the start of the section, as those of the fixed part do.
    let r = View::new(Format::Partition, record);
    let (size, offset) = (r.u32("image size", 16)?, r.u32("image offset", 20)? as usize);
    if size > MAX_IMAGE {
        let (what, found, limit) = ("bytes of an image", size.into(), MAX_IMAGE.into());
        return Err(v.error(offset, Reason::TooMany { what, found, limit }));
    }
    let groups = pointed(v, &r, "CDO groups", 24, RECORD, MAX_GROUPS)?;
    Ok(PartitionPdi {
        uuid: Uuid(r.array("uuid", 0)?),
        image: v.take("image", offset, size as usize)?,
        groups: groups
            .chunks_exact(RECORD)
            .map(|g| group(v, g))
            .collect::<Result<_>>()?,
    })
}

fn group(v: &View<'_>, record: &[u8]) -> Result<CdoGroup> {
    let r = View::new(Format::Partition, record);
    let ids = pointed(v, &r, "kernel ids", 16, 8, MAX_IDS)?;
    let ids: Vec<u32> = words(ids).collect();
    let pre = pointed(v, &r, "groups before", 24, 4, MAX_IDS)?;
    Ok(CdoGroup {
        name: text(v.c_string("group name", r.u32("group name", 0)? as usize)?),
        kind: r.u8("group type", 4)?,
        pdi_id: r.u64("PDI id", 8)?,
        kernel_ids: ids
            .chunks_exact(2)
            .map(|w| u64::from(w[0]) | u64::from(w[1]) << 32)
            .collect(),
        pre_groups: words(pre).collect(),
    })
}

/// An array of the section whose count and offset are at `field` of a record.
fn pointed<'a>(
    v: &View<'a>,
    record: &View<'_>,
    what: &'static str,
    field: usize,
    size: usize,
    limit: u32,
) -> Result<&'a [u8]> {
    let (count, offset) = (record.u32(what, field)?, record.u32(what, field + 4)?);
    let table = v.table(what, offset as usize, count, size, limit)?;
    v.take(what, offset as usize, table.len() * size)
}
