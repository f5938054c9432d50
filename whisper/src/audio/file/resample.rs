//! From any rate to 16 kHz.

use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction, audioadapter_buffers::direct::InterleavedSlice,
};

use crate::audio::SAMPLE_RATE;

/// Zero crossings of the filter, and the part of the lower rate's band it lets through. With a Blackman window this is,
/// to about 80 dB, the filter of ffmpeg's resampler (32 crossings, 0.97, Kaiser window with beta 9), by whose output
/// the reference was made.
const CROSSINGS: f64 = 30.0;
const CUTOFF: f64 = 0.97;
/// Input samples converted at once.
const CHUNK: usize = 1 << 12;
/// Filter phases above which they are interpolated instead of computed one by one.
const PHASES: usize = 640;

/// Converts a stream of samples; the same number of seconds comes out as went in, in place.
pub(super) struct Resampler {
    rate: u64,
    /// `None` where the rate is right already.
    sinc: Option<Async<f32>>,
    /// Samples not converted yet.
    input: Vec<f32>,
    block: Vec<f32>,
    /// Output samples that lie before the first input sample, still to be dropped.
    lead: usize,
    samples_in: u64,
    samples_out: u64,
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Zeros to put before the input, and samples to drop from the output, so that the first sample of both falls on the
/// same moment.
///
/// rubato's output `k` lies at input `(k + 1) * down / up - taps / 2 + 1 / phases` (its index is stepped before it is
/// used, and its first filter is one phase late). Some number of zeros below `down` makes that a whole number.
fn align(up: usize, down: usize, taps: usize, phases: usize) -> (usize, usize) {
    let late = (up + phases / 2) / phases;
    let zeros = (0..down)
        .find(|zeros| (up * (zeros + taps / 2) - late).is_multiple_of(down))
        .unwrap_or(0);
    (zeros, (up * (zeros + taps / 2) - late) / down - 1)
}

impl Resampler {
    /// From `rate` Hz.
    pub(super) fn new(rate: u32) -> Result<Self, String> {
        let (rate, mut input, mut lead) = (rate as usize, Vec::new(), 0);
        let mut sinc = None;
        let mut room = 0;
        if rate != SAMPLE_RATE {
            let divisor = gcd(rate, SAMPLE_RATE);
            let (up, down) = (SAMPLE_RATE / divisor, rate / divisor);
            let ratio = SAMPLE_RATE as f64 / rate as f64;
            // Upwards there is nothing to cut off, and ffmpeg does not.
            let cutoff = (CUTOFF * ratio).min(1.0);
            let taps = ((CROSSINGS / cutoff).ceil() as usize).next_multiple_of(8);
            let relative = (cutoff / ratio.min(1.0)) as f32;
            let mut parameters =
                SincInterpolationParameters::new(taps, WindowFunction::Blackman).f_cutoff(relative);
            if up <= PHASES {
                // Every output sample falls on one of `up` phases: nothing is between them.
                parameters = parameters
                    .oversampling_factor(up)
                    .interpolation(SincInterpolationType::Nearest);
            }
            let resampler = Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)
                .map_err(|e| e.to_string())?;
            let (zeros, skip) = align(up, down, taps, parameters.oversampling_factor);
            input.resize(zeros, 0.0);
            lead = skip;
            room = resampler.output_frames_max();
            sinc = Some(resampler);
        }
        let block = vec![0.0; room];
        Ok(Self {
            rate: rate as u64,
            sinc,
            input,
            block,
            lead,
            samples_in: 0,
            samples_out: 0,
        })
    }

    /// Output samples that `samples` of the input make.
    pub(super) fn output_len(&self, samples: u64) -> u64 {
        let (rate, out) = (u128::from(self.rate), SAMPLE_RATE as u128);
        u64::try_from((u128::from(samples) * out * 2 + rate) / (2 * rate)).unwrap_or(u64::MAX)
    }

    /// Takes `samples`, appends what they make to `out`.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), String> {
        self.samples_in += samples.len() as u64;
        if self.sinc.is_none() {
            out.extend_from_slice(samples);
            return Ok(());
        }
        self.input.extend_from_slice(samples);
        let mut done = 0;
        while self.input.len() - done >= CHUNK {
            self.convert(done, CHUNK, u64::MAX, out)?;
            done += CHUNK;
        }
        self.input.drain(..done);
        Ok(())
    }

    /// Appends what is still inside.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), String> {
        if self.sinc.is_none() {
            return Ok(());
        }
        let total = self.output_len(self.samples_in);
        let mut rest = self.input.len();
        while self.samples_out < total {
            self.convert(0, rest, total, out)?;
            rest = 0;
        }
        Ok(())
    }

    /// Converts `len` samples of the input from `start` on, silence up to a chunk after them.
    fn convert(&mut self, start: usize, len: usize, total: u64, out: &mut Vec<f32>) -> Result<(), String> {
        let Some(sinc) = &mut self.sinc else { return Ok(()) };
        let input = &self.input[start..start + len];
        let input = InterleavedSlice::new(input, 1, len).map_err(|e| e.to_string())?;
        let room = self.block.len();
        let mut output = InterleavedSlice::new_mut(&mut self.block, 1, room).map_err(|e| e.to_string())?;
        let partial = Indexing::new().partial_len(len);
        let (_, made) = sinc
            .process_into_buffer(&input, &mut output, Some(&partial))
            .map_err(|e| e.to_string())?;
        let skipped = self.lead.min(made);
        self.lead -= skipped;
        let left = usize::try_from(total - self.samples_out).unwrap_or(usize::MAX);
        let made = &self.block[skipped..made];
        let made = &made[..made.len().min(left)];
        self.samples_out += made.len() as u64;
        out.extend_from_slice(made);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resample(rate: u32, input: &[f32], step: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = Vec::new();
        for chunk in input.chunks(step) {
            resampler.push(chunk, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    fn tone(rate: f64, hz: f64, len: usize) -> Vec<f32> {
        (0..len)
            .map(|i| (std::f64::consts::TAU * hz * i as f64 / rate).cos() as f32)
            .collect()
    }

    const RATES: [u32; 16] = [
        1000, 4000, 8000, 11025, 12000, 15999, 16000, 22050, 24000, 32000, 44056, 44100, 48000, 88200, 96000,
        192_000,
    ];

    #[test]
    fn a_tone_stays_where_it_is() {
        for rate in RATES {
            let len = rate as usize;
            let hz = f64::from(rate.min(16_000)) * 0.3;
            let out = resample(rate, &tone(f64::from(rate), hz, len), 777);
            assert_eq!(out.len(), 16_000, "{rate}");
            let expected = tone(16_000.0, hz, 16_000);
            // The ends ring: the sound begins and ends abruptly.
            let worst = out
                .iter()
                .zip(&expected)
                .skip(2000)
                .take(12_000)
                .map(|(a, b)| (a - b).abs());
            let worst = worst.fold(0.0, f32::max);
            assert!(worst < 2e-4, "{rate}: {worst}");
        }
    }

    #[test]
    fn what_16_khz_cannot_carry_is_removed() {
        for rate in [24_000, 44_100, 48_000, 96_000] {
            let out = resample(rate, &tone(f64::from(rate), 9500.0, rate as usize), 4096);
            let loudest = out[2000..14_000].iter().fold(0.0f32, |max, x| max.max(x.abs()));
            assert!(loudest < 1e-4, "{rate}: {loudest}");
        }
    }

    #[test]
    fn speech_up_to_6_khz_is_kept() {
        for rate in [24_000, 44_100, 48_000, 96_000] {
            let out = resample(rate, &tone(f64::from(rate), 6000.0, rate as usize), 4096);
            let expected = tone(16_000.0, 6000.0, 16_000);
            let worst = out
                .iter()
                .zip(&expected)
                .skip(2000)
                .take(12_000)
                .map(|(a, b)| (a - b).abs());
            let worst = worst.fold(0.0, f32::max);
            assert!(worst < 1e-3, "{rate}: {worst}");
        }
    }

    #[test]
    fn the_length_is_rounded_and_nothing_depends_on_the_pieces() {
        for rate in RATES {
            for len in [0, 1, 2, 3, 100, 4095, 4096, 4097, 20_000] {
                let input: Vec<f32> = (0..len).map(|i| ((i * i) as f32 * 0.001).sin()).collect();
                let whole = resample(rate, &input, usize::MAX);
                let expected = (len as f64 * 16_000.0 / f64::from(rate)).round() as usize;
                assert_eq!(whole.len(), expected, "{rate} {len}");
                assert_eq!(whole, resample(rate, &input, 100), "{rate} {len}");
            }
        }
    }

    #[test]
    fn hours_do_not_drift() {
        // Half an hour in, the phase is still that of the first sample.
        let mut resampler = Resampler::new(44_100).unwrap();
        let silence = vec![0.0; 44_100 * 10];
        let mut out = Vec::new();
        for _ in 0..200 {
            resampler.push(&silence, &mut out).unwrap();
            out.clear();
        }
        let before = resampler.samples_out as usize;
        let tone = tone(44_100.0, 3000.0, 44_100);
        resampler.push(&tone, &mut out).unwrap();
        resampler.finish(&mut out).unwrap();
        let start = 200 * 10 * 16_000 - before;
        for (i, x) in out[start..].iter().enumerate().skip(2000).take(10_000) {
            let expected = (std::f64::consts::TAU * 3000.0 * i as f64 / 16_000.0).cos() as f32;
            assert!((x - expected).abs() < 1e-4, "{i}: {x} {expected}");
        }
    }
}
