//! The mel filterbank: triangles of equal area on Slaney's mel scale, as `librosa.filters.mel` makes them.

use super::stft::{BINS, FFT};
use crate::audio::SAMPLE_RATE;

/// Slaney's scale is linear up to 1 kHz, with this many Hz to a mel, and logarithmic above.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
const BREAK_HZ: f64 = 1000.0;
const BREAK_MEL: f64 = BREAK_HZ / HZ_PER_MEL;

/// Natural logarithm of the frequency ratio of one mel above the break: 27 mels to a factor of 6.4.
fn log_step() -> f64 {
    6.4f64.ln() / 27.0
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ {
        hz / HZ_PER_MEL
    } else {
        BREAK_MEL + (hz / BREAK_HZ).ln() / log_step()
    }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < BREAK_MEL {
        mel * HZ_PER_MEL
    } else {
        BREAK_HZ * (log_step() * (mel - BREAK_MEL)).exp()
    }
}

/// One triangle: its weights from the first bin that is not zero to the last.
#[derive(Clone, Debug)]
struct Filter {
    first: usize,
    weights: Vec<f32>,
}

/// Rows of the mel filterbank, kept without their zeros.
#[derive(Clone, Debug)]
pub(super) struct Filterbank(Vec<Filter>);

impl Filterbank {
    /// `n_mels` triangles between 0 Hz and 8 kHz over the 201 bins of the spectrum.
    pub(super) fn new(n_mels: usize) -> Self {
        let top = hz_to_mel(SAMPLE_RATE as f64 / 2.0);
        let edge = |i: usize| mel_to_hz(top * i as f64 / (n_mels + 1) as f64);
        Self(
            (0..n_mels)
                .map(|m| Filter::new(edge(m), edge(m + 1), edge(m + 2)))
                .collect(),
        )
    }

    /// Every row with its zeros.
    pub(super) fn dense(&self) -> Vec<f32> {
        let mut rows = vec![0.0; self.0.len() * BINS];
        for (row, filter) in rows.chunks_mut(BINS).zip(&self.0) {
            row[filter.first..][..filter.weights.len()].copy_from_slice(&filter.weights);
        }
        rows
    }

    /// Sums the bins of `power` into mels.
    pub(super) fn apply(&self, power: &[f32; BINS], mels: &mut [f32]) {
        for (mel, filter) in mels.iter_mut().zip(&self.0) {
            *mel = power[filter.first..]
                .iter()
                .zip(&filter.weights)
                .map(|(p, w)| p * w)
                .sum();
        }
    }
}

impl Filter {
    fn new(low: f64, centre: f64, high: f64) -> Self {
        // The reference rounds the triangle to f32 before it scales it to unit area, and again after.
        let weight = |bin: usize| {
            let hz = bin as f64 * SAMPLE_RATE as f64 / FFT as f64;
            let height = ((hz - low) / (centre - low))
                .min((high - hz) / (high - centre))
                .max(0.0) as f32;
            (f64::from(height) * 2.0 / (high - low)) as f32
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(BINS);
        let weights = (first..BINS).map(weight).take_while(|&w| w > 0.0).collect();
        Self { first, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mel_of_both_models_has_a_bin() {
        for n_mels in [80, 128] {
            for (m, filter) in Filterbank::new(n_mels).0.iter().enumerate() {
                assert!(!filter.weights.is_empty(), "mel {m} of {n_mels}");
            }
        }
    }

    #[test]
    fn the_scale_is_inverted() {
        for hz in [0.0, 440.0, 999.9, 1000.0, 4321.0, 8000.0] {
            assert!((mel_to_hz(hz_to_mel(hz)) - hz).abs() < 1e-9, "{hz}");
        }
    }

    #[test]
    fn a_flat_spectrum_gives_the_area_of_a_triangle() {
        // 1 (the area in Hz) over 40 Hz a bin; narrow triangles sample it coarsely.
        let mut mels = [0.0; 20];
        Filterbank::new(20).apply(&[1.0; BINS], &mut mels);
        for mel in mels {
            assert!((mel - 1.0 / 40.0).abs() < 2e-3, "{mel}");
        }
    }
}
