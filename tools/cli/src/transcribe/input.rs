//! Where the sound comes from.

use std::{ffi::OsStr, path::Path};

use xdna_whisper::audio::{AudioError, AudioFile, Channel};

use crate::args::{Ear, Transcribe};

/// Opens `file` as the flags say it is; `-` is stdin.
///
/// # Errors
/// Where it is not there or no sound.
pub(super) fn open(file: &OsStr, args: &Transcribe) -> Result<AudioFile, AudioError> {
    let channel = match args.channel {
        Ear::Mix => Channel::Mix,
        Ear::Left => Channel::Left,
        Ear::Right => Channel::Right,
    };
    AudioFile::new(Path::new(file), channel, args.raw.clone())
}
