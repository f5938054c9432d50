//! What differs between two JSON values.

use serde::Serialize;
use serde_json::Value;

/// A value that is not the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    /// Where, as in `contexts[pid=7,id=1].submissions`.
    pub(super) path: String,
    /// `None` where there is none.
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// What tells an element of a list from the others: so that one that went does not make all behind it differ.
const IDENTITIES: [&[&str]; 8] = [
    &["pid", "id"],
    &["pid", "context"],
    &["column"],
    &["label"],
    &["section"],
    &["name", "instance"],
    &["name"],
    &["memory", "offset"],
];

/// Adds what differs below `path`.
pub(super) fn compare(path: &str, a: &Value, b: &Value, out: &mut Vec<Difference>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                either(&path, a.get(key), b.get(key), out);
            }
        }
        (Value::Array(a), Value::Array(b)) => list(path, a, b, out),
        (a, b) if a == b => {}
        (a, b) => note(path, Some(a), Some(b), out),
    }
}

/// Compares what is there in both, and notes what is there in one.
pub(super) fn either(path: &str, a: Option<&Value>, b: Option<&Value>, out: &mut Vec<Difference>) {
    match (a, b) {
        (Some(a), Some(b)) => compare(path, a, b, out),
        (a, b) => note(path, a, b, out),
    }
}

/// Notes a difference.
pub(super) fn note(path: &str, a: Option<&Value>, b: Option<&Value>, out: &mut Vec<Difference>) {
    out.push(Difference {
        path: path.to_owned(),
        before: a.cloned(),
        after: b.cloned(),
    });
}

/// Elements by what identifies them; where nothing does, by their places.
pub(super) fn list(path: &str, a: &[Value], b: &[Value], out: &mut Vec<Difference>) {
    let Some((names_a, names_b)) = IDENTITIES
        .iter()
        .find_map(|keys| Some((names(a, keys)?, names(b, keys)?)))
    else {
        for i in 0..a.len().max(b.len()) {
            either(&format!("{path}[{i}]"), a.get(i), b.get(i), out);
        }
        return;
    };
    for (name, value) in names_a.iter().zip(a) {
        let other = names_b.iter().position(|n| n == name).map(|i| &b[i]);
        either(&format!("{path}[{name}]"), Some(value), other, out);
    }
    for (name, value) in names_b.iter().zip(b).filter(|(name, _)| !names_a.contains(name)) {
        note(&format!("{path}[{name}]"), None, Some(value), out);
    }
}

/// `key=value` of every element, if all have these keys and no two are the same.
fn names(list: &[Value], keys: &[&str]) -> Option<Vec<String>> {
    let name = |value: &Value| {
        let parts: Option<Vec<_>> = keys
            .iter()
            .map(|key| Some(format!("{key}={}", plain(value.get(key)?))))
            .collect();
        Some(parts?.join(","))
    };
    let names: Vec<String> = list.iter().map(name).collect::<Option<_>>()?;
    let mut sorted = names.clone();
    sorted.sort();
    sorted.windows(2).all(|two| two[0] != two[1]).then_some(names)
}

/// A value for people.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(a: &Value, b: &Value) -> Vec<String> {
        let mut out = Vec::new();
        compare("", a, b, &mut out);
        out.into_iter().map(|d| d.path).collect()
    }

    #[test]
    fn elements_are_compared_by_what_they_are() {
        let a = json!({"contexts": [{"pid": 1, "id": 1, "n": 5}, {"pid": 2, "id": 1, "n": 7}], "x": [1, 2]});
        let b = json!({"contexts": [{"pid": 2, "id": 1, "n": 8}], "x": [1, 3, 4], "y": null});
        assert_eq!(
            paths(&a, &b),
            [
                "contexts[pid=1,id=1]",
                "contexts[pid=2,id=1].n",
                "x[1]",
                "x[2]",
                "y"
            ]
        );
        assert_eq!(paths(&a, &a), Vec::<String>::new());
    }

    #[test]
    fn twins_are_compared_by_their_places() {
        let a = json!([{"name": "x", "n": 1}, {"name": "x", "n": 2}]);
        let b = json!([{"name": "x", "n": 1}, {"name": "x", "n": 3}]);
        assert_eq!(paths(&a, &b), ["[1].n"]);
    }
}
