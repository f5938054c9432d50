//! What the tiles of the array are doing: DMA channels, locks, events, cores.

use zerocopy::FromBytes;

use super::device::Metadata;
use crate::device::Device;
use crate::error::{Call, Error};
use crate::sys;

/// Tile status of the columns that live contexts own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TileStatus {
    /// One for every owned column, in ascending order.
    pub columns: Vec<ColumnStatus>,
}

/// Tile status of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnStatus {
    /// The column.
    pub column: u32,
    /// The bytes as the firmware gave them.
    pub raw: Vec<u8>,
    /// Core tiles from the first core row upwards; empty if the layout is not the known one.
    pub cores: Vec<CoreTile>,
    /// Memory tiles.
    pub mems: Vec<MemTile>,
    /// Interface tiles.
    pub shims: Vec<ShimTile>,
}

/// A DMA channel's status register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaStatus(pub u32);

impl DmaStatus {
    /// 0 idle, 1 starting, 2 running, 3 invalid.
    pub fn state(self) -> u32 {
        self.0 & 3
    }

    /// Why it waits, one bit each.
    pub fn stalls(self) -> u32 {
        self.0 >> 2 & 0xf
    }

    /// Tasks queued.
    pub fn queued(self) -> u32 {
        self.0 >> 20 & 7
    }

    /// Buffer descriptor in work.
    pub fn descriptor(self) -> u32 {
        self.0 >> 24 & 0x3f
    }
}

/// A core's status register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreStatus(pub u32);

impl CoreStatus {
    /// The core is enabled.
    pub fn is_enabled(self) -> bool {
        self.0 & 1 != 0
    }

    /// The core is held in reset.
    pub fn is_in_reset(self) -> bool {
        self.0 & 2 != 0
    }

    /// The core has run to its end.
    pub fn is_done(self) -> bool {
        self.0 & 1 << 20 != 0
    }
}

/// A core tile. DMA status is by channel: from stream to memory, from memory to stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the registers of the same names")]
pub struct CoreTile {
    pub dma: Vec<(DmaStatus, DmaStatus)>,
    /// Events the core module has seen, bit by number.
    pub core_events: Vec<u32>,
    /// Events the memory module has seen, bit by number.
    pub memory_events: Vec<u32>,
    pub status: CoreStatus,
    pub program_counter: u32,
    pub stack_pointer: u32,
    pub link_register: u32,
    /// Values, 6 bits each.
    pub locks: Vec<u8>,
}

/// A memory tile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "as in CoreTile")]
pub struct MemTile {
    pub dma: Vec<(DmaStatus, DmaStatus)>,
    pub events: Vec<u32>,
    pub locks: Vec<u8>,
}

/// An interface tile.
pub type ShimTile = MemTile;

impl TileStatus {
    /// Takes a dump apart: blocks of one column each, one for every set bit of `columns`, without gaps.
    ///
    /// # Errors
    /// [`Error::Answer`]: there are fewer bytes than columns.
    pub fn read(metadata: &Metadata, columns: u32, dump: &[u8]) -> Result<Self, Error> {
        parse(metadata, columns, dump)
    }
}

impl Device {
    /// Tile status of all columns that contexts own; none if there is no context.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn tile_status(&self) -> Result<TileStatus, Error> {
        let metadata = self.metadata();
        // Exactly this: Linux to 7.0 refuses any other size.
        let mut dump = vec![0; usize::from(metadata.columns) * metadata.column_bytes as usize];
        let filled = sys::npu::aie_status(self.fd()?, &mut dump).map_err(|e| self.0.explain(e))?;
        parse(&metadata, filled, &dump)
    }
}

/// Blocks of one column each, one for every set bit of `filled`, without gaps.
fn parse(metadata: &Metadata, filled: u32, dump: &[u8]) -> Result<TileStatus, Error> {
    let size = metadata.column_bytes as usize;
    let bad = Error::Answer {
        call: Call::GetInfo,
        what: "cols_filled",
        value: filled.into(),
    };
    if size == 0 || filled.count_ones() as usize * size > dump.len() {
        return if filled == 0 {
            Ok(TileStatus { columns: Vec::new() })
        } else {
            Err(bad)
        };
    }
    let columns = (0..u32::BITS).filter(|column| filled & 1 << column != 0);
    let columns = columns.zip(dump.chunks_exact(size)).map(|(column, raw)| {
        let (cores, mems, shims) = tiles(metadata, raw).unwrap_or_default();
        ColumnStatus {
            column,
            raw: raw.to_vec(),
            cores,
            mems,
            shims,
        }
    });
    Ok(TileStatus {
        columns: columns.collect(),
    })
}

type Tiles = (Vec<CoreTile>, Vec<MemTile>, Vec<ShimTile>);

/// Takes a column's block apart; `None` if its size is not the sum of its tiles'.
fn tiles(metadata: &Metadata, raw: &[u8]) -> Option<Tiles> {
    let mut rest = Reader(raw);
    let (core, mem, shim) = (metadata.core, metadata.mem, metadata.shim);
    let cores = (0..core.rows).map(|_| rest.core(core.dma_channels, core.event_registers, core.locks));
    let cores = cores.collect::<Option<_>>()?;
    let mems = (0..mem.rows).map(|_| rest.mem(mem.dma_channels, mem.event_registers, mem.locks));
    let mems = mems.collect::<Option<_>>()?;
    let shims = (0..shim.rows).map(|_| rest.mem(shim.dma_channels, shim.event_registers, shim.locks));
    let shims = shims.collect::<Option<_>>()?;
    rest.0.is_empty().then_some((cores, mems, shims))
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = u32::read_from_prefix(self.0).ok()?;
        self.0 = rest;
        Some(word)
    }

    fn words(&mut self, n: u16) -> Option<Vec<u32>> {
        (0..n).map(|_| self.word()).collect()
    }

    fn dma(&mut self, channels: u16) -> Option<Vec<(DmaStatus, DmaStatus)>> {
        (0..channels)
            .map(|_| Some((DmaStatus(self.word()?), DmaStatus(self.word()?))))
            .collect()
    }

    fn locks(&mut self, n: u16) -> Option<Vec<u8>> {
        let (locks, rest) = self.0.split_at_checked(n.into())?;
        self.0 = rest;
        Some(locks.iter().map(|lock| lock & 0x3f).collect())
    }

    fn core(&mut self, channels: u16, events: u16, locks: u16) -> Option<CoreTile> {
        Some(CoreTile {
            dma: self.dma(channels)?,
            core_events: self.words(events)?,
            memory_events: self.words(events)?,
            status: CoreStatus(self.word()?),
            program_counter: self.word()?,
            stack_pointer: self.word()?,
            link_register: self.word()?,
            locks: self.locks(locks)?,
        })
    }

    fn mem(&mut self, channels: u16, events: u16, locks: u16) -> Option<MemTile> {
        Some(MemTile {
            dma: self.dma(channels)?,
            events: self.words(events)?,
            locks: self.locks(locks)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npu1() -> Metadata {
        Metadata::version_1_1(5)
    }

    #[test]
    fn blocks_are_those_of_the_set_bits() {
        let mut dump = vec![0; 5 * 504];
        dump[48] = 1; // core status of the first core tile of the first block
        dump[504 + 80 + 52] = 0x40; // program counter of the second core tile of the second block
        dump[504 + 4 * 80 + 72] = 0xff; // lock 0 of the memory tile
        let status = parse(&npu1(), 0b10010, &dump).unwrap();
        assert_eq!(
            status.columns.iter().map(|c| c.column).collect::<Vec<_>>(),
            [1, 4]
        );
        assert!(status.columns[0].cores[0].status.is_enabled());
        assert_eq!(status.columns[1].cores[1].program_counter, 0x40);
        assert_eq!(status.columns[1].mems[0].locks[0], 0x3f);
        assert_eq!(status.columns[1].shims[0].locks.len(), 16);
    }

    #[test]
    fn another_layout_keeps_its_bytes_and_is_not_guessed_at() {
        let other = Metadata {
            column_bytes: 500,
            ..npu1()
        };
        let status = parse(&other, 1, &[7; 2500]).unwrap();
        assert_eq!(
            (status.columns[0].raw.len(), status.columns[0].cores.len()),
            (500, 0)
        );
    }

    #[test]
    fn more_columns_than_bytes_is_refused() {
        assert!(parse(&npu1(), 0x3f, &[0; 5 * 504]).is_err());
        assert_eq!(parse(&npu1(), 0, &[]).unwrap().columns, []);
    }

    #[test]
    fn dma_status_bits_are_taken_apart() {
        let status = DmaStatus(2 | 0b0101 << 2 | 3 << 20 | 9 << 24);
        assert_eq!(
            (
                status.state(),
                status.stalls(),
                status.queued(),
                status.descriptor()
            ),
            (2, 5, 3, 9)
        );
    }
}
