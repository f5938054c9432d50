//! What a file says, as sections of facts and rows: the same for people and programs.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use xdna_runtime::formats::Generation;
use xdna_terminal::Table;

use crate::show::View;

/// A file.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Document {
    pub(crate) kind: &'static str,
    pub(crate) bytes: usize,
    #[serde(serialize_with = "generation")]
    pub(crate) generation: Option<Generation>,
    /// What was assumed.
    pub(crate) notes: Vec<String>,
    pub(crate) sections: Vec<Section>,
}

/// A part of a file.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) facts: Vec<(&'static str, Value)>,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// The name of a generation, as `--device` takes it.
pub(crate) fn generation_name(generation: Generation) -> &'static str {
    match generation {
        Generation::Npu1 => "npu1",
        Generation::Npu4 => "npu4",
    }
}

fn generation<S: Serializer>(value: &Option<Generation>, to: S) -> Result<S::Ok, S::Error> {
    value.map(generation_name).serialize(to)
}

impl Section {
    /// A part without content.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// With a fact.
    pub(crate) fn fact(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// With a table.
    pub(crate) fn table<const N: usize>(
        mut self,
        columns: [&'static str; N],
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> Self {
        self.columns = columns.to_vec();
        self.rows = rows.into_iter().map(Vec::from).collect();
        self
    }

    fn text(&self) -> String {
        let mut text = format!("\n{}\n", xdna_terminal::clean(&self.title));
        let mut facts = Table::untitled();
        for (name, value) in &self.facts {
            facts.pair(name, cell(value));
        }
        if !facts.is_empty() {
            text += &facts.to_string();
        }
        if !self.rows.is_empty() {
            let mut table = Table::new(&self.columns);
            for row in &self.rows {
                table.row(row.iter().map(cell));
            }
            text += &table.to_string();
        }
        text
    }
}

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let facts: Map<_, _> = self
            .facts
            .iter()
            .map(|(name, v)| ((*name).to_owned(), v.clone()))
            .collect();
        let row = |row: &Vec<Value>| -> Value {
            let cells = self.columns.iter().zip(row);
            Value::Object(cells.map(|(name, v)| ((*name).to_owned(), v.clone())).collect())
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        serde_json::json!({"title": self.title, "facts": facts, "rows": rows}).serialize(to)
    }
}

/// A value for people.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(map) => {
            let pairs: Vec<_> = map
                .iter()
                .map(|(name, v)| format!("{name}={}", cell(v)))
                .collect();
            pairs.join(" ")
        }
        other => other.to_string(),
    }
}

/// The checksum (CRC-32) of content that is not shown itself: tells whether two files have the same.
pub(crate) fn checksum(bytes: &[u8]) -> Value {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    format!("{:08x}", crc.sum()).into()
}

/// A number as people read addresses.
pub(crate) fn hex(number: u64) -> Value {
    format!("{number:#x}").into()
}

impl View for Document {
    const SCHEMA: &'static str = "xdna.dump/1";

    fn text(&self) -> String {
        let mut facts = Table::untitled();
        facts.pair("kind", self.kind);
        facts.pair("size", format!("{} bytes", self.bytes));
        facts.pair("generation", self.generation.map_or("any", generation_name));
        for note in &self.notes {
            facts.pair("note", note);
        }
        let sections: String = self.sections.iter().map(Section::text).collect();
        format!("{facts}{sections}")
    }
}
