//! Header and section table of an xclbin, as bytes and as values.

use std::fmt;

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

use super::Section;
use crate::formats::{
    error::{Reason, Result},
    view::{View, text},
};

const MAGIC: [u8; 8] = *b"xclbin2\0";

/// The first 456 bytes.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct RawHeader {
    magic: [u8; 8],
    signature_length: U32,
    reserved: [u8; 28],
    key_block: [u8; 256],
    unique_id: U64,
    pub length: U64,
    time_stamp: U64,
    feature_rom_time_stamp: U64,
    version_patch: U16,
    version_major: u8,
    version_minor: u8,
    mode: U16,
    action_mask: U16,
    interface_uuid: [u8; 16],
    platform: [u8; 64],
    uuid: [u8; 16],
    debug_file: [u8; 16],
    pub sections: U32,
    pad: [u8; 4],
}

const _: () = assert!(size_of::<RawHeader>() == 0x1c8);
const _: () = assert!(std::mem::offset_of!(RawHeader, uuid) == 0x1a0);

/// One row of the section table, 40 bytes.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct RawSection {
    pub kind: U32,
    pub name: [u8; 16],
    pad: [u8; 4],
    pub offset: U64,
    pub size: U64,
}

const _: () = assert!(size_of::<RawSection>() == 40);

impl RawSection {
    pub const OFFSET: usize = std::mem::offset_of!(Self, offset);

    pub fn new(section: &Section<'_>, offset: u64) -> Self {
        Self {
            kind: u32::from(section.kind).into(),
            name: section.name,
            pad: [0; 4],
            offset: offset.into(),
            size: (section.data.len() as u64).into(),
        }
    }
}

/// Sixteen bytes, in the order in which they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let dash = if [4, 6, 8, 10].contains(&i) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// What a container was made for. Overlays that run on hardware say `Flat` or `HardwareEmulation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u16);

impl Mode {
    /// Mode of files of the open tools.
    pub const FLAT: Self = Self(0);
    /// Mode of files of the vendor's tools of 2023 and 2024, although they are for hardware.
    pub const HARDWARE_EMULATION: Self = Self(4);
}

/// Values of the header; magic, length and number of sections follow from the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// All ones where nothing is signed.
    pub signature_length: u32,
    /// Signature, all ones where there is none.
    pub key_block: [u8; 256],
    /// Time of the build in seconds since 1970.
    pub unique_id: u64,
    /// Time stamp, seconds since 1970.
    pub time_stamp: u64,
    /// Time stamp of the feature ROM; 0.
    pub feature_rom_time_stamp: u64,
    /// Version of the tool: major, minor, patch.
    pub version: (u8, u8, u16),
    /// What it was made for.
    pub mode: Mode,
    /// Bit 0: load the array; bit 1: load the PDI.
    pub action_mask: u16,
    /// Interface of the platform; zeros.
    pub interface_uuid: Uuid,
    /// Name of the platform, NUL behind it.
    pub platform: [u8; 64],
    /// Identity of the file.
    pub uuid: Uuid,
    /// Name of a debug file.
    pub debug_file: [u8; 16],
}

impl Header {
    /// A header as the open tools write it: flat, unsigned, without a platform's name.
    pub fn new(uuid: Uuid) -> Self {
        Self {
            signature_length: u32::MAX,
            key_block: [0xff; 256],
            unique_id: 0,
            time_stamp: 0,
            feature_rom_time_stamp: 0,
            version: (2, 23, 0),
            mode: Mode::FLAT,
            action_mask: 0,
            interface_uuid: Uuid::default(),
            platform: [0; 64],
            uuid,
            debug_file: [0; 16],
        }
    }

    /// The platform's name as text.
    pub fn platform_name(&self) -> String {
        text(&self.platform)
    }
}

impl RawHeader {
    pub fn decode(&self, view: &View<'_>) -> Result<Header> {
        if self.magic != MAGIC {
            let found = u64::from_le_bytes(self.magic);
            let what = "magic number";
            return Err(view.error(0, Reason::Value { what, found }));
        }
        Ok(Header {
            signature_length: self.signature_length.get(),
            key_block: self.key_block,
            unique_id: self.unique_id.get(),
            time_stamp: self.time_stamp.get(),
            feature_rom_time_stamp: self.feature_rom_time_stamp.get(),
            version: (self.version_major, self.version_minor, self.version_patch.get()),
            mode: Mode(self.mode.get()),
            action_mask: self.action_mask.get(),
            interface_uuid: Uuid(self.interface_uuid),
            platform: self.platform,
            uuid: Uuid(self.uuid),
            debug_file: self.debug_file,
        })
    }

    pub fn encode(header: &Header, length: u64, sections: u32) -> Self {
        let (major, minor, patch) = header.version;
        Self {
            magic: MAGIC,
            signature_length: header.signature_length.into(),
            reserved: [0xff; 28],
            key_block: header.key_block,
            unique_id: header.unique_id.into(),
            length: length.into(),
            time_stamp: header.time_stamp.into(),
            feature_rom_time_stamp: header.feature_rom_time_stamp.into(),
            version_patch: patch.into(),
            version_major: major,
            version_minor: minor,
            mode: header.mode.0.into(),
            action_mask: header.action_mask.into(),
            interface_uuid: header.interface_uuid.0,
            platform: header.platform,
            uuid: header.uuid.0,
            debug_file: header.debug_file,
            sections: sections.into(),
            pad: [0; 4],
        }
    }
}
