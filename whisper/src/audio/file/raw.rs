//! Samples without a header.

use std::{io::Read, str::FromStr};

use symphonia::core::{
    audio::Channels,
    codecs::audio::{AudioCodecId, AudioCodecParameters, well_known::*},
    errors::Result,
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::source::Cursor;

/// What samples without a header are: `FORMAT[:RATE[:CHANNELS]]`, for example `s16le:16000:1`.
///
/// The formats are those of [`RawSpec::FORMATS`], channels are interleaved. Without a rate it is 16000 Hz, without a
/// channel count 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSpec {
    format: usize,
    rate: u32,
    channels: u16,
}

/// Why a [`RawSpec`] cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RawSpecError {
    /// No such sample format.
    #[error("`{0}` is no sample format; there are {list}", list = RawSpec::FORMATS.join(", "))]
    Format(String),
    /// No rate that is taken.
    #[error("`{0}` is no sample rate from {least} to {most} Hz", least = super::codec::RATES.0, most = super::codec::RATES.1)]
    Rate(String),
    /// No channel count that is taken.
    #[error("`{0}` is no channel count from 1 to {most}", most = super::codec::CHANNELS)]
    Channels(String),
    /// Something after the channel count.
    #[error("`{0}` has more than FORMAT:RATE:CHANNELS, for example s16le:16000:1")]
    Rest(String),
}

/// Name, codec and bytes of a sample.
const FORMATS: [(AudioCodecId, usize); 17] = [
    (CODEC_ID_PCM_U8, 1),
    (CODEC_ID_PCM_S8, 1),
    (CODEC_ID_PCM_S16LE, 2),
    (CODEC_ID_PCM_S16BE, 2),
    (CODEC_ID_PCM_U16LE, 2),
    (CODEC_ID_PCM_U16BE, 2),
    (CODEC_ID_PCM_S24LE, 3),
    (CODEC_ID_PCM_S24BE, 3),
    (CODEC_ID_PCM_S32LE, 4),
    (CODEC_ID_PCM_S32BE, 4),
    (CODEC_ID_PCM_F32LE, 4),
    (CODEC_ID_PCM_F32BE, 4),
    (CODEC_ID_PCM_F64LE, 8),
    (CODEC_ID_PCM_F64BE, 8),
    (CODEC_ID_PCM_MULAW, 1),
    (CODEC_ID_PCM_ALAW, 1),
    (CODEC_ID_PCM_U32LE, 4),
];

impl RawSpec {
    /// The sample formats, under ffmpeg's names.
    pub const FORMATS: [&str; 17] = [
        "u8", "s8", "s16le", "s16be", "u16le", "u16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be",
        "f64le", "f64be", "mulaw", "alaw", "u32le",
    ];

    fn frame_bytes(&self) -> usize {
        FORMATS[self.format].1 * usize::from(self.channels)
    }

    /// Samples of one channel in `bytes`.
    pub(super) fn frames(&self, bytes: u64) -> u64 {
        bytes / self.frame_bytes() as u64
    }

    /// What a decoder needs to know.
    pub(super) fn parameters(&self) -> AudioCodecParameters {
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(FORMATS[self.format].0)
            .with_sample_rate(self.rate)
            .with_channels(Channels::Discrete(self.channels))
            .with_max_frames_per_packet(FRAMES as u64);
        parameters
    }
}

impl FromStr for RawSpec {
    type Err = RawSpecError;

    fn from_str(text: &str) -> std::result::Result<Self, RawSpecError> {
        let mut parts = text.split(':');
        let format = parts.next().unwrap_or_default();
        let index = Self::FORMATS.iter().position(|f| f.eq_ignore_ascii_case(format));
        let index = index.ok_or_else(|| RawSpecError::Format(format.to_owned()))?;
        let (least, most) = super::codec::RATES;
        let rate = parts.next().unwrap_or("16000");
        let hz = rate.parse().ok().filter(|hz| (least..=most).contains(hz));
        let hz = hz.ok_or_else(|| RawSpecError::Rate(rate.to_owned()))?;
        let channels = parts.next().unwrap_or("1");
        let count = channels
            .parse()
            .ok()
            .filter(|n| (1..=super::codec::CHANNELS).contains(n));
        let count = count.ok_or_else(|| RawSpecError::Channels(channels.to_owned()))?;
        if parts.next().is_some() {
            return Err(RawSpecError::Rest(text.to_owned()));
        }
        Ok(Self {
            format: index,
            rate: hz,
            channels: count,
        })
    }
}

/// Frames of a packet.
const FRAMES: usize = 4096;

/// Cuts samples into packets.
pub(super) struct RawReader {
    cursor: Cursor,
    frame_bytes: usize,
    frames: u64,
}

impl RawReader {
    pub(super) fn new(cursor: Cursor, spec: &RawSpec) -> Self {
        Self {
            cursor,
            frame_bytes: spec.frame_bytes(),
            frames: 0,
        }
    }

    /// The next packet; what is left of an incomplete frame at the end is dropped.
    pub(super) fn next_packet(&mut self) -> Result<Option<Packet>> {
        let most = (FRAMES * self.frame_bytes) as u64;
        let mut data = Vec::new();
        self.cursor.by_ref().take(most).read_to_end(&mut data)?;
        let frames = (data.len() / self.frame_bytes) as u64;
        data.truncate(frames as usize * self.frame_bytes);
        if frames == 0 {
            return Ok(None);
        }
        let at = Timestamp::new(self.frames as i64);
        self.frames += frames;
        Ok(Some(Packet::new(0, at, Duration::new(frames), data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let spec = |text: &str| text.parse::<RawSpec>();
        assert_eq!(spec("s16le"), spec("s16le:16000:1"));
        assert_eq!(spec("S24BE:48000"), spec("s24be:48000:1"));
        assert_eq!(spec("f32le:44100:2").unwrap().frame_bytes(), 8);
        assert_eq!(spec("mulaw:8000:1").unwrap().frames(12), 12);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<RawSpec>().unwrap_err().to_string();
        assert_eq!(
            error("s12le").split(';').next(),
            Some("`s12le` is no sample format")
        );
        assert_eq!(error("s16le:x:1"), "`x` is no sample rate from 1000 to 768000 Hz");
        assert_eq!(error("s16le:0:1"), "`0` is no sample rate from 1000 to 768000 Hz");
        assert_eq!(error("s16le:16000:0"), "`0` is no channel count from 1 to 64");
        assert!(error("s16le:16000:1:le").contains("FORMAT:RATE:CHANNELS"));
        assert!(error("").contains("s16le"));
    }
}
