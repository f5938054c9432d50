//! What the NPU does at one moment, and what it did between two.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use xdna_driver::Device;

use crate::contexts::{self, Entry};
use crate::info::{Clock, clocks};
use crate::power;
use crate::reported::Reported;
use crate::sensors::{self, Reading};

/// A moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snapshot {
    /// Microseconds since 1970.
    pub(crate) at_us: u64,
    pub(crate) node: String,
    pub(crate) chip: &'static str,
    pub(crate) simulated: bool,
    pub(crate) columns: u16,
    pub(crate) contexts_max: u32,
    pub(crate) power_mode: Reported<String>,
    pub(crate) clocks: Reported<[Clock; 2]>,
    pub(crate) sensors: Reported<Vec<Reading>>,
    pub(crate) contexts: Vec<Entry>,
}

/// What a context, or all of a process, did between two moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Activity {
    pub(crate) pid: i64,
    pub(crate) owner: String,
    /// The context; `None` for all of a process.
    pub(crate) context: Option<u32>,
    pub(crate) span: String,
    /// Columns it may run on, in percent of all; contexts may share them.
    pub(crate) share_percent: f64,
    /// `None` where it was not there before.
    pub(crate) submissions_per_second: Option<f64>,
    pub(crate) completions_per_second: Option<f64>,
    pub(crate) outstanding: u64,
}

impl Snapshot {
    /// Asks the device.
    pub(crate) fn take(device: &Device, simulated: bool) -> anyhow::Result<Self> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
            node: device.node().display().to_string(),
            chip: device.chip().name,
            simulated,
            columns: device.columns(),
            contexts_max: device.chip().contexts,
            power_mode: Reported::of(device.power_mode(), "amdxdna").map(power::name),
            clocks: clocks(device),
            sensors: sensors::read(device),
            contexts: contexts::list(device)?,
        })
    }

    /// What every process, and below it every context of it, did since `before`.
    pub(crate) fn activity(&self, before: Option<&Self>) -> Vec<Vec<Activity>> {
        let elapsed = before.map(|b| Duration::from_micros(self.at_us.saturating_sub(b.at_us)).as_secs_f64());
        let mut processes: Vec<Vec<Activity>> = Vec::new();
        for entry in &self.contexts {
            let old = before.and_then(|b| b.contexts.iter().find(|o| (o.pid, o.id) == (entry.pid, entry.id)));
            let rate = |now: u64, then: fn(&Entry) -> u64| {
                let (old, elapsed) = (old?, elapsed.filter(|s| *s > 0.0)?);
                // A smaller count is another context that took over the number.
                Some(now.checked_sub(then(old))? as f64 / elapsed)
            };
            let one = Activity {
                pid: entry.pid,
                owner: entry.owner(),
                context: Some(entry.id),
                span: entry.span(),
                share_percent: percent(entry.columns, self.columns),
                submissions_per_second: rate(entry.submissions, |o| o.submissions),
                completions_per_second: rate(entry.completions, |o| o.completions),
                outstanding: entry.outstanding,
            };
            match processes.iter_mut().find(|list| list[0].pid == entry.pid) {
                Some(list) => list.push(one),
                None => processes.push(vec![one]),
            }
        }
        processes.into_iter().map(|list| self.with_sum(list)).collect()
    }

    /// A process's line before those of its contexts.
    fn with_sum(&self, contexts: Vec<Activity>) -> Vec<Activity> {
        let sum = |of: fn(&Activity) -> Option<f64>| {
            let known: Vec<f64> = contexts.iter().filter_map(of).collect();
            (!known.is_empty()).then(|| known.iter().sum())
        };
        let owned = self.contexts.iter().filter(|e| e.pid == contexts[0].pid);
        let mask = owned.fold(0_u64, |mask, e| {
            mask | (0..e.columns.min(64))
                .fold(0, |m, c| m | 1_u64.checked_shl(e.start_column + c).unwrap_or(0))
        });
        let all = Activity {
            context: None,
            span: String::new(),
            share_percent: percent(mask.count_ones(), self.columns),
            submissions_per_second: sum(|a| a.submissions_per_second),
            completions_per_second: sum(|a| a.completions_per_second),
            outstanding: contexts.iter().map(|a| a.outstanding).sum(),
            ..contexts[0].clone()
        };
        [all].into_iter().chain(contexts).collect()
    }
}

fn percent(part: u32, all: u16) -> f64 {
    100.0 * f64::from(part) / f64::from(all.max(1))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::reported::Missing;

    fn entry(pid: i64, id: u32, start: u32, submissions: u64, completions: u64) -> Entry {
        Entry {
            pid,
            process: Reported::Is(format!("program-{pid}")),
            id,
            start_column: start,
            columns: 4,
            submissions,
            completions,
            outstanding: submissions - completions,
            heap_bytes: Reported::Is(0),
            priority: Reported::Is("normal".into()),
            state: Reported::Missing(Missing::Driver),
            errors: Reported::Missing(Missing::Driver),
            migrations: Reported::Missing(Missing::Driver),
            preemptions: Reported::Missing(Missing::Driver),
            suspensions: Reported::Missing(Missing::Driver),
            pasid: Reported::Is(1),
            fatal: Reported::Missing(Missing::Driver),
        }
    }

    /// Two moments half a second apart: one process with two contexts, one with one.
    pub(crate) fn pair() -> [Snapshot; 2] {
        let moment = |at_us, n: u64| Snapshot {
            at_us,
            node: "/dev/accel/accel0".into(),
            chip: "npu4",
            simulated: true,
            columns: 8,
            contexts_max: 16,
            power_mode: Reported::Is("default".into()),
            clocks: Reported::Missing(Missing::Failed("not asked".into())),
            sensors: Reported::Is(vec![
                Reading::example("Total Power", "mW", 400 + 10 * n as u32),
                Reading::example("Column 0 Utilization", "%", 5 * n as u32),
            ]),
            contexts: vec![
                entry(10, 1, 0, 100 + n, 100 + n),
                entry(10, 2, 4, 50, 50 - n),
                entry(11, 1, 0, 10 * n, 10 * n),
            ],
        };
        [moment(1_000_000, 0), moment(1_500_000, 10)]
    }

    #[test]
    fn rates_are_differences_over_the_time_between() {
        let [before, now] = pair();
        let all = now.activity(Some(&before));
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
        let process = &all[0][0];
        assert_eq!(
            (process.context, process.share_percent, process.outstanding),
            (None, 100.0, 10)
        );
        assert_eq!(
            (process.submissions_per_second, all[0][1].completions_per_second),
            (Some(20.0), Some(20.0))
        );
        // A count that went back is no rate.
        assert_eq!(all[0][2].completions_per_second, None);
        assert_eq!(all[1][0].submissions_per_second, Some(200.0));
        assert_eq!((all[1][1].span.as_str(), all[1][1].share_percent), ("0-3", 50.0));
    }

    #[test]
    fn the_first_moment_has_no_rates() {
        let [first, _] = pair();
        let all = first.activity(None);
        assert!(all.iter().flatten().all(|a| a.submissions_per_second.is_none()));
    }
}
