//! The switches of `XDNA_DEBUG`.

use bitflags::bitflags;

use crate::error::Error;

const KNOWN: &str = "sync-ioctl";

bitflags! {
    /// What `XDNA_DEBUG`, a list of words separated by commas, switches on.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Debug: u32 {
        /// `sync-ioctl`: flush caches by `SYNC_BO` instead of cache-line instructions, which a simulated
        /// device can't see.
        const SYNC_IOCTL = 1;
    }
}

impl Debug {
    pub(crate) fn from_env() -> Result<Self, Error> {
        std::env::var_os("XDNA_DEBUG")
            .map_or(Ok(Self::empty()), |words| Self::parse(&words.to_string_lossy()))
    }

    fn parse(words: &str) -> Result<Self, Error> {
        words
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .try_fold(Self::empty(), |set, word| match word {
                "sync-ioctl" => Ok(set | Self::SYNC_IOCTL),
                other => Err(Error::DebugSwitch {
                    found: other.to_owned(),
                    known: KNOWN,
                }),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_switches_and_unknown_words_errors() {
        assert_eq!(Debug::parse("").unwrap(), Debug::empty());
        assert_eq!(Debug::parse(" sync-ioctl ,").unwrap(), Debug::SYNC_IOCTL);
        let e = Debug::parse("sync-ioctl,sink-ioctl").unwrap_err();
        assert_eq!(
            e.to_string(),
            r#"XDNA_DEBUG="sink-ioctl" is unknown; known: sync-ioctl"#
        );
    }
}
