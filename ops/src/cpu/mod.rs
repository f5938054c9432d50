//! The CPU: which thread computes what. The inner loops are those of [`crate::kernel`].
mod attention;
mod linear;
mod pool;
mod scratch;

use std::time::{Duration, Instant};

use crate::{
    Attention, Backend, DecodeAttention, Epilogue, Error, Isa, Matrix, Rows,
    arch::Arch,
    kernel::{norm::LayerNorm, peak::Peak},
};
use pool::Pool;

/// Operators on the CPU, on a thread pool of their own.
///
/// Nothing is summed across threads: results are the same bits whatever their number.
#[derive(Debug)]
pub struct Cpu {
    pool: Pool,
    arch: Arch,
}

impl Cpu {
    /// `threads` threads (0: one a core) with the fastest instruction set that the processor has.
    ///
    /// # Errors
    /// [`Error::Threads`] where the system refuses the threads.
    pub fn new(threads: usize) -> Result<Self, Error> {
        Self::with_isa(threads, Isa::detect())
    }

    /// As [`Cpu::new`], with an instruction set of the caller's choice.
    ///
    /// # Errors
    /// As [`Cpu::new`], and [`Error::Isa`] where the processor does not have `isa`.
    pub fn with_isa(threads: usize, isa: Isa) -> Result<Self, Error> {
        Ok(Self {
            arch: Arch::of(isa).ok_or(Error::Isa { isa })?,
            pool: Pool::new(threads)?,
        })
    }

    /// Threads that compute.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The rate, in floating-point operations a second, at which all threads together multiply and add in registers:
    /// what no operator can exceed. Measured now, for about `time`.
    pub fn peak(&self, time: Duration) -> f64 {
        let start = Instant::now();
        let mut done = vec![0; self.threads()];
        self.pool.chunks(&mut done, 1, usize::MAX, |_, done| {
            while start.elapsed() < time {
                done[0] += self.arch.run(Peak { rounds: 100_000 });
            }
        });
        done.iter().sum::<usize>() as f64 / start.elapsed().as_secs_f64()
    }

    /// The instruction set that operators use.
    pub fn isa(&self) -> Isa {
        self.arch.isa()
    }
}

impl Backend for Cpu {
    fn name(&self) -> String {
        let threads = self.threads();
        format!(
            "cpu ({}, {threads} thread{})",
            self.isa(),
            if threads == 1 { "" } else { "s" }
        )
    }

    fn linear(&self, x: Rows<'_>, w: &Matrix, bias: Option<&[f32]>, epilogue: Epilogue, out: &mut [f32]) {
        linear::linear(self, x, w, bias, epilogue, out);
    }

    fn layer_norm(&self, x: Rows<'_>, gain: &[f32], bias: &[f32], out: &mut [f32]) {
        assert!(x.rows * x.cols == out.len(), "{} values for {x:?}", out.len());
        let rows = 32;
        self.pool
            .chunks(out, rows * x.cols, 4 * x.rows * x.cols, |i, out| {
                let first = i * rows;
                self.arch.run(LayerNorm {
                    x,
                    first,
                    gain,
                    bias,
                    out,
                });
            });
    }

    fn attention(&self, a: Attention<'_>, out: &mut [f32]) {
        self.cross_attention(a, None, out);
    }

    fn decode_attention(&self, a: DecodeAttention<'_>, out: &mut [f32]) {
        attention::cached(self, a, out);
    }

    fn cross_attention(&self, a: Attention<'_>, scores: Option<&mut [f32]>, out: &mut [f32]) {
        if a.q.rows <= attention::FEW {
            attention::few(self, a, scores, out);
        } else {
            attention::many(self, a, scores, out);
        }
    }
}
