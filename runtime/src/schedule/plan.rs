//! The plan: where every operator runs, in which order, and why. Pure arithmetic: the same graph, the same plan.

use std::fmt;
use std::time::Duration;

use super::graph::Graph;
use super::order::{Node, order};
use crate::error::Error;

/// Where the work may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Wherever it is estimated to end first.
    #[default]
    Auto,
    /// The CPU alone.
    Cpu,
    /// The NPU; the CPU for what nothing else implements.
    Npu,
}

/// Where an operator runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the NPU, in the context of its overlay.
    Npu {
        /// The array is loaded anew before.
        switch: bool,
        /// It joins the command of the operator before it, as long as the driver takes more.
        chained: bool,
    },
    /// On the CPU.
    Cpu,
}

/// Why it runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no other implementation.
    OnlyOne,
    /// The target says so.
    Asked,
    /// It is estimated to be faster there, by so much.
    Faster(Duration),
}

/// One operator of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place in the graph.
    pub operator: usize,
    /// Its name.
    pub name: String,
    /// Where it runs.
    pub place: Place,
    /// Why there.
    pub why: Why,
    /// When it begins and ends, estimated, from the start of the graph.
    pub begin: Duration,
    /// When it ends.
    pub end: Duration,
}

/// The order of a graph's operators. Both lanes, NPU and CPU, follow it side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Operators in the order in which they begin.
    pub steps: Vec<Step>,
}

/// Submitting a command and noticing its end (150 us, measured on XDNA1 and XDNA2 by several projects).
pub(super) const DISPATCH: Duration = Duration::from_micros(150);
/// The same of a command in a chain (measured on XDNA1 by ignite-xdna).
pub(super) const CHAINED: Duration = Duration::from_micros(36);

/// Time to load an overlay of `columns` columns into the array (measured on XDNA1 by Npu-Embeddings).
pub(super) fn switch(columns: u16) -> Duration {
    Duration::from_micros(55 + 286 * u64::from(columns))
}

impl Plan {
    /// Decides where the operators of a graph run, and in which order.
    ///
    /// # Errors
    /// [`Error::NotOnCpu`]: the target is the CPU, and an operator has no implementation there.
    pub fn new(graph: &Graph<'_>, target: Target) -> Result<Self, Error> {
        let nodes: Vec<Node> = graph
            .operators
            .iter()
            .map(|operator| {
                let npu = operator
                    .npu
                    .as_ref()
                    .map(|(run, time)| (run.kernel().overlay(), *time));
                let cpu = operator.cpu.as_ref().map(|(_, time)| *time);
                let (on_npu, why) = match (&npu, cpu, target) {
                    (None, _, _) => (false, Why::OnlyOne),
                    (Some(_), None, Target::Cpu) => {
                        return Err(Error::NotOnCpu {
                            operator: operator.name.clone(),
                        });
                    }
                    (Some(_), None, _) => (true, Why::OnlyOne),
                    (Some(_), Some(_), Target::Cpu) => (false, Why::Asked),
                    (Some(_), Some(_), Target::Npu) => (true, Why::Asked),
                    (Some((_, npu)), Some(cpu), Target::Auto) => {
                        let npu = *npu + DISPATCH;
                        (npu <= cpu, Why::Faster(npu.abs_diff(cpu)))
                    }
                };
                let npu = npu.filter(|_| on_npu);
                Ok(Node {
                    overlay: npu.as_ref().map(|(o, _)| (o.identity(), switch(o.columns()))),
                    time: npu.map_or(cpu.unwrap_or_default(), |(_, time)| time),
                    why,
                    after: operator.after.iter().map(|id| id.0).collect(),
                })
            })
            .collect::<Result<_, _>>()?;
        let names = graph
            .operators
            .iter()
            .map(|operator| operator.name.clone())
            .collect();
        Ok(Self {
            steps: order(&nodes, names),
        })
    }

    /// When the last operator ends, estimated.
    pub fn end(&self) -> Duration {
        self.steps.iter().map(|step| step.end).max().unwrap_or_default()
    }

    /// How often the array is loaded.
    pub fn switches(&self) -> usize {
        let switch = |step: &&Step| matches!(step.place, Place::Npu { switch: true, .. });
        self.steps.iter().filter(switch).count()
    }
}

impl Plan {
    /// Commands it takes, where chains do not outgrow the driver's limit.
    pub fn commands(&self) -> usize {
        let begins = |step: &&Step| matches!(step.place, Place::Npu { chained: false, .. });
        self.steps.iter().filter(begins).count()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let place = match step.place {
                Place::Npu { switch: true, .. } => "NPU, array loaded",
                Place::Npu { chained: true, .. } => "NPU, chained",
                Place::Npu { .. } => "NPU",
                Place::Cpu => "CPU",
            };
            let why = match step.why {
                Why::OnlyOne => "no other implementation".to_owned(),
                Why::Asked => "asked for".to_owned(),
                Why::Faster(by) => format!("{by:.1?} faster, estimated"),
            };
            writeln!(f, "{:>10.1?}  {}: {place} ({why})", step.begin, step.name)?;
        }
        Ok(())
    }
}
