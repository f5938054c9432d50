//! Scheduling: graphs of operators on the NPU and the CPU, planned before they run.

mod batch;
mod flight;
mod graph;
mod lane;
mod npu;
mod order;
mod plan;
mod repeat;
mod run;

pub use flight::{Cancel, Ran, Report};
pub use graph::{Graph, OnCpu, Operator, OperatorId, Priority};
pub use plan::{Place, Plan, Step, Target, Why};
pub use run::{Schedule, ScheduleStats, Scheduler};
