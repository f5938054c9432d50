//! Containers: packets of the sound track out of bytes.

use std::{
    io::{self, Read},
    sync::OnceLock,
};

use symphonia::core::{
    codecs::{CodecParameters, audio::AudioCodecParameters},
    common::Limit,
    errors::{Error, Result},
    formats::{
        FormatOptions, FormatReader, Track, TrackFlags,
        probe::{Hint, Probe, ProbeOptions},
        well_known::{FORMAT_ID_ADTS, FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_OGG},
    },
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    packet::Packet,
};

use super::{
    aac, codec, mkv, mp4,
    raw::RawReader,
    raw::RawSpec,
    source::{Cursor, Source},
};
use crate::audio::Fault;

/// Bytes in front of a sound that may be something else: tags of an unknown kind, the end of another file.
const JUNK: u32 = 1 << 16;
/// Largest picture and text kept of what a file says about itself: none of it is used.
const METADATA: usize = 1 << 12;

fn probe() -> &'static Probe {
    static PROBE: OnceLock<Probe> = OnceLock::new();
    PROBE.get_or_init(|| {
        let options = ProbeOptions {
            max_probe_depth: JUNK,
            ..ProbeOptions::default()
        };
        let mut probe = Probe::new_with_options(&options);
        symphonia::default::register_enabled_formats(&mut probe);
        probe
    })
}

fn probed(bytes: Cursor) -> Result<Box<dyn FormatReader>> {
    let stream = MediaSourceStream::new(Box::new(bytes), MediaSourceStreamOptions::default());
    let limits = MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(METADATA))
        .limit_visual_bytes(Limit::Maximum(METADATA));
    probe().probe(&Hint::new(), stream, FormatOptions::default(), limits)
}

/// The sound track of a container.
pub(super) struct SoundTrack {
    pub(super) id: u32,
    pub(super) parameters: AudioCodecParameters,
    /// Samples of a channel, where the container says.
    pub(super) frames: Option<u64>,
}

/// Where packets come from.
pub(super) enum Demux {
    Container(Box<dyn FormatReader>),
    Raw(RawReader, RawSpec, u64),
}

impl Demux {
    /// Finds out what `source` is.
    pub(super) fn open(source: &Source, raw: Option<&RawSpec>) -> std::result::Result<Self, Opening> {
        if let Some(spec) = raw {
            return Ok(Self::Raw(
                RawReader::new(source.cursor(), spec),
                spec.clone(),
                source.len(),
            ));
        }
        if source.len() == 0 {
            return Err(Fault::Empty.into());
        }
        match probed(source.cursor()) {
            Ok(reader) => {
                if reader.format_info().format == FORMAT_ID_ADTS {
                    let mut head = Vec::new();
                    source.cursor().take(4 * u64::from(JUNK)).read_to_end(&mut head)?;
                    aac::check_adts(&head)?;
                }
                Ok(Self::Container(reader))
            }
            Err(Error::IoError(e)) if e.kind() != io::ErrorKind::UnexpectedEof => Err(Opening::Io(e)),
            Err(e) => {
                let fault = refusal(source, &e)?;
                // What claims to be longer than it is, and is refused for that, can be read from front to end.
                if let (Fault::Container(_), Ok(reader)) = (&fault, probed(source.stream())) {
                    return Ok(Self::Container(reader));
                }
                Err(fault.into())
            }
        }
    }

    /// The track that is heard: the container's default where it can be decoded, else the first that can.
    pub(super) fn track(&self) -> std::result::Result<SoundTrack, Fault> {
        let reader = match self {
            Self::Raw(_, spec, bytes) => {
                let frames = Some(spec.frames(*bytes));
                return Ok(SoundTrack {
                    id: 0,
                    parameters: spec.parameters(),
                    frames,
                });
            }
            Self::Container(reader) => reader,
        };
        let sounds = || {
            reader
                .tracks()
                .iter()
                .filter_map(|track| match &track.codec_params {
                    Some(CodecParameters::Audio(parameters)) => Some((track, parameters)),
                    _ => None,
                })
        };
        let known = || sounds().filter(|(_, parameters)| codec::is_known(parameters.codec));
        let default = |(track, _): &(&Track, _)| track.flags.contains(TrackFlags::DEFAULT);
        let chosen = known()
            .find(default)
            .or_else(|| known().next())
            .or_else(|| sounds().next());
        let container = reader.format_info().long_name;
        let (track, parameters) = chosen.ok_or_else(|| Fault::NoAudio(container.to_owned()))?;
        Ok(SoundTrack {
            id: track.id,
            parameters: parameters.clone(),
            frames: track.num_frames,
        })
    }

    /// Samples at `rate` that belong to the codec alone, before and behind those of `track`, beside what packets say.
    pub(super) fn padding(&self, source: &Source, track: u32, rate: u32) -> io::Result<(u64, u64)> {
        match self {
            Self::Container(reader) => match reader.format_info().format {
                FORMAT_ID_ISOMP4 => Ok((mp4::start(source, track, rate)?, 0)),
                FORMAT_ID_MKV => Ok((0, mkv::end(source, rate)?)),
                _ => Ok((0, 0)),
            },
            Self::Raw(..) => Ok((0, 0)),
        }
    }

    /// Whether the container's count of samples is exact, and damaged parts are passed over without an error.
    pub(super) fn counts_exactly(&self) -> bool {
        match self {
            Self::Container(reader) => [FORMAT_ID_FLAC, FORMAT_ID_OGG].contains(&reader.format_info().format),
            Self::Raw(..) => false,
        }
    }

    /// The next packet of any track; `None` at the end.
    pub(super) fn next_packet(&mut self) -> Result<Option<Packet>> {
        match self {
            Self::Container(reader) => reader.next_packet(),
            Self::Raw(reader, ..) => reader.next_packet(),
        }
    }
}

/// Why a source could not be opened.
pub(super) enum Opening {
    Io(io::Error),
    Fault(Fault),
}

impl From<Fault> for Opening {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Opening {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What symphonia's refusal to open a container means.
fn refusal(source: &Source, error: &Error) -> io::Result<Fault> {
    let mut head = Vec::new();
    source.cursor().take(1 << 12).read_to_end(&mut head)?;
    if let Some(codec) = wave_codec(&head) {
        return Ok(Fault::Codec(codec));
    }
    let text = match error {
        Error::Unsupported(text) | Error::DecodeError(text) | Error::LimitError(text) => *text,
        _ => return Ok(Fault::Container("it ends within its header".to_owned())),
    };
    let codec = [
        "unsupported codec",
        "sub-type",
        "compression type",
        "format id",
        "Adpcm",
    ];
    Ok(if text.starts_with("core (probe)") {
        Fault::NotAudio
    } else if codec.iter().any(|c| text.contains(c)) {
        Fault::Codec(format!("its codec ({text})"))
    } else {
        Fault::Container(text.to_owned())
    })
}

/// The codec a WAV file names in its `fmt ` chunk (Microsoft's `mmreg.h`), where it is none that is read.
fn wave_codec(head: &[u8]) -> Option<String> {
    let rest = head.strip_prefix(b"RIFF")?;
    let at = rest.windows(4).position(|w| w == b"fmt ")?;
    let tag = u16::from_le_bytes(*rest.get(at + 8..)?.first_chunk()?);
    let name = match tag {
        // PCM, float, A-law, mu-law, and those whose tag is further back.
        0x0001 | 0x0003 | 0x0006 | 0x0007 | 0xfffe => return None,
        0x0002 => "Microsoft ADPCM",
        0x0011 => "IMA ADPCM",
        0x0031 => "GSM 6.10",
        0x0040 => "G.721 ADPCM",
        0x0045 => "G.726 ADPCM",
        0x0050 => "MPEG audio layer 2",
        0x0055 => "MP3 in a WAV file",
        0x0092 | 0x2000 => "AC-3 (Dolby Digital)",
        0x0160..=0x0163 => "Windows Media Audio",
        0x00ff | 0x1600 => "AAC in a WAV file",
        0x2001 => "DTS",
        _ => return Some(format!("WAV codec {tag:#06x}")),
    };
    Some(name.to_owned())
}
