//! What self-tests have found, so that each kernel is tested once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Finding, Kernel, SelfTest};
use crate::error::Error;
use crate::overlay::Identity;

/// No run of a kernel takes longer, on hardware that works.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a kernel is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It was compared with its reference in this process.
    Tested,
    /// Nobody has given a reference.
    NoReference,
}

/// A kernel, by its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    pub overlay: Identity,
    pub code: u64,
}

/// What was found, by kernel: nothing, or the output and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Mutex<HashMap<Fingerprint, Option<(String, Finding)>>>);

impl Verdicts {
    /// Tests a kernel, or remembers how that went.
    ///
    /// # Errors
    /// As [`Kernel::self_test`]; what a run runs into is not remembered.
    pub fn ask(&self, print: Fingerprint, kernel: &Kernel, test: &SelfTest<'_>) -> Result<(), Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = match known.get(&print) {
            Some(verdict) => verdict.clone(),
            None => {
                let found = match kernel.self_test(test, Instant::now() + PATIENCE) {
                    Ok(()) => None,
                    Err(Error::Untrusted { output, finding, .. }) => Some((output, finding)),
                    Err(e) => return Err(e),
                };
                known.insert(print, found.clone());
                found
            }
        };
        match verdict {
            None => Ok(()),
            Some((output, finding)) => Err(Error::Untrusted {
                kernel: kernel.label().to_owned(),
                output,
                finding,
            }),
        }
    }
}
