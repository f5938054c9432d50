//! Opus as a symphonia decoder, at 16 kHz.

use opus_pure::{OpusDecoder as Plain, OpusMSDecoder, packet};
use symphonia::core::{
    audio::{
        AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, ChannelLabel, Channels,
        GenericAudioBufferRef, Position,
    },
    codecs::{
        CodecInfo,
        audio::{
            AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
            well_known::CODEC_ID_OPUS,
        },
        registry::{RegisterableAudioDecoder, SupportedAudioCodec},
    },
    errors::{Error, Result, decode_error, unsupported_error},
    packet::PacketRef,
};

use crate::audio::SAMPLE_RATE;

/// Samples at 48 kHz, in which Opus counts, to one of ours.
const RATIO: u64 = 48_000 / SAMPLE_RATE as u64;
/// Longest packet: 120 ms.
const LONGEST: usize = packet::MAX_PACKET_SAMPLES / RATIO as usize;

static CODECS: [SupportedAudioCodec; 1] = [SupportedAudioCodec {
    id: CODEC_ID_OPUS,
    info: CodecInfo {
        short_name: "opus",
        long_name: "Opus",
        profiles: &[],
    },
}];

/// What the identification header says (RFC 7845, section 5.1).
struct Head {
    channels: usize,
    /// Samples of the encoder's delay, at 48 kHz.
    pre_skip: u16,
    /// Q7.8 dB.
    gain: i16,
    family: u8,
    /// Streams, coupled ones among them, and the channel mapping.
    mapping: Vec<u8>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; 11] = bytes.strip_prefix(b"OpusHead")?.first_chunk()?;
        // MP4 stores the same fields big-endian, as version 0 (its `dOps` box).
        let word = if head[0] == 0 {
            u16::from_be_bytes
        } else {
            u16::from_le_bytes
        };
        Some(Self {
            channels: head[1].into(),
            pre_skip: word([head[2], head[3]]),
            gain: word([head[8], head[9]]).cast_signed(),
            family: head[10],
            mapping: bytes[19..].to_vec(),
        })
    }
}

enum Streams {
    One(Box<Plain>),
    Many(OpusMSDecoder),
}

/// An Opus decoder for one track.
pub(super) struct OpusDecoder {
    parameters: AudioCodecParameters,
    streams: Streams,
    head: Head,
    /// Samples of the encoder's delay still to be dropped.
    skip: usize,
    block: Vec<f32>,
    output: AudioBuffer<f32>,
}

impl OpusDecoder {
    fn new(parameters: &AudioCodecParameters) -> Result<Self> {
        let head = parameters.extra_data.as_deref().and_then(Head::parse);
        let Some(head) = head else {
            return decode_error("opus: no identification header");
        };
        let rate = SAMPLE_RATE as i32;
        let failed = |_| Error::Unsupported("opus: channel layout");
        let (mut streams, channels) = match (head.family, head.channels) {
            (0, n @ 1..=2) => (
                Streams::One(Box::new(Plain::new(rate, n).map_err(failed)?)),
                layout(n),
            ),
            (1, n @ 1..=8) => {
                let decoder = OpusMSDecoder::new(rate, n, 1).map_err(failed)?;
                let usual = decoder.layout();
                let counts = [usual.nb_streams as u8, usual.nb_coupled_streams as u8];
                if head.mapping != [&counts[..], &usual.mapping[..]].concat() {
                    return unsupported_error("opus: unusual channel mapping");
                }
                (Streams::Many(decoder), layout(n))
            }
            _ => return unsupported_error("opus: channel mapping family"),
        };
        match &mut streams {
            Streams::One(decoder) => decoder.gain_q8 = head.gain.into(),
            Streams::Many(decoder) => {
                decoder
                    .streams_mut()
                    .iter_mut()
                    .for_each(|d| d.gain_q8 = head.gain.into());
            }
        }
        let output = AudioBuffer::new(AudioSpec::new(SAMPLE_RATE as u32, channels.clone()), LONGEST);
        let mut parameters = parameters.clone();
        parameters
            .with_sample_rate(SAMPLE_RATE as u32)
            .with_channels(channels);
        let block = vec![0.0; LONGEST * head.channels];
        let skip = scaled(head.pre_skip.into());
        Ok(Self {
            parameters,
            streams,
            head,
            skip,
            block,
            output,
        })
    }

    fn decode_packet(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        self.output.clear();
        // Nothing in it means a packet was lost; there is no sign of how long it was.
        if packet.data.is_empty() {
            return decode_error("opus: empty packet");
        }
        let decoded = match &mut self.streams {
            Streams::One(decoder) => decoder.decode(packet.data, LONGEST, &mut self.block),
            Streams::Many(decoder) => decoder.decode(packet.data, LONGEST, &mut self.block),
        };
        let Ok(frames) = decoded else {
            return decode_error("opus: damaged packet");
        };
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        let end = frames - scaled(packet.trim_end.get()).min(frames - skipped);
        let channels = self.head.channels;
        self.output.render_uninit(Some(end - skipped));
        for (channel, plane) in self.output.iter_planes_mut().enumerate() {
            let samples = self.block[skipped * channels..]
                .iter()
                .skip(channel)
                .step_by(channels);
            plane.iter_mut().zip(samples).for_each(|(out, x)| *out = *x);
        }
        Ok(())
    }
}

/// A count at 48 kHz at our rate.
fn scaled(count: u64) -> usize {
    ((count + RATIO / 2) / RATIO) as usize
}

/// Channels in the order of Vorbis, which Opus shares (RFC 7845, section 5.1.1.2).
fn layout(count: usize) -> Channels {
    const L: Position = Position::FRONT_LEFT;
    const C: Position = Position::FRONT_CENTER;
    const R: Position = Position::FRONT_RIGHT;
    const SL: Position = Position::SIDE_LEFT;
    const SR: Position = Position::SIDE_RIGHT;
    const BL: Position = Position::REAR_LEFT;
    const BR: Position = Position::REAR_RIGHT;
    const B: Position = Position::REAR_CENTER;
    const E: Position = Position::LFE1;
    let positions: &[Position] = match count {
        1 => &[C],
        2 => &[L, R],
        3 => &[L, C, R],
        4 => &[L, R, BL, BR],
        5 => &[L, C, R, BL, BR],
        6 => &[L, C, R, BL, BR, E],
        7 => &[L, C, R, SL, SR, B, E],
        _ => &[L, C, R, SL, SR, BL, BR, E],
    };
    Channels::Custom(positions.iter().map(|p| ChannelLabel::Positioned(*p)).collect())
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        let _nothing_to_refuse = match &mut self.streams {
            Streams::One(decoder) => decoder.reset_state(),
            Streams::Many(decoder) => decoder.streams_mut().iter_mut().try_for_each(Plain::reset_state),
        };
    }

    fn codec_info(&self) -> &CodecInfo {
        &CODECS[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.decode_packet(packet)?;
        Ok(self.output.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.output.as_generic_audio_buffer_ref()
    }
}

impl RegisterableAudioDecoder for OpusDecoder {
    fn try_registry_new(
        parameters: &AudioCodecParameters,
        _: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::new(parameters)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        &CODECS
    }
}
