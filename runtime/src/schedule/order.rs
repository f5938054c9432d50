//! The order of a plan: list scheduling with a price for every switch of the array.

use std::time::Duration;

use super::plan::{Place, Step, Why};
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
        let end = begin + node.time;
        let place = match node.overlay {
            Some((overlay, _)) => {
                let switch = loaded != Some(overlay);
                (npu_free, loaded) = (end, Some(overlay));
                Place::Npu { switch }
            }
            None => {
                cpu_free = end;
                Place::Cpu
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
        assert_eq!(plan.end(), switch(4) * 2 + us(600));
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
        let npu = switch(4) + us(1000);
        assert_eq!(plan.end(), npu + us(100));
        assert_eq!(operators(&plan), [1, 0, 2]);
    }
}
