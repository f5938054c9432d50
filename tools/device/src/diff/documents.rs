//! What differs between two files for an NPU: sections by their names, images by uuid, operations in their order, so
//! that one that was put in is one difference and not a shift of all behind it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::align::{Step, align};
use super::values::{Difference, compare, list, note, plain};

/// Columns that say where something is, not what: they shift with what is before.
const PLACES: [&str; 2] = ["offset", "command"];
/// Columns whose rows are a sequence, and what says that two rows are one that changed.
const SEQUENCES: [(&str, &[&str]); 3] = [
    (
        "operation",
        &["operation", "tile", "place", "argument", "descriptor"],
    ),
    ("access", &["access", "origin", "place"]),
    ("patch", &["section", "patch", "needs"]),
];
/// Facts and columns that count or sum up what is compared itself.
const SUMS: [&str; 5] = ["operations", "commands", "words written", "packets", "count"];
/// Sections of a container that are compared taken apart.
const TAKEN_APART: [&str; 4] = ["AIE_PARTITION", "MEM_TOPOLOGY", "IP_LAYOUT", "EMBEDDED_METADATA"];

/// What differs: what is behind the names, and only where there is nothing of that, the sums and sizes.
pub(super) fn differences(a: &Value, b: &Value) -> Vec<Difference> {
    let (mut strong, mut weak) = (Vec::new(), Vec::new());
    compare("generation", &a["generation"], &b["generation"], &mut strong);
    compare("bytes", &a["bytes"], &b["bytes"], &mut weak);
    let images = images(a, b);
    let first: Vec<_> = sections(a).map(|s| (title(s), s)).collect();
    let second: Vec<_> = sections(b).map(|s| (renamed(&title(s), &images), s)).collect();
    for (name, section) in &first {
        match second.iter().find(|(other, _)| other == name) {
            Some((_, other)) => pair(name, section, other, &images, &mut strong, &mut weak),
            None => note(name, Some(&summary(section)), None, &mut strong),
        }
    }
    for (name, section) in second
        .iter()
        .filter(|(name, _)| first.iter().all(|(n, _)| n != name))
    {
        note(name, None, Some(&summary(section)), &mut strong);
    }
    if strong.is_empty() { weak } else { strong }
}

fn sections(document: &Value) -> impl Iterator<Item = &Value> {
    document["sections"].as_array().into_iter().flatten()
}

fn rows(section: &Value) -> &[Value] {
    section["rows"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A section's title, without the number of an ELF section: names stay, numbers shift.
fn title(section: &Value) -> String {
    let title = section["title"].as_str().unwrap_or_default();
    let inner = title
        .strip_prefix("section ")
        .and_then(|rest| rest.split_once(" ("));
    inner.map_or(title.to_owned(), |(_, name)| {
        format!("section {}", name.replacen(')', "", 1))
    })
}

/// What is said of a section that one file alone has: its facts and how many rows.
fn summary(section: &Value) -> Value {
    let mut facts = section["facts"].as_object().cloned().unwrap_or_default();
    facts.insert("rows".into(), rows(section).len().into());
    facts.into()
}

/// The number in the first file of each image of the second: the one of the same uuid, else the next that has none.
fn images(a: &Value, b: &Value) -> BTreeMap<u64, Option<u64>> {
    let of = |document| -> Vec<(u64, String)> {
        let partition = sections(document).find(|s| s["title"] == "partition");
        let rows = partition.map(rows).unwrap_or_default().iter();
        rows.filter_map(|row| Some((row["PDI"].as_u64()?, plain(&row["uuid"]))))
            .collect()
    };
    let (mut left, right) = (of(a), of(b));
    let mut pairs = BTreeMap::new();
    for by_uuid in [true, false] {
        for (number, uuid) in &right {
            if pairs.contains_key(number) {
                continue;
            }
            let found = left.iter().position(|(_, other)| !by_uuid || other == uuid);
            match found {
                Some(i) => drop(pairs.insert(*number, Some(left.remove(i).0))),
                None if !by_uuid => drop(pairs.insert(*number, None)),
                None => {}
            }
        }
    }
    pairs
}

/// `PDI 2, CDO` of the second file with the number that the image has in the first.
fn renamed(title: &str, images: &BTreeMap<u64, Option<u64>>) -> String {
    let Some(rest) = title.strip_prefix("PDI ") else {
        return title.to_owned();
    };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number = rest[..end].parse().ok().and_then(|n: u64| images.get(&n));
    match number {
        Some(Some(number)) => format!("PDI {number}{}", &rest[end..]),
        Some(None) => format!("PDI {rest} of the second file"),
        None => title.to_owned(),
    }
}

/// Compares two sections of one name.
fn pair(
    name: &str,
    a: &Value,
    b: &Value,
    images: &BTreeMap<u64, Option<u64>>,
    strong: &mut Vec<Difference>,
    weak: &mut Vec<Difference>,
) {
    let mut facts = Vec::new();
    compare(name, &a["facts"], &b["facts"], &mut facts);
    let (rows_a, rows_b) = (rows(a), rows(b));
    let has = |column: &str| rows_a.iter().chain(rows_b).all(|row| row.get(column).is_some());
    let sequence = SEQUENCES.iter().find(|(column, _)| has(column) && !has("count"));
    if let Some((_, same)) = sequence.filter(|_| rows_a.len() + rows_b.len() > 0) {
        in_order(name, rows_a, rows_b, same, strong);
    } else if has("PDI") {
        let renumbered: Vec<_> = rows_b.iter().map(|row| renumbered(row, images)).collect();
        by_image(name, rows_a, &renumbered, &mut facts);
    } else {
        list(name, rows_a, rows_b, &mut facts);
    }
    for difference in facts {
        let last = difference.path.rsplit(['.', ',']).next().unwrap_or_default();
        let is_sum = SUMS.contains(&last) || has("count") || last == "bytes" && has("PDI");
        let is_taken_apart = TAKEN_APART
            .iter()
            .any(|kind| difference.path.contains(&format!("[section={kind}]")));
        let is_text = name == "control ELF" && difference.path.contains(".ctrltext");
        if is_sum || is_taken_apart || is_text {
            weak.push(difference);
        } else {
            strong.push(difference);
        }
    }
}

fn renumbered(row: &Value, images: &BTreeMap<u64, Option<u64>>) -> Value {
    let mut row = row.clone();
    let number = row["PDI"].as_u64().and_then(|n| images.get(&n).copied());
    match number {
        Some(Some(number)) => row["PDI"] = number.into(),
        _ => row["PDI"] = format!("{} of the second file", plain(&row["PDI"])).into(),
    }
    row
}

fn by_image(name: &str, a: &[Value], b: &[Value], out: &mut Vec<Difference>) {
    for row in a {
        let other = b.iter().find(|other| other["PDI"] == row["PDI"]);
        super::values::either(&format!("{name}[PDI {}]", row["PDI"]), Some(row), other, out);
    }
    for row in b
        .iter()
        .filter(|row| a.iter().all(|other| other["PDI"] != row["PDI"]))
    {
        note(
            &format!("{name}[PDI {}]", plain(&row["PDI"])),
            None,
            Some(row),
            out,
        );
    }
}

/// Compares rows in their order: those that are equal but for their places, then, in what is left between these, those of
/// the same thing, then what one has alone.
fn in_order(name: &str, a: &[Value], b: &[Value], same: &[&str], out: &mut Vec<Difference>) {
    let whole = |rows: &[Value]| -> Vec<String> { rows.iter().map(|row| what(row).to_string()).collect() };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut flush = |first: &mut Vec<usize>, second: &mut Vec<usize>| {
        changed(name, (a, first), (b, second), same, out);
        first.clear();
        second.clear();
    };
    for step in align(&whole(a), &whole(b)) {
        match step {
            Step::Both(..) => flush(&mut first, &mut second),
            Step::First(i) => first.push(i),
            Step::Second(j) => second.push(j),
        }
    }
    flush(&mut first, &mut second);
}

/// Rows between two that are equal.
fn changed(
    name: &str,
    (a, first): (&[Value], &[usize]),
    (b, second): (&[Value], &[usize]),
    same: &[&str],
    out: &mut Vec<Difference>,
) {
    let keys = |rows: &[Value], places: &[usize]| -> Vec<Vec<Value>> {
        let key = |row: &Value| same.iter().map(|column| row[*column].clone()).collect();
        places.iter().map(|i| key(&rows[*i])).collect()
    };
    for step in align(&keys(a, first), &keys(b, second)) {
        match step {
            Step::Both(i, j) => {
                let (row, other) = (&a[first[i]], &b[second[j]]);
                compare(&place(name, row, first[i]), &what(row), &what(other), out);
            }
            Step::First(i) => note(
                &place(name, &a[first[i]], first[i]),
                Some(&what(&a[first[i]])),
                None,
                out,
            ),
            Step::Second(j) => {
                let row = &b[second[j]];
                note(&place(name, row, second[j]), None, Some(&what(row)), out);
            }
        }
    }
}

/// A row without what says where it is, and without what it has not.
fn what(row: &Value) -> Value {
    let pairs = row.as_object().into_iter().flatten();
    let kept = pairs.filter(|(key, value)| !PLACES.contains(&key.as_str()) && !value.is_null());
    Value::Object(
        kept.map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Map<_, _>>(),
    )
}

fn place(name: &str, row: &Value, index: usize) -> String {
    let at = PLACES
        .iter()
        .find_map(|key| Some(format!("{key}={}", plain(row.get(key)?))));
    format!("{name}[{}]", at.unwrap_or_else(|| index.to_string()))
}
