//! Settings from `XDNA_*` variables.

use std::env;

use clap::Command;

use super::{Origin, Setting, key_of};
use crate::exit::usage;

/// Variables of ours that are no settings.
const OTHERS: [&str; 3] = ["XDNA_CONFIG", "XDNA_DEBUG", "XDNA_TESTDATA"];
/// Beginnings of more of them: tests, the simulator.
const OTHER_PREFIXES: [&str; 2] = ["XDNA_TEST_", "XDNA_SIM_"];

/// Reads the environment; an empty variable counts as unset.
///
/// # Errors
/// A variable that is one slip away from a setting; two for the same one. Others may belong to other programs: they are only warned of.
pub(super) fn read(verb: &Command) -> anyhow::Result<Vec<Setting>> {
    let mut settings = Vec::new();
    for (name, value) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let Some(rest) = name.strip_prefix("XDNA_") else {
            continue;
        };
        if value.is_empty() || OTHERS.contains(&name) || OTHER_PREFIXES.iter().any(|p| name.starts_with(p)) {
            continue;
        }
        let lower = rest.to_ascii_lowercase();
        match key_of(verb, &lower) {
            Ok(key) => {
                if let Some(twin) = settings.iter().find(|s: &&Setting| s.key == key) {
                    return Err(usage(format!(
                        "{} and environment {name} set the same",
                        twin.origin
                    )));
                }
                let value = value
                    .into_string()
                    .map_err(|_| usage(format!("environment {name}: not UTF-8")))?;
                settings.push(Setting {
                    key,
                    value,
                    origin: Origin::Environment(name.to_owned()),
                });
            }
            Err(nearest) if strsim::damerau_levenshtein(&lower, &nearest) <= 2 => {
                let nearest = nearest.to_ascii_uppercase();
                return Err(usage(format!(
                    "environment {name}: no such setting; did you mean XDNA_{nearest}?"
                )));
            }
            Err(_) => log::warn!("environment {name}: no setting of this program"),
        }
    }
    settings.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(settings)
}
