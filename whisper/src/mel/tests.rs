use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::audio::{Pcm, Samples};

const N: usize = 8;

fn window(samples: &[f32], start: usize, len: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; len * N];
    LogMel::new(&Pcm(samples), N, &|| false)
        .unwrap()
        .window(start, len, &mut out)
        .unwrap();
    out
}

/// Something like speech: louder and softer, never periodic.
fn noise(len: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = move |i: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state as f32 / u32::MAX as f32 - 0.5) * (i as f32 / 3000.0).sin()
    };
    (0..len).map(&mut next).collect()
}

#[test]
fn nothing_is_silence() {
    let pcm = Pcm([]);
    let mut mel = LogMel::new(&pcm, N, &|| false).unwrap();
    assert_eq!((mel.content_frames(), mel.samples()), (0, 0));
    let mut out = [0.0; 4 * N];
    mel.window(0, 3, &mut out).unwrap();
    assert_eq!(out[..3 * N], [-1.5; 3 * N]);
    assert_eq!(out[3 * N..], [0.0; N]);
}

#[test]
fn one_sample_is_heard() {
    let out = window(&[0.5], 0, 4);
    assert!(out[..2 * N].iter().any(|&x| x > 0.0));
    let quietest = out.iter().copied().fold(f32::INFINITY, f32::min);
    assert!(out[2 * N..].iter().all(|&x| x == quietest), "{out:?}");
}

#[test]
fn samples_that_are_no_numbers_are_silence() {
    let mut samples = noise(4000);
    samples[1000..2000].fill(0.0);
    let silent = window(&samples, 0, 25);
    samples[1000..2000].fill(f32::NAN);
    assert_eq!(window(&samples, 0, 25), silent);
}

#[test]
fn infinite_samples_stay_finite() {
    let mut samples = noise(4000);
    samples[1000] = f32::INFINITY;
    samples[1001] = f32::NEG_INFINITY;
    samples[1002] = f32::MAX;
    assert!(window(&samples, 0, 25).iter().all(|x| x.is_finite()));
}

#[test]
fn any_window_is_a_piece_of_the_whole() {
    let samples = noise(100_000);
    let pcm = Pcm(&samples[..]);
    let whole = window(&samples, 0, 700);
    let mut mel = LogMel::new(&pcm, N, &|| false).unwrap();
    for (start, len) in [
        (0, 10),
        (3, 10),
        (3, 10),
        (200, 100),
        (250, 350),
        (640, 1),
        (0, 700),
        (699, 1),
        (100, 0),
    ] {
        let mut out = vec![f32::NAN; len * N + 5];
        mel.window(start, len, &mut out).unwrap();
        assert_eq!(
            out[..len * N],
            whole[start * N..(start + len) * N],
            "{len} frames from {start}"
        );
        assert_eq!(out[len * N..], [0.0; 5]);
    }
}

/// A source that hands out samples a few at a time and counts how often it is opened.
struct Trickle {
    len: usize,
    shorter_each_time: usize,
    opened: AtomicUsize,
}

struct Drops(usize, u64);

impl Audio for Trickle {
    fn open(&self) -> Result<Box<dyn Samples + '_>, AudioError> {
        let opened = self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Drops(self.len - opened * self.shorter_each_time, 0)))
    }
}

impl Samples for Drops {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, AudioError> {
        let n = out.len().min(self.0).min(1 + self.1 as usize % 1000);
        for x in &mut out[..n] {
            self.1 += 1;
            *x = (self.1 as f32 * 0.1).sin();
        }
        self.0 -= n;
        Ok(n)
    }
}

#[test]
fn the_sound_is_read_again_only_to_go_back() {
    let source = Trickle {
        len: 500_000,
        shorter_each_time: 0,
        opened: AtomicUsize::new(0),
    };
    let mut mel = LogMel::new(&source, N, &|| false).unwrap();
    assert_eq!((mel.samples(), mel.content_frames()), (500_000, 3125));
    let mut out = vec![0.0; WINDOW_FRAMES * N];
    for start in [0, 500, 500, 2999, 3125] {
        mel.window(start, 1000, &mut out).unwrap();
    }
    assert_eq!(source.opened.load(Ordering::Relaxed), 2);
    mel.window(3124, 1, &mut out).unwrap();
    assert_eq!(source.opened.load(Ordering::Relaxed), 3);
    assert!(mel.pass.unwrap().kept.len() <= N);
}

#[test]
fn a_sound_that_shrinks_is_an_error() {
    let source = Trickle {
        len: 500_000,
        shorter_each_time: 1,
        opened: AtomicUsize::new(0),
    };
    let mut mel = LogMel::new(&source, N, &|| false).unwrap();
    let error = mel.window(3000, 1000, &mut vec![0.0; 1000 * N]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Audio(AudioError::Changed {
                expected: 500_000,
                found: 499_999
            })
        ),
        "{error}"
    );
}

#[test]
fn both_passes_can_be_stopped() {
    let source = Trickle {
        len: 500_000,
        shorter_each_time: 0,
        opened: AtomicUsize::new(0),
    };
    assert!(matches!(LogMel::new(&source, N, &|| true), Err(Error::Cancelled)));
    let stop = std::cell::Cell::new(false);
    let cancelled = || stop.get();
    let mut mel = LogMel::new(&source, N, &cancelled).unwrap();
    stop.set(true);
    assert!(matches!(
        mel.window(3000, 1, &mut [0.0; N]),
        Err(Error::Cancelled)
    ));
}

#[test]
fn memory_stays_that_of_a_window() {
    // Twenty minutes; what is kept at any time is the window asked for and one chunk of samples.
    let source = Trickle {
        len: 20 * 60 * 16_000,
        shorter_each_time: 0,
        opened: AtomicUsize::new(0),
    };
    let mut mel = LogMel::new(&source, N, &|| false).unwrap();
    let mut out = vec![0.0; WINDOW_FRAMES * N];
    for start in (0..mel.content_frames()).step_by(WINDOW_FRAMES) {
        mel.window(start, WINDOW_FRAMES, &mut out).unwrap();
        let pass = mel.pass.as_ref().unwrap();
        assert!(
            pass.kept.capacity() <= 2 * WINDOW_FRAMES * N,
            "{}",
            pass.kept.capacity()
        );
        assert!(pass.frames.capacity() <= 1 << 16, "{}", pass.frames.capacity());
    }
}
