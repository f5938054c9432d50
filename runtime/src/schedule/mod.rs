//! Scheduling: graphs of operators on the NPU and the CPU, planned before they run.

mod flight;
mod graph;
mod lane;
mod order;
mod plan;
mod run;

pub use flight::{Cancel, Ran, Report};
pub use graph::{Graph, OnCpu, Operator, OperatorId, Priority};
pub use plan::{Place, Plan, Step, Target, Why};
pub use run::{ScheduleStats, Scheduler};
