use std::hint::black_box;

use crate::arch::{Kernel, Simd};

/// Independent sums: more than the latency of a multiply-add times those a cycle starts, fewer than registers.
const SUMS: usize = 12;

/// Multiply-adds in registers and nothing else, as often as asked; returns how many floating-point operations.
pub(crate) struct Peak {
    pub(crate) rounds: usize,
}

impl Kernel for Peak {
    type Out = usize;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> usize {
        let mut memory = black_box([1.0; 16 * SUMS]);
        let (x, y) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        let mut sums = [s.splat(0.0); SUMS];
        for i in 0..SUMS {
            sums[i] = s.load(&memory[16 * i..]);
        }
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = s.fma(*sum, x, y);
            }
        }
        for i in 0..SUMS {
            s.store(sums[i], &mut memory[16 * i..]);
        }
        black_box(memory);
        2 * self.rounds * SUMS * S::LANES
    }
}
