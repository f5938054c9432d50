//! Decoders: which there are, what the others are called, and how large a sound's numbers may be.

use std::sync::OnceLock;

use symphonia::core::codecs::{
    audio::{
        AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions, CODEC_ID_NULL_AUDIO,
        well_known::*,
    },
    registry::CodecRegistry,
};

use super::{aac, opus::OpusDecoder};
use crate::audio::Fault;

/// Sample rates that are taken, in Hz; what is outside is a damaged header.
pub(super) const RATES: (u32, u32) = (1000, 768_000);
/// Most channels that are taken.
pub(super) const CHANNELS: u16 = 64;
/// Most samples of a channel a packet may claim to have: decoders reserve memory by it.
const PACKET_FRAMES: u64 = 1 << 18;

fn registry() -> &'static CodecRegistry {
    static REGISTRY: OnceLock<CodecRegistry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut registry = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut registry);
        registry.register_audio_decoder::<OpusDecoder>();
        registry
    })
}

/// Whether a decoder for `codec` exists.
pub(super) fn is_known(codec: AudioCodecId) -> bool {
    registry().get_audio_decoder(codec).is_some()
}

/// The decoder for a track.
pub(super) fn decoder(parameters: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Fault> {
    if !is_known(parameters.codec) {
        return Err(Fault::Codec(name(parameters.codec)));
    }
    if let Some(rate) = parameters.sample_rate {
        check_rate(rate)?;
    }
    if let Some(channels) = &parameters.channels {
        check_channels(channels.count())?;
    }
    range(
        "packet length",
        parameters.max_frames_per_packet.unwrap_or(0),
        0,
        PACKET_FRAMES,
    )?;
    if parameters.codec == CODEC_ID_AAC
        && let Some(config) = &parameters.extra_data
    {
        aac::check_config(config)?;
    }
    registry()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| Fault::Codec(format!("this kind of {} ({e})", name(parameters.codec))))
}

/// Refuses rates no sound has.
pub(super) fn check_rate(rate: u32) -> Result<(), Fault> {
    range("sample rate", rate.into(), RATES.0.into(), RATES.1.into())
}

/// Refuses channel counts no sound has.
pub(super) fn check_channels(count: usize) -> Result<(), Fault> {
    range("channel count", count as u64, 1, CHANNELS.into())
}

fn range(what: &'static str, found: u64, least: u64, most: u64) -> Result<(), Fault> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(Fault::Range {
        what,
        found,
        least,
        most,
    })
}

/// What people call a codec.
pub(super) fn name(codec: AudioCodecId) -> String {
    let name = match codec {
        CODEC_ID_AC3 => "AC-3 (Dolby Digital)",
        CODEC_ID_EAC3 => "E-AC-3 (Dolby Digital Plus)",
        CODEC_ID_AC4 => "Dolby AC-4",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_TRUEHD => "Dolby TrueHD",
        CODEC_ID_MP1 => "MPEG audio layer 1",
        CODEC_ID_MP2 => "MPEG audio layer 2",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_MUSEPACK => "Musepack",
        CODEC_ID_WMA => "Windows Media Audio",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        CODEC_ID_TTA => "True Audio (TTA)",
        CODEC_ID_ATRAC1 | CODEC_ID_ATRAC3 | CODEC_ID_ATRAC3PLUS | CODEC_ID_ATRAC9 => "ATRAC",
        CODEC_ID_RA10 | CODEC_ID_RA20 | CODEC_ID_SIPR | CODEC_ID_COOK | CODEC_ID_RALF => "RealAudio",
        CODEC_ID_ADPCM_MS => "Microsoft ADPCM",
        CODEC_ID_ADPCM_IMA_WAV | CODEC_ID_ADPCM_IMA_QT => "IMA ADPCM",
        CODEC_ID_NULL_AUDIO => "an unknown codec",
        _ => {
            let known = registry().get_audio_decoder(codec);
            return known.map_or_else(|| format!("codec {codec}"), |c| c.codec.info.long_name.to_owned());
        }
    };
    name.to_owned()
}
