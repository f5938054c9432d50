//! Finding and loading the model.

use std::sync::Arc;

use xdna_ops::Bytes;
use xdna_whisper::{
    Options, Whisper,
    model::{self, Checkpoint},
    options::Task,
};

use crate::{args::Transcribe, bundled, config, exit::usage, fetch, terminal::say};

/// Loads what `--model` names.
///
/// # Errors
/// Where it is not there, or is no sound model.
pub(super) fn load(args: &Transcribe) -> anyhow::Result<Checkpoint> {
    if args.model == bundled::NAME {
        let Some((bytes, origin)) = bundled::model() else {
            return Err(usage(
                "this program was built without a model inside; name one with --model",
            ));
        };
        return Ok(model::load_bytes(Bytes::new(Arc::new(bytes)), origin)?);
    }
    let places = config::places_with(args.model_dir.as_deref());
    let path = match places.locate(&args.model) {
        Ok(found) => found.path,
        Err(_) if args.download => fetch::model(&args.model, "main", &places)?,
        Err(e) => {
            let hint = e
                .known
                .map(|_| format!("; download it: xdna fetch {}", args.model));
            return Err(anyhow::anyhow!("{e}{}", hint.unwrap_or_default()));
        }
    };
    Ok(model::load(&path)?)
}

/// Makes options fit an English-only model, as the reference's command line does.
pub(super) fn suit(options: &mut Options, whisper: &Whisper) {
    if whisper.is_multilingual() {
        return;
    }
    if let Some(language) = options.language.replace("en".to_owned()).filter(|l| l != "en") {
        say(&format!(
            "note: the model knows English only; `{language}` is ignored"
        ));
    }
    if options.task == Task::Translate {
        say("note: the model knows English only and does not translate");
        options.task = Task::Transcribe;
    }
}
