//! The order of a plan: list scheduling with a price for every switch of the array.

use std::time::Duration;

use super::plan::{CHAINED, DISPATCH, Place, Step, Why};
use crate::overlay::Identity;

/// What the order depends on, of one operator.
#[derive(Debug)]
pub(super) struct Node {
    /// What it loads, and how long that takes; `None` on the CPU.
    pub overlay: Option<(Identity, Duration)>,
    pub time: Duration,
    pub why: Why,
    pub after: Vec<usize>,
}

/// List scheduling on two lanes: of what can begin, what begins first counting the switch it needs; then what shares its
/// overlay with most of what waits; then what was added first.
pub(super) fn order(nodes: &[Node], names: Vec<String>) -> Vec<Step> {
    let mut ends: Vec<Option<Duration>> = vec![None; nodes.len()];
    let (mut npu_free, mut cpu_free, mut loaded) = (Duration::ZERO, Duration::ZERO, None);
    let mut chains = Chains::new(nodes);
    let mut steps = Vec::with_capacity(nodes.len());
    for _ in 0..nodes.len() {
        let ready = |i: usize| ends[i].is_none() && nodes[i].after.iter().all(|j| ends[*j].is_some());
        let inputs = |i: usize| {
            nodes[i]
                .after
                .iter()
                .filter_map(|j| ends[*j])
                .max()
                .unwrap_or_default()
        };
        let mates = |overlay: Identity| {
            let same = |i: &usize| ready(*i) && nodes[*i].overlay.is_some_and(|(o, _)| o == overlay);
            (0..nodes.len()).filter(same).count()
        };
        let key = |i: usize| match nodes[i].overlay {
            Some((overlay, switch)) => {
                let load = if loaded == Some(overlay) {
                    Duration::ZERO
                } else {
                    switch
                };
                (inputs(i).max(npu_free) + load, usize::MAX - mates(overlay), i)
            }
            None => (inputs(i).max(cpu_free), usize::MAX, i),
        };
        let Some((begin, _, operator)) = (0..nodes.len()).filter(|i| ready(*i)).map(key).min() else {
            break;
        };
        let node = &nodes[operator];
        let (place, end) = match node.overlay {
            Some((overlay, _)) => {
                let switch = loaded != Some(overlay);
                let chained = chains.add(operator, &ends) && !switch;
                let end = begin + node.time + if chained { CHAINED } else { DISPATCH };
                (npu_free, loaded) = (end, Some(overlay));
                (Place::Npu { switch, chained }, end)
            }
            None => {
                cpu_free = begin + node.time;
                (Place::Cpu, cpu_free)
            }
        };
        ends[operator] = Some(end);
        steps.push(Step {
            operator,
            name: names[operator].clone(),
            place,
            why: node.why,
            begin,
            end,
        });
    }
    steps
}

/// Where a chain ends: where the host needs a value, and before what waits for the host.
struct Chains<'n> {
    nodes: &'n [Node],
    /// The last operator on the NPU.
    last: Option<usize>,
    /// Operators on the CPU that were waited for.
    waited: Vec<bool>,
}

impl<'n> Chains<'n> {
    fn new(nodes: &'n [Node]) -> Self {
        Self {
            nodes,
            last: None,
            waited: vec![false; nodes.len()],
        }
    }

    /// Appends an operator; true if it may be part of the chain of the one before it.
    fn add(&mut self, operator: usize, ends: &[Option<Duration>]) -> bool {
        let mut chained = self.last.is_some_and(|last| !self.host_needs(last, ends));
        for input in &self.nodes[operator].after {
            if self.nodes[*input].overlay.is_none() && !std::mem::replace(&mut self.waited[*input], true) {
                chained = false;
            }
        }
        self.last = Some(operator);
        chained
    }

    /// True if it is the last one of the NPU's that something on the CPU waits for.
    fn host_needs(&self, operator: usize, ends: &[Option<Duration>]) -> bool {
        let on_npu = |i: &&usize| self.nodes[**i].overlay.is_some();
        self.nodes.iter().any(|node| {
            node.overlay.is_none()
                && node.after.contains(&operator)
                && node.after.iter().filter(on_npu).all(|i| ends[*i].is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Plan, switch};
    use super::*;

    fn us(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    fn node(overlay: Option<u8>, time: u64, after: &[usize]) -> Node {
        Node {
            overlay: overlay.map(|tag| {
                (
                    Identity::of(&[tag], crate::formats::xclbin::Uuid([tag; 16])),
                    switch(4),
                )
            }),
            time: us(time),
            why: Why::OnlyOne,
            after: after.to_vec(),
        }
    }

    fn plan(nodes: &[Node]) -> Plan {
        let names = (0..nodes.len()).map(|i| i.to_string()).collect();
        Plan {
            steps: order(nodes, names),
        }
    }

    fn operators(plan: &Plan) -> Vec<usize> {
        plan.steps.iter().map(|step| step.operator).collect()
    }

    #[test]
    fn work_is_ordered_by_overlay() {
        let nodes: Vec<Node> = (0..6).map(|i| node(Some(i % 2), 100, &[])).collect();
        let plan = plan(&nodes);
        assert_eq!((operators(&plan), plan.switches()), (vec![0, 2, 4, 1, 3, 5], 2));
        assert_eq!(plan.end(), switch(4) * 2 + us(600) + 2 * DISPATCH + 4 * CHAINED);
        assert_eq!(plan.commands(), 2);
    }

    #[test]
    fn the_overlay_with_most_work_is_loaded_first() {
        let nodes = [
            node(Some(0), 100, &[]),
            node(Some(1), 100, &[]),
            node(Some(1), 100, &[]),
        ];
        assert_eq!(operators(&plan(&nodes)), [1, 2, 0]);
    }

    #[test]
    fn inputs_come_before_what_uses_them() {
        // 0 -> 1 -> 2 alternate between overlays: there is no way around the switches.
        let nodes = [
            node(Some(0), 10, &[]),
            node(Some(1), 10, &[0]),
            node(Some(0), 10, &[1]),
        ];
        let chain = plan(&nodes);
        assert_eq!((operators(&chain), chain.switches()), (vec![0, 1, 2], 3));
        // A second chain beside it: its operators wait for their overlay's turn.
        let nodes = [
            node(Some(0), 10, &[]),
            node(Some(1), 10, &[0]),
            node(Some(0), 10, &[1]),
            node(Some(0), 10, &[]),
            node(Some(1), 10, &[3]),
            node(Some(0), 10, &[4]),
        ];
        let both = plan(&nodes);
        assert_eq!((operators(&both), both.switches()), (vec![0, 3, 1, 4, 2, 5], 3));
    }

    #[test]
    fn the_cpu_works_beside_the_npu() {
        let nodes = [
            node(Some(0), 1000, &[]),
            node(None, 800, &[]),
            node(None, 100, &[0, 1]),
        ];
        let plan = plan(&nodes);
        let npu = switch(4) + DISPATCH + us(1000);
        assert_eq!(plan.end(), npu + us(100));
        assert_eq!(operators(&plan), [1, 0, 2]);
    }

    /// For every operator on the NPU in its order, whether it joins the chain of the one before.
    fn chained(nodes: &[Node]) -> Vec<(usize, bool)> {
        let steps = plan(nodes).steps.into_iter();
        let chained = |step: Step| match step.place {
            Place::Npu { chained, .. } => Some((step.operator, chained)),
            Place::Cpu => None,
        };
        steps.filter_map(chained).collect()
    }

    #[test]
    fn a_chain_ends_where_the_host_needs_a_value() {
        // 0 and 1 are needed together, 2 by nobody, 4 begins when the host has looked at 1.
        let nodes = [
            node(Some(0), 10, &[]),
            node(Some(0), 10, &[0]),
            node(Some(0), 10, &[1]),
            node(None, 1000, &[0, 1]),
            node(Some(0), 10, &[3]),
            node(Some(0), 10, &[3, 4]),
        ];
        let expected = [(0, false), (1, true), (2, false), (4, false), (5, true)];
        assert_eq!(chained(&nodes), expected);
    }

    #[test]
    fn a_chain_is_of_one_overlay() {
        let nodes: Vec<Node> = [0, 0, 1, 1, 0]
            .iter()
            .enumerate()
            .map(|(i, tag)| {
                node(
                    Some(*tag),
                    10,
                    if i == 0 { vec![] } else { vec![i - 1] }.as_slice(),
                )
            })
            .collect();
        let expected = [(0, false), (1, true), (2, false), (3, true), (4, false)];
        assert_eq!(chained(&nodes), expected);
    }
}
