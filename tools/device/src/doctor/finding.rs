//! What the doctor says.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Worth knowing.
    Note,
    /// The NPU works, something about it does not.
    Warns,
    /// The NPU can't be used before this is mended.
    Blocks,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// A stable name.
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    /// What is wrong.
    pub(crate) what: String,
    /// What it was concluded from.
    pub(crate) evidence: Vec<String>,
    /// What to do, commands to type among it.
    pub(crate) todo: Vec<String>,
}

impl Finding {
    /// A cause that keeps the NPU from being used.
    pub(crate) fn blocks(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Severity::Blocks, what)
    }

    /// A cause of lesser trouble.
    pub(crate) fn warns(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Severity::Warns, what)
    }

    /// Something worth knowing.
    pub(crate) fn note(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Severity::Note, what)
    }

    fn new(id: &'static str, severity: Severity, what: impl Into<String>) -> Self {
        Self {
            id,
            severity,
            what: what.into(),
            evidence: Vec::new(),
            todo: Vec::new(),
        }
    }

    /// With what it was concluded from.
    pub(crate) fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// With more of that.
    pub(crate) fn seen_all(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// With something to do.
    pub(crate) fn todo(mut self, step: impl Into<String>) -> Self {
        self.todo.push(step.into());
        self
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mark = match self.severity {
            Severity::Blocks => "problem",
            Severity::Warns => "warning",
            Severity::Note => "note",
        };
        let clean = xdna_terminal::clean;
        let mut text = format!("{mark}: {} ({})\n", clean(&self.what), self.id);
        for line in &self.evidence {
            text += &format!("  seen: {}\n", clean(line));
        }
        for line in &self.todo {
            text += &format!("  do:   {}\n", clean(line));
        }
        text
    }
}
