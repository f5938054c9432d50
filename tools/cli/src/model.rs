//! Finding and loading the model that a name means.

use std::sync::Arc;

use xdna_ops::Bytes;
use xdna_whisper::model::{self, Checkpoint, locate::Places};

use crate::{bundled, exit::usage, fetch};

/// Loads the model called `name`: the one inside the program, or one of `places`; with `download` the hub's, where it
/// is in none of them.
///
/// # Errors
/// Where it is not there, or is no sound model.
pub(crate) fn load(name: &str, places: &Places, download: bool) -> anyhow::Result<Checkpoint> {
    if name == bundled::NAME {
        let Some((bytes, origin)) = bundled::model() else {
            return Err(usage(
                "this program was built without a model inside; name another",
            ));
        };
        return Ok(model::load_bytes(Bytes::new(Arc::new(bytes)), origin)?);
    }
    let path = match places.locate(name) {
        Ok(found) => found.path,
        Err(_) if download => fetch::model(name, "main", places)?,
        Err(e) => {
            let hint = e.known.map(|_| format!("; download it: xdna fetch {name}"));
            return Err(anyhow::anyhow!("{e}{}", hint.unwrap_or_default()));
        }
    };
    Ok(model::load(&path)?)
}
