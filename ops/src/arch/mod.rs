//! Vector instruction sets: what a kernel may compute with, and which set this processor has.
mod portable;
mod simd;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // intrinsics; every call rests on a token that only detection hands out
mod x86_64;

use std::fmt;

pub(crate) use portable::Portable;
pub(crate) use simd::{Kernel, Simd};

/// A vector instruction set that operators are implemented for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Plain Rust, any processor.
    Portable,
    /// x86-64 with AVX2, FMA and F16C: 8 values a vector.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL: 16 values a vector.
    Avx512,
}

impl Isa {
    /// Every instruction set there is an implementation for, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The fastest one that this processor has.
    pub fn detect() -> Self {
        let best = Self::ALL.into_iter().rev().find(|isa| isa.is_available());
        best.unwrap_or(Self::Portable)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        Arch::of(self).is_some()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

/// An instruction set that this processor was found to have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arch {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(x86_64::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(x86_64::Avx512),
}

impl Arch {
    /// `None` where the processor does not have `isa`.
    pub(crate) fn of(isa: Isa) -> Option<Self> {
        match isa {
            Isa::Portable => Some(Self::Portable(Portable)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86_64::Avx2::detect().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86_64::Avx512::detect().map(Self::Avx512),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => None,
        }
    }

    pub(crate) fn isa(self) -> Isa {
        match self {
            Self::Portable(_) => Isa::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Isa::Avx512,
        }
    }

    /// The tiles of products.
    pub(crate) fn tiles(self) -> Tiles {
        self.run(Measure)
    }

    /// Runs `kernel` with this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Out {
        match self {
            Self::Portable(s) => s.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(s) => s.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(s) => s.run(kernel),
        }
    }
}

/// The shapes of tiles: see [`Simd::TILE_ROWS`] and what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
    pub(crate) rows: usize,
    pub(crate) short_rows: usize,
    pub(crate) cols: usize,
}

struct Measure;

impl Kernel for Measure {
    type Out = Tiles;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Tiles {
        Tiles {
            rows: S::TILE_ROWS,
            short_rows: S::SHORT_ROWS,
            cols: S::TILE_COLS,
        }
    }
}
