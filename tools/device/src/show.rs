//! One object, shown to people or to programs.

use serde::Serialize;
use xdna_terminal::Out;

/// What a verb found out: the same data as a table and as a JSON object.
pub(crate) trait View: Serialize {
    /// Name and version of the JSON form, as in `xdna.info/1`.
    const SCHEMA: &'static str;

    /// The form for people.
    fn text(&self) -> String;
}

/// The JSON form, schema included.
pub(crate) fn object<V: View>(view: &V) -> anyhow::Result<serde_json::Value> {
    object_of(view, V::SCHEMA)
}

/// `value` as an object of this schema.
pub(crate) fn object_of(value: &impl Serialize, schema: &str) -> anyhow::Result<serde_json::Value> {
    let mut object = serde_json::to_value(value)?;
    if let Some(map) = object.as_object_mut() {
        map.insert("schema".into(), schema.into());
    }
    Ok(object)
}

/// Prints `view`.
pub(crate) fn print<V: View>(view: &V, json: bool, out: &mut Out) -> anyhow::Result<()> {
    if json {
        out.json(&object(view)?)?;
    } else {
        out.write(&view.text())?;
    }
    Ok(())
}
