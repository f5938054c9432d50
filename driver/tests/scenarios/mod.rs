//! The scenarios, by theme.

mod buffers;
mod chains;
mod coherence;
mod completion;
mod contexts;
mod debug_buffers;
mod habits;
mod interrupts;
mod kernels;
mod processes;
mod queries;
mod slow;
mod stress;
mod trace;
mod trouble;
mod two_processes;

/// What one test does, and on which simulated device.
#[derive(Clone)]
pub struct Scenario {
    title: String,
    /// Arguments of the simulator.
    pub simulator: Vec<String>,
    /// Environment of the scenario.
    pub environment: Vec<(&'static str, &'static str)>,
    /// What is done in it: panics if it goes wrong.
    pub run: fn(),
    /// What the trace of calls must look like.
    pub check_trace: Option<fn(&str)>,
}

impl Scenario {
    /// The name of its test.
    pub fn name(&self) -> String {
        self.title.clone()
    }
}

/// A scenario under the simulator with arguments separated by spaces.
fn scenario(title: impl Into<String>, simulator: &str, run: fn()) -> Scenario {
    Scenario {
        title: title.into(),
        simulator: simulator.split_whitespace().map(str::to_owned).collect(),
        environment: Vec::new(),
        run,
        check_trace: None,
    }
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [
        buffers::scenarios(),
        chains::scenarios(),
        coherence::scenarios(),
        completion::scenarios(),
        contexts::scenarios(),
        debug_buffers::scenarios(),
        habits::scenarios(),
        interrupts::scenarios(),
        kernels::scenarios(),
        processes::scenarios(),
        queries::scenarios(),
        slow::scenarios(),
        stress::scenarios(),
        trace::scenarios(),
        trouble::scenarios(),
        two_processes::scenarios(),
    ]
    .concat()
}
