use std::time::Duration;

use divan::{Bencher, counter::ItemsCount};

use crate::common::cpu;

/// The baseline: multiply-adds in registers for a millisecond. Items are floating-point operations.
pub fn peak(bencher: Bencher<'_, '_>, threads: usize) {
    let cpu = cpu(threads);
    let time = Duration::from_millis(20);
    let rate = (0..5).map(|_| cpu.peak(time)).fold(0.0, f64::max);
    bencher
        .counter(ItemsCount::new((rate * time.as_secs_f64()) as u64))
        .bench(|| cpu.peak(time));
}
