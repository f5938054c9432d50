//! The lines of top: sorted, as cells.

use xdna_terminal::Table;

use super::Sort;
use crate::reported::Reported;
use crate::snapshot::{Activity, Snapshot};

/// Titles of the columns.
pub(super) const TITLES: [&str; 7] = [
    "process",
    "context",
    "columns",
    "share",
    "submitted/s",
    "completed/s",
    "outstanding",
];

/// Processes in order, each followed by its contexts.
pub(super) fn sorted(now: &Snapshot, before: Option<&Snapshot>, sort: Sort, reverse: bool) -> Vec<Activity> {
    let mut processes = now.activity(before);
    // Largest first, but for names.
    let key = |list: &Vec<Activity>| {
        let all = &list[0];
        match sort {
            Sort::Submissions => -all.submissions_per_second.unwrap_or(0.0),
            Sort::Completions => -all.completions_per_second.unwrap_or(0.0),
            Sort::Outstanding => -(all.outstanding as f64),
            Sort::Columns => -all.share_percent,
            Sort::Process => all.pid as f64,
        }
    };
    processes.sort_by(|a, b| key(a).total_cmp(&key(b)));
    if reverse {
        processes.reverse();
    }
    processes.concat()
}

/// The cells of a line.
pub(super) fn cells(a: &Activity) -> [String; 7] {
    let rate = |value: Option<f64>| value.map_or("-".to_owned(), |n| format!("{n:.1}"));
    [
        if a.context.is_none() {
            a.owner.clone()
        } else {
            String::new()
        },
        a.context.map_or("all".to_owned(), |id| id.to_string()),
        a.span.clone(),
        format!("{:.0} %", a.share_percent),
        rate(a.submissions_per_second),
        rate(a.completions_per_second),
        a.outstanding.to_string(),
    ]
}

/// One line about the device.
pub(super) fn headline(now: &Snapshot) -> String {
    let clock = match &now.clocks {
        Reported::Is([_, array]) => format!("  {} {} MHz", array.name, array.mhz),
        Reported::Missing(_) => String::new(),
    };
    let simulated = if now.simulated { " (simulated)" } else { "" };
    format!(
        "{}{simulated} {}{clock}  power {}  contexts {}/{}",
        now.chip,
        now.node.rsplit('/').next().unwrap_or(&now.node),
        now.power_mode,
        now.contexts.len(),
        now.contexts_max
    )
}

/// Everything for people, without a terminal.
pub(super) fn text(now: &Snapshot, before: Option<&Snapshot>, sort: Sort) -> String {
    let mut text = format!("{}  {}\n", crate::errors::utc(now.at_us), headline(now));
    match &now.sensors {
        Reported::Missing(why) => text += &format!("sensors: - ({why})\n"),
        Reported::Is(list) => {
            let readings: Vec<_> = list
                .iter()
                .map(|s| format!("{} {} {}", s.label, s.value, s.unit))
                .collect();
            text += &format!("{}\n", readings.join(", "));
        }
    }
    let rows = sorted(now, before, sort, false);
    if rows.is_empty() {
        return text + "no process has a hardware context\n\n";
    }
    let mut table = Table::new(TITLES);
    for row in &rows {
        table.row(cells(row));
    }
    format!("{text}{table}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::pair;

    #[test]
    fn processes_are_sorted_and_keep_their_contexts() {
        let [before, now] = pair();
        let pids = |sort, reverse| {
            let rows = sorted(&now, Some(&before), sort, reverse);
            rows.iter().map(|a| (a.pid, a.context)).collect::<Vec<_>>()
        };
        let (ten, eleven) = (
            [(10, None), (10, Some(1)), (10, Some(2))],
            [(11, None), (11, Some(1))],
        );
        assert_eq!(pids(Sort::Submissions, false), [&eleven[..], &ten].concat());
        assert_eq!(pids(Sort::Submissions, true), [&ten[..], &eleven].concat());
        assert_eq!(pids(Sort::Outstanding, false), [&ten[..], &eleven].concat());
        assert_eq!(pids(Sort::Process, false), [&ten[..], &eleven].concat());
        assert_eq!(pids(Sort::Columns, false), [&ten[..], &eleven].concat());
    }

    #[test]
    fn text_without_contexts_says_so() {
        let [_, mut now] = pair();
        now.contexts.clear();
        assert!(text(&now, None, Sort::Process).contains("no process has a hardware context"));
    }
}
