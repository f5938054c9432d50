//! PDI: a programmable device image with one image, one partition and one command stream.

mod header;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U32};

use super::{
    cdo::{Cdo, HEADER_WORDS},
    error::{Format, Reason, Result},
    not_a_pointer, split,
    view::{View, checksum, push_words, words},
};
use header::{Image, Partition, SIGNATURE, STREAM, Table};

/// Words before the headers.
const BUS_WIDTH: [u32; 4] = [0xdd, 0x1122_3344, 0x5566_7788, 0x99aa_bbcc];
const TABLE: usize = 0x10;
/// Most bytes of an image.
const MAX_IMAGE: usize = 128 << 20;

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
        let headers = [
            Table::of_one_image().as_bytes().to_vec(),
            Image::new(self.name, self.image_word).as_bytes().to_vec(),
            Partition::new(plain as u32, total as u32).as_bytes().to_vec(),
        ];
        let mut out = Vec::with_capacity(STREAM + 4 * total);
        push_words(&mut out, &BUS_WIDTH);
        for header in headers {
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
