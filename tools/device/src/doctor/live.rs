//! What the device itself answers, where it is this machine's.

use std::path::Path;
use std::time::Duration;

use xdna_driver::{Device, Error};

use super::facts::Facts;
use crate::contexts::{self, Entry};

/// How long a context with work outstanding is watched for progress.
const WATCH: Duration = Duration::from_millis(500);

/// What opening the device and asking it brought.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// The node was opened.
    pub(crate) is_open: bool,
    /// Errno and text of a failed open.
    pub(crate) open: Option<(Option<i32>, String)>,
    /// What a question that needs the firmware failed with.
    pub(crate) query: Option<String>,
    pub(crate) is_out_of_tree: bool,
    pub(crate) contexts: Vec<Entry>,
    pub(crate) context_limit: usize,
    /// Contexts with commands outstanding that made no progress while they were watched.
    pub(crate) stuck: Vec<Entry>,
}

impl Live {
    /// Opens the NPU and asks it what it does.
    pub(crate) fn probe(facts: &Facts) -> Self {
        let Some(accel) = facts.npus.first().and_then(|npu| npu.accel) else {
            return Self::default();
        };
        match Device::open(Path::new(&format!("/dev/accel/accel{accel}"))) {
            Ok(device) => Self::ask(&device),
            Err(e @ (Error::Open { .. } | Error::NoDevice { .. } | Error::OtherDriver { .. })) => Self {
                open: Some((e.errno(), e.to_string())),
                ..Self::default()
            },
            Err(e) => Self {
                query: Some(e.to_string()),
                ..Self::default()
            },
        }
    }

    fn ask(device: &Device) -> Self {
        let mut live = Self {
            is_open: true,
            is_out_of_tree: device.driver_version().is_out_of_tree(),
            context_limit: device.chip().contexts as usize,
            ..Self::default()
        };
        let answers = device
            .firmware_version()
            .and_then(|_| device.clocks())
            .and_then(|_| device.tile_status());
        if let Err(e) = answers {
            live.query = Some(e.to_string());
            return live;
        }
        match contexts::list(device) {
            Ok(list) => live.contexts = list,
            Err(e) => live.query = Some(e.to_string()),
        }
        if live.contexts.iter().any(|c| c.outstanding > 0) {
            std::thread::sleep(WATCH);
            let later = contexts::list(device).unwrap_or_default();
            let stands = |c: &&Entry| {
                let before = live.contexts.iter().find(|b| (b.pid, b.id) == (c.pid, c.id));
                c.outstanding > 0
                    && before.is_some_and(|b| b.outstanding > 0 && b.completions == c.completions)
            };
            live.stuck = later.iter().filter(stands).cloned().collect();
        }
        live
    }
}
