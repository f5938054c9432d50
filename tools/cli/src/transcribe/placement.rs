//! `--device` and `--plan`: which operator runs where, and why.

use serde_json::{Value, json};
use xdna_driver::Device as Npu;
use xdna_terminal::Table;
use xdna_whisper::{Use, Whisper};

use crate::{args::Device, exit::Refusal};

/// Why operators run where they run: on the CPU, in this version.
///
/// # Errors
/// An NPU is demanded: there is none, or none of the operators has a kernel for it.
pub(super) fn reason(device: Device) -> Result<&'static str, Refusal> {
    match device {
        Device::Cpu => Ok("asked for"),
        Device::Auto => Ok("no kernel for an NPU in this version"),
        Device::Npu => {
            let why = match Npu::open_first() {
                Err(e) => format!("{e}; use --device cpu or auto"),
                Ok(npu) => format!(
                    "no NPU to run on: {} is {}, and this version has no kernel of any operator for it; use --device cpu or auto",
                    npu.node().display(),
                    npu.chip().products
                ),
            };
            Err(Refusal::NoDevice(why))
        }
    }
}

/// What runs where.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    uses: Vec<Use>,
    backend: String,
    reason: &'static str,
}

impl Placement {
    pub(super) fn new(whisper: &Whisper, reason: &'static str) -> Self {
        Self {
            uses: whisper.operators(),
            backend: whisper.backend().name(),
            reason,
        }
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new([
            "for each",
            "operator",
            "shape",
            "times",
            "multiply-adds",
            "runs on",
            "because",
        ]);
        for u in &self.uses {
            let work = u.multiply_adds();
            table.row([
                u.phase.to_string(),
                u.operator.name().to_owned(),
                u.operator.to_string(),
                u.times.to_string(),
                if work == 0 {
                    "-".to_owned()
                } else {
                    format!("{:.3e}", work as f64)
                },
                self.backend.clone(),
                self.reason.to_owned(),
            ]);
        }
        table.to_string()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let row = |u: &Use| {
            json!({
                "phase": u.phase.to_string(), "operator": u.operator.name(), "shape": u.operator.to_string(),
                "times": u.times, "multiply_adds": u.multiply_adds(),
                "runs_on": self.backend, "because": self.reason,
            })
        };
        self.uses.iter().map(row).collect()
    }
}
