//! Whisper models that are known by name.

use super::Dims;

/// A released model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name: `"base"`.
    pub name: &'static str,
    /// Another name: `"turbo"` for `"large-v3-turbo"`.
    pub alias: Option<&'static str>,
    /// Dimensions.
    pub dims: Dims,
    /// Licence of the weights, as those who trained them state it. (OpenAI released its models under MIT; some of the
    /// hub's cards for the same weights say Apache-2.0.)
    pub licence: &'static str,
    /// Repository of the Hugging Face hub with the weights in safetensors.
    pub repository: &'static str,
    /// Repository of the Hugging Face hub with the model converted for faster-whisper, the one that faster-whisper
    /// itself downloads.
    pub faster_whisper: &'static str,
}

impl Known {
    /// Number of weights.
    pub fn parameters(&self) -> u64 {
        let elements = |(_, shape): (_, Vec<usize>)| shape.iter().map(|n| *n as u64).product::<u64>();
        self.dims.tensors().into_iter().map(elements).sum()
    }

    /// Bytes of the weights in float16.
    pub fn f16_bytes(&self) -> u64 {
        2 * self.parameters()
    }
}

/// Repository of the Hugging Face hub with whisper.cpp's files (`ggml-base.bin`).
pub const WHISPER_CPP: &str = "ggerganov/whisper.cpp";

/// Every known model, the smaller ones first.
pub const MODELS: [Known; 17] = [
    mit(
        "tiny.en",
        ENGLISH,
        TINY,
        "openai/whisper-tiny.en",
        "Systran/faster-whisper-tiny.en",
    ),
    mit(
        "tiny",
        MULTILINGUAL,
        TINY,
        "openai/whisper-tiny",
        "Systran/faster-whisper-tiny",
    ),
    mit(
        "base.en",
        ENGLISH,
        BASE,
        "openai/whisper-base.en",
        "Systran/faster-whisper-base.en",
    ),
    mit(
        "base",
        MULTILINGUAL,
        BASE,
        "openai/whisper-base",
        "Systran/faster-whisper-base",
    ),
    mit(
        "small.en",
        ENGLISH,
        SMALL,
        "openai/whisper-small.en",
        "Systran/faster-whisper-small.en",
    ),
    mit(
        "small",
        MULTILINGUAL,
        SMALL,
        "openai/whisper-small",
        "Systran/faster-whisper-small",
    ),
    mit(
        "medium.en",
        ENGLISH,
        MEDIUM,
        "openai/whisper-medium.en",
        "Systran/faster-whisper-medium.en",
    ),
    mit(
        "medium",
        MULTILINGUAL,
        MEDIUM,
        "openai/whisper-medium",
        "Systran/faster-whisper-medium",
    ),
    mit(
        "large-v1",
        MULTILINGUAL,
        LARGE,
        "openai/whisper-large",
        "Systran/faster-whisper-large-v1",
    ),
    mit(
        "large-v2",
        MULTILINGUAL,
        LARGE,
        "openai/whisper-large-v2",
        "Systran/faster-whisper-large-v2",
    ),
    Known {
        alias: Some("large"),
        ..mit(
            "large-v3",
            CANTONESE,
            LARGE,
            "openai/whisper-large-v3",
            "Systran/faster-whisper-large-v3",
        )
    },
    Known {
        alias: Some("turbo"),
        ..mit(
            "large-v3-turbo",
            CANTONESE,
            decoder(LARGE, 4),
            "openai/whisper-large-v3-turbo",
            "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        )
    },
    mit(
        "distil-small.en",
        ENGLISH,
        decoder(SMALL, 4),
        "distil-whisper/distil-small.en",
        "Systran/faster-distil-whisper-small.en",
    ),
    mit(
        "distil-medium.en",
        ENGLISH,
        decoder(MEDIUM, 2),
        "distil-whisper/distil-medium.en",
        "Systran/faster-distil-whisper-medium.en",
    ),
    mit(
        "distil-large-v2",
        MULTILINGUAL,
        decoder(LARGE, 2),
        "distil-whisper/distil-large-v2",
        "Systran/faster-distil-whisper-large-v2",
    ),
    mit(
        "distil-large-v3",
        CANTONESE,
        decoder(LARGE, 2),
        "distil-whisper/distil-large-v3",
        "Systran/faster-distil-whisper-large-v3",
    ),
    mit(
        "distil-large-v3.5",
        CANTONESE,
        decoder(LARGE, 2),
        "distil-whisper/distil-large-v3.5",
        "distil-whisper/distil-large-v3.5-ct2",
    ),
];

/// The model called `name`, by name, alias or repository of the hub.
pub fn known(name: &str) -> Option<&'static Known> {
    MODELS.iter().find(|model| {
        model.name == name
            || model.alias == Some(name)
            || model.repository == name
            || model.faster_whisper == name
    })
}

/// Whether `name` has the form of a repository of the hub (`openai/whisper-base`): such names are safe in paths and URLs.
pub fn is_repository(name: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        part.len() <= 96 && part.chars().all(plain) && part.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    name.split_once('/')
        .is_some_and(|(owner, repository)| part(owner) && part(repository))
}

/// The file of whisper.cpp's that `name` means: `ggml-base-q5_1.bin` for itself and for `base-q5_1`.
pub fn whisper_cpp_file(name: &str) -> Option<String> {
    let named = name
        .strip_prefix("ggml-")
        .map(|stem| stem.strip_suffix(".bin").unwrap_or(stem));
    let quantised = || {
        name.rsplit_once("-q")
            .filter(|(base, _)| known(base).is_some())
            .map(|_| name)
    };
    let stem = named.or_else(quantised)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    stem.chars().all(plain).then(|| format!("ggml-{stem}.bin"))
}

/// Tokens and mel bins of a vocabulary.
type Vocabulary = (usize, usize);
const ENGLISH: Vocabulary = (51_864, 80);
const MULTILINGUAL: Vocabulary = (51_865, 80);
/// Large-v3's, which added Cantonese.
const CANTONESE: Vocabulary = (51_866, 128);

/// Width, heads, layers of the encoder and of the decoder.
type Size = (usize, usize, usize, usize);
const TINY: Size = (384, 6, 4, 4);
const BASE: Size = (512, 8, 6, 6);
const SMALL: Size = (768, 12, 12, 12);
const MEDIUM: Size = (1024, 16, 24, 24);
const LARGE: Size = (1280, 20, 32, 32);

/// A distilled decoder, of fewer layers.
const fn decoder((state, heads, layers, _): Size, decoder_layers: usize) -> Size {
    (state, heads, layers, decoder_layers)
}

/// A model under the MIT licence.
const fn mit(
    name: &'static str,
    (n_vocab, n_mels): Vocabulary,
    (state, heads, audio_layers, text_layers): Size,
    repository: &'static str,
    faster_whisper: &'static str,
) -> Known {
    let dims = Dims {
        n_mels,
        n_audio_ctx: 1500,
        n_audio_state: state,
        n_audio_head: heads,
        n_audio_layer: audio_layers,
        n_vocab,
        n_text_ctx: 448,
        n_text_state: state,
        n_text_head: heads,
        n_text_layer: text_layers,
    };
    Known {
        name,
        alias: None,
        dims,
        licence: "MIT",
        repository,
        faster_whisper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_dimensions_sound() {
        for model in &MODELS {
            model.dims.check().unwrap();
            for name in [
                model.name,
                model.alias.unwrap_or(model.name),
                model.repository,
                model.faster_whisper,
            ] {
                assert_eq!(known(name), Some(model), "{name}");
            }
            assert_eq!(model.dims.is_multilingual(), !model.name.ends_with(".en"));
        }
        assert_eq!(known("huge"), None);
    }

    #[test]
    fn forms_of_names_are_told_apart() {
        assert!(is_repository("openai/whisper-base"));
        for other in ["base", "a/b/c", "../b", "a/..", "/b", "a/", "a b/c", "~/x"] {
            assert!(!is_repository(other), "{other}");
        }
        let files = [
            ("ggml-base.bin", Some("ggml-base.bin")),
            ("ggml-base", Some("ggml-base.bin")),
            ("base.en-q5_1", Some("ggml-base.en-q5_1.bin")),
            ("ggml-mine-q8_0.bin", Some("ggml-mine-q8_0.bin")),
            ("mine-q8_0", None),
            ("base", None),
            ("ggml-../x", None),
        ];
        for (name, file) in files {
            assert_eq!(whisper_cpp_file(name).as_deref(), file, "{name}");
        }
    }

    #[test]
    fn parameters_are_those_of_the_papers() {
        // openai-whisper's README: 39 M, 74 M, 244 M, 769 M, 1550 M, 809 M (turbo), without the encoder's fixed positions;
        // distil-whisper's: 166 M, 394 M, 756 M.
        let expected = [
            ("tiny", 38),
            ("base", 73),
            ("small", 242),
            ("medium", 764),
            ("large-v2", 1543),
            ("turbo", 809),
            ("distil-small.en", 166),
            ("distil-medium.en", 394),
            ("distil-large-v3", 756),
        ];
        for (name, millions) in expected {
            let parameters = known(name).unwrap().parameters();
            assert!(
                parameters.abs_diff(millions * 1_000_000) < 1_500_000,
                "{name}: {parameters}"
            );
        }
    }
}
