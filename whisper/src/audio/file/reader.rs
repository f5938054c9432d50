//! One pass over a file: packets, decoder, mixer, resampler.

use std::{
    any::Any,
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering,
};

use symphonia::core::{
    audio::Channels,
    codecs::audio::{AudioDecoder, well_known::CODEC_ID_AAC},
    errors::Error,
    packet::Packet,
};

use super::{
    AudioFile, aac, codec,
    demux::{Demux, Opening, SoundTrack},
    mix::Mixer,
    resample::Resampler,
};
use crate::audio::{AudioError, Fault, Samples};

/// Errors in a row after which the rest of a file is given up.
const GIVE_UP: u32 = 1000;
/// Packets of an AAC stream that all have to show SBR before it is taken for HE-AAC.
const SBR_PROOF: usize = 8;

/// Seconds that may be missing without a word: encoders' delays.
const TOLERANCE: f64 = 0.1;

/// What one step of decoding came to.
enum Step {
    More,
    End,
}

/// Why one step failed.
enum Failure {
    Io(io::Error),
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Opening> for Failure {
    fn from(opening: Opening) -> Self {
        match opening {
            Opening::Io(e) => Self::Io(e),
            Opening::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Reads an [`AudioFile`] once.
pub(super) struct Reader<'a> {
    file: &'a AudioFile,
    inner: Inner,
    ready: Vec<f32>,
    given: usize,
    ended: bool,
}

struct Inner {
    demux: Demux,
    track: SoundTrack,
    decoder: Box<dyn AudioDecoder>,
    /// Packets read ahead.
    ahead: VecDeque<Packet>,
    /// Rate and channels of what is being decoded, and what brings them to 16 kHz mono.
    stage: Option<Stage>,
    channel: super::Channel,
    planes: Vec<Vec<f32>>,
    mono: Vec<f32>,
    /// Samples still to be dropped at the start.
    skip: u64,
    /// Samples to be dropped at the end, and as many that were decoded last.
    tail: usize,
    held: Vec<f32>,
    packets: u64,
    damaged: u64,
    in_a_row: u32,
    reason: Option<String>,
    cut: bool,
    /// Seconds of sound that were decoded.
    decoded: f64,
    /// Seconds of sound that should have come and did not.
    lost: f64,
}

struct Stage {
    rate: u32,
    channels: Channels,
    mixer: Mixer,
    resampler: Resampler,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a AudioFile) -> Result<Self, AudioError> {
        let inner = contained(|| Inner::new(file)).map_err(|failure| named(file, failure))?;
        Ok(Self {
            file,
            inner,
            ready: Vec::new(),
            given: 0,
            ended: false,
        })
    }

    /// Samples to come, as the container has it.
    pub(super) fn samples_hint(&self) -> Option<u64> {
        let rate = u128::from(self.inner.track.parameters.sample_rate?);
        let frames = u128::from(self.inner.track.frames?);
        u64::try_from(frames * crate::audio::SAMPLE_RATE as u128 / rate).ok()
    }

    fn warn(&self) {
        let Inner {
            packets,
            damaged,
            cut,
            reason,
            lost,
            decoded,
            ..
        } = &self.inner;
        if *damaged == 0 && !cut && *lost == 0.0 || self.file.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let path = self.file.path.display();
        if let (1.., Some(reason)) = (damaged, reason) {
            log::warn!(
                "{path}: {damaged} of {packets} packets are damaged and were skipped (the first: {reason})"
            );
        }
        if *cut {
            log::warn!("{path}: what follows cannot be read; the sound ends there");
        }
        if *lost > 0.0 {
            log::warn!(
                "{path}: {lost:.2} s of its {:.2} s are damaged and were lost",
                lost + decoded
            );
        }
    }
}

impl Samples for Reader<'_> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, AudioError> {
        while self.given == self.ready.len() && !self.ended {
            self.ready.clear();
            self.given = 0;
            match contained(|| self.inner.step(&mut self.ready)) {
                Ok(Step::More) => {}
                Ok(Step::End) => {
                    self.ended = true;
                    self.warn();
                }
                Err(failure) => {
                    self.ended = true;
                    return Err(named(self.file, failure));
                }
            }
            self.ready.iter_mut().for_each(|x| *x = to_16_bits(*x));
        }
        let n = out.len().min(self.ready.len() - self.given);
        out[..n].copy_from_slice(&self.ready[self.given..][..n]);
        self.given += n;
        Ok(n)
    }
}

/// Rounds to 16 bits, clipped.
fn to_16_bits(x: f32) -> f32 {
    (x * 32768.0).round_ties_even().clamp(-32768.0, 32767.0) / 32768.0
}

/// Runs foreign decoders on a stranger's bytes; a panic in them becomes an error.
fn contained<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // What `work` touches is not used again after a panic: the reader has ended, or was never made.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Fault::Crash(message(&*panic)).into()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

fn named(file: &AudioFile, failure: Failure) -> AudioError {
    let path = file.path.clone();
    match failure {
        Failure::Io(source) => AudioError::Io { path, source },
        Failure::Fault(fault) => AudioError::File { path, fault },
    }
}

impl Inner {
    fn new(file: &AudioFile) -> Result<Self, Failure> {
        let demux = Demux::open(&file.source, file.raw.as_ref())?;
        let track = demux.track()?;
        let decoder = codec::decoder(&track.parameters)?;
        let mut inner = Self {
            demux,
            track,
            decoder,
            ahead: VecDeque::new(),
            stage: None,
            channel: file.channel,
            planes: Vec::new(),
            mono: Vec::new(),
            skip: 0,
            tail: 0,
            held: Vec::new(),
            packets: 0,
            damaged: 0,
            in_a_row: 0,
            reason: None,
            cut: false,
            decoded: 0.0,
            lost: 0.0,
        };
        inner.check_sbr()?;
        if let Some(rate) = inner.decoder.codec_params().sample_rate {
            let (skip, tail) = inner
                .demux
                .padding(&file.source, inner.track.id, rate)
                .map_err(Failure::Io)?;
            // Less than a second, as the rates are below a million.
            (inner.skip, inner.tail) = (skip, tail as usize);
        }
        Ok(inner)
    }

    /// Reads a few packets ahead of an AAC stream to see whether it is HE-AAC in disguise.
    fn check_sbr(&mut self) -> Result<(), Failure> {
        if self.track.parameters.codec != CODEC_ID_AAC {
            return Ok(());
        }
        while self.ahead.len() < SBR_PROOF {
            // Errors and the end are met again, and handled, when decoding comes there.
            let Ok(Some(packet)) = self.demux.next_packet() else {
                return Ok(());
            };
            if packet.track_id == self.track.id {
                self.ahead.push_back(packet);
            }
        }
        if self.ahead.iter().all(|packet| aac::ends_with_sbr(&packet.data)) {
            return Err(aac::sbr_fault().into());
        }
        Ok(())
    }

    /// Decodes one packet; what it gives is appended to `out`.
    fn step(&mut self, out: &mut Vec<f32>) -> Result<Step, Failure> {
        let next = match self.ahead.pop_front() {
            Some(packet) => Ok(Some(packet)),
            None => self.demux.next_packet(),
        };
        match next {
            Ok(Some(packet)) if packet.track_id != self.track.id => Ok(Step::More),
            Ok(Some(packet)) => {
                self.packets += 1;
                self.decode(&packet, out)
            }
            Ok(None) => self.finish(out),
            Err(Error::IoError(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                self.cut = true;
                self.finish(out)
            }
            Err(Error::IoError(e)) => Err(Failure::Io(e)),
            Err(Error::ResetRequired) => {
                // Another stream follows in the same file (chained OGG).
                self.track = self.demux.track()?;
                self.decoder = codec::decoder(&self.track.parameters)?;
                Ok(Step::More)
            }
            Err(e) => {
                // Between packets, the container tries again at every call: that is one piece of damage.
                self.packets += u64::from(self.in_a_row == 0);
                self.damaged += u64::from(self.in_a_row == 0);
                self.skip(&e, out)
            }
        }
    }

    fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<Step, Failure> {
        let decoded = match self.decoder.decode(packet) {
            Ok(decoded) => decoded,
            Err(e) => {
                self.damaged += 1;
                return self.skip(&e, out);
            }
        };
        self.in_a_row = 0;
        let spec = decoded.spec();
        let same = |stage: &Stage| stage.rate == spec.rate() && stage.channels == *spec.channels();
        if !self.stage.as_ref().is_some_and(same) {
            codec::check_rate(spec.rate())?;
            codec::check_channels(spec.channels().count())?;
            let stage = Stage {
                rate: spec.rate(),
                channels: spec.channels().clone(),
                mixer: Mixer::new(spec.channels(), self.channel),
                resampler: Resampler::new(spec.rate()).map_err(Fault::Crash)?,
            };
            if let Some(mut old) = self.stage.replace(stage) {
                old.resampler.push(&self.held, out).map_err(Fault::Crash)?;
                self.held.clear();
                old.resampler.finish(out).map_err(Fault::Crash)?;
            }
        }
        decoded.copy_to_vecs_planar::<f32>(&mut self.planes);
        let Some(stage) = &mut self.stage else {
            return Ok(Step::More);
        };
        stage.mixer.mix(&self.planes, &mut self.mono);
        self.decoded += self.mono.len() as f64 / f64::from(stage.rate);
        let skipped = self
            .mono
            .len()
            .min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= skipped as u64;
        self.held.extend_from_slice(&self.mono[skipped..]);
        let sure = self.held.len().saturating_sub(self.tail);
        stage
            .resampler
            .push(&self.held[..sure], out)
            .map_err(Fault::Crash)?;
        self.held.drain(..sure);
        Ok(Step::More)
    }

    /// Counts a packet that cannot be decoded.
    fn skip(&mut self, error: &Error, out: &mut Vec<f32>) -> Result<Step, Failure> {
        self.in_a_row += 1;
        self.reason.get_or_insert_with(|| error.to_string());
        if self.in_a_row >= GIVE_UP {
            self.finish(out)
        } else {
            Ok(Step::More)
        }
    }

    fn finish(&mut self, out: &mut Vec<f32>) -> Result<Step, Failure> {
        self.lost = self.lost();
        let nothing = self.lost > 0.0 && self.decoded == 0.0;
        if nothing || self.damaged > 0 && self.damaged == self.packets {
            let reason = self.reason.clone();
            let reason = reason.unwrap_or_else(|| "damaged throughout".to_owned());
            return Err(Fault::Undecodable {
                packets: self.packets,
                reason,
            }
            .into());
        }
        if let Some(mut stage) = self.stage.take() {
            stage.resampler.finish(out).map_err(Fault::Crash)?;
        }
        Ok(Step::End)
    }

    /// Seconds that are missing from what the container promised, where its promises are exact and it skips damage
    /// without a word.
    fn lost(&self) -> f64 {
        let (Some(frames), Some(rate)) = (self.track.frames, self.track.parameters.sample_rate) else {
            return 0.0;
        };
        let missing = frames as f64 / f64::from(rate) - self.decoded;
        if self.demux.counts_exactly() && missing > TOLERANCE {
            missing
        } else {
            0.0
        }
    }
}
