//! Data of the shapes and dtypes of real models; the values do not matter.
use xdna_ops::Cpu;

/// A backend of so many threads.
pub fn cpu(threads: usize) -> Cpu {
    Cpu::new(threads).expect("threads")
}

/// Numbers in [-0.5, 0.5).
pub fn values(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}
