//! PDI: a programmable device image with one image, one partition and one command stream.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U32};

use super::{
    cdo::{Cdo, HEADER_WORDS},
    error::{Format, Reason, Result},
    not_a_pointer, split,
    view::{View, checksum, push_words, words},
};

/// Words before the headers.
const BUS_WIDTH: [u32; 4] = [0xdd, 0x1122_3344, 0x5566_7788, 0x99aa_bbcc];
const TABLE: usize = 0x10;
/// Where writers put the headers and the stream.
const IMAGE: usize = 0x90;
const PARTITION: usize = 0xd0;
const STREAM: usize = 0x150;
/// "IDPP".
const SIGNATURE: u32 = 0x5050_4449;
const ID_CODE: u32 = 0x14ca_8093;
/// Most bytes of an image.
const MAX_IMAGE: usize = 128 << 20;

/// Image header table.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
struct Table {
    version: U32,
    images: U32,
    first_image: U32,
    partitions: U32,
    first_partition: U32,
    boot_device: U32,
    id_code: U32,
    attributes: U32,
    pdi_id: U32,
    parent_id: U32,
    identification: U32,
    header_sizes: U32,
    meta_header_words: U32,
    keys: [U32; 4],
    /// One in every file.
    extended_id_code: U32,
    reserved: [U32; 13],
    checksum: U32,
}

/// Image header.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
struct Image {
    first_partition: U32,
    partitions: U32,
    revoke_id: U32,
    attributes: U32,
    name: [u8; 16],
    image_id: U32,
    unique_id: U32,
    parent_id: U32,
    function_id: U32,
    memory: [U32; 2],
    last: U32,
    checksum: U32,
}

/// Partition header.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
struct Partition {
    encrypted_words: U32,
    plain_words: U32,
    total_words: U32,
    next: U32,
    execution: [U32; 2],
    load: [U32; 2],
    data_words: U32,
    attributes: U32,
    sections: U32,
    checksum_offset: U32,
    partition_id: U32,
    authentication: U32,
    keys: [U32; 8],
    reserved: [U32; 6],
    transform: U32,
    zone_bytes: U32,
    mark: U32,
    checksum: U32,
}

const _: () = assert!(size_of::<Table>() == 128 && size_of::<Image>() == 64 && size_of::<Partition>() == 128);
const _: () = assert!(std::mem::offset_of!(Partition, transform) == 0x70);

/// How the command stream is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// One stream.
    Plain,
    /// Commands and data in zones of their own.
    Split,
}

/// What a checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The image header table.
    Table,
    /// The image header.
    Image,
    /// The partition header: wrong in every split image, as the tool that splits does not renew it.
    Partition,
    /// The header of the command stream.
    Cdo,
}

/// An image that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdi {
    /// Name of the image, `aie_image`; NULs behind it.
    pub name: [u8; 16],
    /// How it was stored.
    pub transform: Transform,
    /// The stream.
    pub cdo: Cdo,
    /// Bytes that a split image lacks at its end and that are taken as zeros.
    pub borrowed: usize,
    /// Checksums that do not hold.
    pub wrong: Vec<Checked>,
    /// Last word of the image header before its checksum: 0, or all ones from newer tools.
    pub image_word: u32,
    /// Words behind the stream, which fill the image to a multiple of four words.
    padding: Vec<u32>,
}

fn sums<T: IntoBytes + Immutable>(header: &T) -> bool {
    let all = header.as_bytes();
    let (body, last) = all.split_at(all.len() - 4);
    words(last).eq([checksum(words(body))])
}

fn record<'a, T: FromBytes + KnownLayout + Immutable + Unaligned>(
    v: &View<'a>,
    what: &'static str,
    at: usize,
) -> Result<&'a T> {
    let bytes = v.take(what, at, size_of::<T>())?;
    T::ref_from_bytes(bytes).map_err(|_| v.short(what, at, size_of::<T>() as u64))
}

/// A place given in words.
fn place(words: U32) -> usize {
    (words.get() as usize).saturating_mul(4)
}

impl Pdi {
    /// An image around a stream, as the open tools make it.
    pub fn new(cdo: Cdo) -> Self {
        Self {
            name: *b"aie_image\0\0\0\0\0\0\0",
            transform: Transform::Plain,
            cdo,
            borrowed: 0,
            wrong: Vec::new(),
            image_word: 0,
            padding: Vec::new(),
        }
    }

    /// Reads an image; wrong checksums are told, not refused.
    ///
    /// # Errors
    /// It is no image with one partition, or its stream does not end where it should.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        not_a_pointer(Format::Pdi, bytes)?;
        let v = View::new(Format::Pdi, bytes);
        if bytes.len() > MAX_IMAGE {
            let (what, found, limit) = ("bytes", bytes.len() as u64, MAX_IMAGE as u64);
            return Err(v.error(0, Reason::TooMany { what, found, limit }));
        }
        let expect = |what: &'static str, offset, found: u32, expected: u32| {
            let (found, expected) = (found.into(), expected.into());
            let reason = Reason::Mismatch {
                what,
                found,
                expected,
            };
            if found == expected {
                Ok(())
            } else {
                Err(v.error(offset, reason))
            }
        };
        for (i, word) in words(v.take("bus width words", 0, TABLE)?).enumerate() {
            expect("bus width word", 4 * i, word, BUS_WIDTH[i])?;
        }
        let table: &Table = record(&v, "image header table", TABLE)?;
        expect("signature", 0x38, table.identification.get(), SIGNATURE)?;
        expect("number of images", 0x14, table.images.get(), 1)?;
        expect("number of partitions", 0x1c, table.partitions.get(), 1)?;
        let image: &Image = record(&v, "image header", place(table.first_image))?;
        let at = place(table.first_partition);
        let partition: &Partition = record(&v, "partition header", at)?;
        let start = place(partition.data_words);
        let body = v.take("command stream", start, bytes.len().saturating_sub(start))?;
        let (cdo, transform, borrowed, padding) = match partition.transform.get() {
            0 => {
                let total = v.take("partition", start, place(partition.total_words))?;
                expect("file size", at + 8, total.len() as u32, body.len() as u32)?;
                let stream = Cdo::read_prefix(body)?;
                let plain = partition.plain_words.get();
                expect("unencrypted length", at + 4, plain, stream.size as u32 / 4)?;
                let padding = words(&body[stream.size..]).collect();
                (stream.cdo, Transform::Plain, 0, padding)
            }
            1 => {
                let zone = partition.zone_bytes.get();
                expect(
                    "split mark",
                    at + 0x78,
                    partition.mark.get(),
                    split::mark(1, zone),
                )?;
                let parts = split::read(body, zone as usize)?;
                (parts.cdo, Transform::Split, parts.borrowed, Vec::new())
            }
            found => {
                let (what, found) = ("transform type", found.into());
                return Err(v.error(at + 0x70, Reason::Value { what, found }));
            }
        };
        let checks = [
            (Checked::Table, sums(table)),
            (Checked::Image, sums(image)),
            (Checked::Partition, sums(partition)),
            (Checked::Cdo, cdo.checksum_holds),
        ];
        Ok(Self {
            name: image.name,
            transform,
            cdo,
            borrowed,
            image_word: image.last.get(),
            wrong: checks.iter().filter(|c| !c.1).map(|c| c.0).collect(),
            padding,
        })
    }

    /// The plain image of this stream, all checksums right. An image that was read split is written plain.
    pub fn write(&self) -> Vec<u8> {
        let stream = self.cdo.write();
        let plain = stream.len() / 4;
        let total = plain.next_multiple_of(4);
        let partition = Partition {
            encrypted_words: (total as u32).into(),
            plain_words: (plain as u32).into(),
            total_words: (total as u32).into(),
            next: 0.into(),
            execution: [0.into(); 2],
            load: [u32::MAX.into(); 2],
            data_words: (STREAM as u32 / 4).into(),
            attributes: 0x0200_0006.into(),
            sections: 1.into(),
            checksum_offset: 0.into(),
            partition_id: 0.into(),
            authentication: 0.into(),
            keys: [0.into(); 8],
            reserved: [0.into(); 6],
            transform: 0.into(),
            zone_bytes: 0.into(),
            mark: 0.into(),
            checksum: 0.into(),
        };
        let image = Image {
            first_partition: (PARTITION as u32 / 4).into(),
            partitions: 1.into(),
            revoke_id: 0.into(),
            attributes: 0.into(),
            name: self.name,
            image_id: 0x1c00_0000.into(),
            unique_id: 0.into(),
            parent_id: 0.into(),
            function_id: 0.into(),
            memory: [0.into(); 2],
            last: self.image_word.into(),
            checksum: 0.into(),
        };
        let table = Table {
            version: 0x0004_0000.into(),
            images: 1.into(),
            first_image: (IMAGE as u32 / 4).into(),
            partitions: 1.into(),
            first_partition: (PARTITION as u32 / 4).into(),
            boot_device: 0.into(),
            id_code: ID_CODE.into(),
            attributes: 0.into(),
            pdi_id: 0.into(),
            parent_id: 0.into(),
            identification: SIGNATURE.into(),
            header_sizes: 0x0020_1020.into(),
            meta_header_words: ((STREAM - IMAGE) as u32 / 4).into(),
            keys: [0.into(); 4],
            extended_id_code: 1.into(),
            reserved: [0.into(); 13],
            checksum: 0.into(),
        };
        let mut out = Vec::with_capacity(STREAM + 4 * total);
        push_words(&mut out, &BUS_WIDTH);
        for header in [table.as_bytes(), image.as_bytes(), partition.as_bytes()] {
            let body = &header[..header.len() - 4];
            out.extend_from_slice(body);
            push_words(&mut out, &[checksum(words(body))]);
        }
        out.extend_from_slice(&stream);
        let fill = self.padding.iter().copied().chain(std::iter::repeat(0));
        let fill: Vec<u32> = fill.take(total - plain).collect();
        push_words(&mut out, &fill);
        out
    }

    /// Bytes of the headers that go before the stream.
    pub const HEADER_BYTES: usize = STREAM;
    /// Bytes of the smallest stream.
    pub const STREAM_HEADER_BYTES: usize = 4 * HEADER_WORDS;
}
