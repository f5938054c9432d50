//! Mel power of one frame: window, Fourier transform, magnitude squared, filterbank.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::filters::Filterbank;

/// Samples of a frame.
pub(super) const FFT: usize = 400;
/// Samples from one frame to the next.
pub(super) const HOP: usize = 160;
/// Frequencies of the spectrum, from 0 Hz to 8 kHz by 40 Hz.
pub(super) const BINS: usize = FFT / 2 + 1;

/// The transform and its working memory.
pub(super) struct MelPower {
    plan: Arc<dyn RealToComplex<f32>>,
    window: [f32; FFT],
    input: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: [f32; BINS],
    filters: Filterbank,
}

impl MelPower {
    pub(super) fn new(n_mels: usize) -> Self {
        let plan = RealFftPlanner::new().plan_fft_forward(FFT);
        let hann = |i: usize| (std::f64::consts::PI * i as f64 / FFT as f64).sin().powi(2) as f32;
        Self {
            window: std::array::from_fn(hann),
            input: plan.make_input_vec(),
            spectrum: plan.make_output_vec(),
            scratch: plan.make_scratch_vec(),
            power: [0.0; BINS],
            filters: Filterbank::new(n_mels),
            plan,
        }
    }

    /// Writes the mel power of `frame` into `mels`, one number a filter.
    pub(super) fn of(&mut self, frame: &[f32; FFT], mels: &mut [f32]) {
        for (x, (sample, weight)) in self.input.iter_mut().zip(frame.iter().zip(&self.window)) {
            *x = sample * weight;
        }
        self.plan
            .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
            .expect("buffers have the lengths the plan asked for");
        for (power, x) in self.power.iter_mut().zip(&self.spectrum) {
            *power = x.norm_sqr();
        }
        self.filters.apply(&self.power, mels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_lands_in_its_bin() {
        // 1 kHz is bin 25; a full-scale sine under a Hann window has power (FFT / 4)^2 there.
        let mut mel = MelPower::new(80);
        let frame = std::array::from_fn(|i| (std::f32::consts::TAU * i as f32 / 16.0).sin());
        mel.of(&frame, &mut [0.0; 80]);
        assert!((mel.power[25] - 10_000.0).abs() < 1.0, "{}", mel.power[25]);
        assert!(mel.power[30] < 1e-3, "{}", mel.power[30]);
    }
}
