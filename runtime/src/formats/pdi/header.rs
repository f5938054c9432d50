//! Headers of a PDI as bytes.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U32};

/// Where writers put the headers and the stream.
const IMAGE: usize = 0x90;
const PARTITION: usize = 0xd0;
pub(super) const STREAM: usize = 0x150;
/// "IDPP".
pub(super) const SIGNATURE: u32 = 0x5050_4449;
const ID_CODE: u32 = 0x14ca_8093;

/// Image header table.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct Table {
    pub version: U32,
    pub images: U32,
    pub first_image: U32,
    pub partitions: U32,
    pub first_partition: U32,
    pub boot_device: U32,
    pub id_code: U32,
    pub attributes: U32,
    pub pdi_id: U32,
    pub parent_id: U32,
    pub identification: U32,
    pub header_sizes: U32,
    pub meta_header_words: U32,
    pub keys: [U32; 4],
    /// One in every file.
    pub extended_id_code: U32,
    pub reserved: [U32; 13],
    pub checksum: U32,
}

/// Image header.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct Image {
    pub first_partition: U32,
    pub partitions: U32,
    pub revoke_id: U32,
    pub attributes: U32,
    pub name: [u8; 16],
    pub image_id: U32,
    pub unique_id: U32,
    pub parent_id: U32,
    pub function_id: U32,
    pub memory: [U32; 2],
    pub last: U32,
    pub checksum: U32,
}

/// Partition header.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct Partition {
    pub encrypted_words: U32,
    pub plain_words: U32,
    pub total_words: U32,
    pub next: U32,
    pub execution: [U32; 2],
    pub load: [U32; 2],
    pub data_words: U32,
    pub attributes: U32,
    pub sections: U32,
    pub checksum_offset: U32,
    pub partition_id: U32,
    pub authentication: U32,
    pub keys: [U32; 8],
    pub reserved: [U32; 6],
    pub transform: U32,
    pub zone_bytes: U32,
    pub mark: U32,
    pub checksum: U32,
}

const _: () = assert!(size_of::<Table>() == 128 && size_of::<Image>() == 64 && size_of::<Partition>() == 128);
const _: () = assert!(std::mem::offset_of!(Partition, transform) == 0x70);

impl Table {
    /// The table of an image with one partition; the checksum is not set.
    pub fn of_one_image() -> Self {
        let mut table = Self::new_zeroed();
        table.version = 0x0004_0000.into();
        table.images = 1.into();
        table.first_image = (IMAGE as u32 / 4).into();
        table.partitions = 1.into();
        table.first_partition = (PARTITION as u32 / 4).into();
        table.id_code = ID_CODE.into();
        table.identification = SIGNATURE.into();
        table.header_sizes = 0x0020_1020.into();
        table.meta_header_words = ((STREAM - IMAGE) as u32 / 4).into();
        table.extended_id_code = 1.into();
        table
    }
}

impl Image {
    /// The header of an image; the checksum is not set.
    pub fn new(name: [u8; 16], last: u32) -> Self {
        let mut image = Self::new_zeroed();
        image.first_partition = (PARTITION as u32 / 4).into();
        image.partitions = 1.into();
        image.name = name;
        image.image_id = 0x1c00_0000.into();
        image.last = last.into();
        image
    }
}

impl Partition {
    /// The header of a plain partition of so many words, and of so many with those that fill it; the checksum is not set.
    pub fn new(plain: u32, total: u32) -> Self {
        let mut partition = Self::new_zeroed();
        partition.encrypted_words = total.into();
        partition.plain_words = plain.into();
        partition.total_words = total.into();
        partition.load = [u32::MAX.into(); 2];
        partition.data_words = (STREAM as u32 / 4).into();
        partition.attributes = 0x0200_0006.into();
        partition.sections = 1.into();
        partition
    }
}
