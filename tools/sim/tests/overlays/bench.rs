//! An array with an overlay, and buffers of host memory.

use std::fs;

use libtest_mimic::Failed;
use xdna_runtime::formats::{ControlFile, Xclbin};
use xdna_sim::array::{Arguments, Array, HostMemory, Program, Shape, TileId, Timing, Unmapped, Window};

use super::fixtures;

/// Where the first buffer is.
const BASE: u64 = 0x7f12_3450_0000;
/// From one buffer to the next.
const STRIDE: u64 = 0x100_0000;
/// Bytes behind each buffer that must stay as they are.
const CANARY: usize = 64;

/// Buffers of host memory, each at an address of its own with nothing between.
#[derive(Default)]
pub struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    fn find(&mut self, address: u64, len: usize) -> Result<&mut [u8], Unmapped> {
        let at = address.checked_sub(BASE).ok_or(Unmapped(address))?;
        let buffer = self.0.get_mut((at / STRIDE) as usize).ok_or(Unmapped(address))?;
        let start = (at % STRIDE) as usize;
        buffer.get_mut(start..start + len).ok_or(Unmapped(address))
    }

    /// Adds a buffer.
    pub fn add(&mut self, mut bytes: Vec<u8>) -> usize {
        bytes.resize(bytes.len().next_multiple_of(64), 0xa5);
        bytes.extend([0xa5; CANARY]);
        self.0.push(bytes);
        self.0.len() - 1
    }

    /// The first bytes of a buffer; an error if what is behind was written.
    pub fn bytes(&self, index: usize, len: usize) -> Result<&[u8], Failed> {
        let (bytes, rest) = self.0[index].split_at(len);
        if let Some(at) = rest.iter().position(|&b| b != 0xa5) {
            return Err(format!("buffer {index}: byte {at} behind its end was written").into());
        }
        Ok(bytes)
    }

    /// The addresses of all.
    pub fn addresses(&self) -> Vec<u64> {
        (0..self.0.len() as u64).map(|i| BASE + i * STRIDE).collect()
    }
}

impl HostMemory for Buffers {
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unmapped> {
        into.copy_from_slice(self.find(address, into.len())?);
        Ok(())
    }

    fn write(&mut self, address: u64, from: &[u8]) -> Result<(), Unmapped> {
        self.find(address, from.len())?.copy_from_slice(from);
        Ok(())
    }
}

/// A file of the fixtures.
pub fn file(name: &str) -> Result<Vec<u8>, Failed> {
    let path = fixtures().join(name);
    fs::read(&path).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// Control code: binary, or words in hexadecimal.
pub fn code(name: &str) -> Result<Vec<u8>, Failed> {
    let bytes = file(name)?;
    Ok(ControlFile::read(&bytes)?.bytes.into_owned())
}

/// An array configured by the first image of an overlay, or by an image alone.
pub fn overlay(shape: Shape, name: &str, cores: &[(TileId, Program)]) -> Result<Array, Failed> {
    let bytes = file(name)?;
    let (image, width) = if name.ends_with(".pdi") {
        (bytes.clone(), 1)
    } else {
        let xclbin = Xclbin::read(&bytes)?;
        let partition = xclbin.partition()?;
        let pdi = partition.pdis.first().ok_or("no image")?;
        (pdi.image.to_vec(), partition.width as u8)
    };
    // npu1 starts at column 1: column 0 has no shim DMA.
    let start = u8::from(shape.first_without_dma);
    let part = shape.partition(start, width).ok_or("too wide")?;
    let mut array = Array::new(part, Timing::default());
    for (tile, program) in cores {
        if !array.stand_in(*tile, program.clone()) {
            return Err(format!("{tile} has no core").into());
        }
    }
    array.load(&image)?;
    Ok(array)
}

/// Runs control code with all buffers as arguments.
pub fn run(array: &mut Array, code: &[u8], buffers: &mut Buffers) -> Result<u64, Failed> {
    let addresses = buffers.addresses();
    let mut window = Window::new(buffers);
    let cycles = array.run(code, Arguments::Host(&addresses), &mut window)?;
    match array.unfinished().next() {
        None => Ok(cycles),
        Some(channel) => Err(format!("{channel} is still at work").into()),
    }
}

/// Pseudo-random words.
pub fn random(seed: u64) -> impl Iterator<Item = u32> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    })
}

/// Words as bytes.
pub fn to_bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// Bytes as words.
pub fn to_words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| u32::from_le_bytes(*b))
        .collect()
}

/// Compares results: the first difference is the error.
pub fn same<T: PartialEq + std::fmt::Debug>(got: &[T], expected: &[T]) -> Result<(), Failed> {
    if got.len() != expected.len() {
        return Err(format!("{} results instead of {}", got.len(), expected.len()).into());
    }
    match got.iter().zip(expected).position(|(g, e)| g != e) {
        None => Ok(()),
        Some(at) => Err(format!("result {at} is {:?} instead of {:?}", got[at], expected[at]).into()),
    }
}
