//! Values that may be missing, with the reason.

use std::fmt;

use serde::{Serialize, Serializer};
use xdna_driver::Error;

/// A value, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported<T> {
    /// The value.
    Is(T),
    /// There is none.
    Missing(Missing),
}

/// Why a value is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Something newer, or something else, would report it.
    Needs(&'static str),
    /// Root may see it.
    Root,
    /// The firmware could report it and does not.
    Firmware,
    /// The driver has a field for it and never fills it.
    Driver,
    /// Asking for it failed.
    Failed(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs(what) => write!(f, "needs {what}"),
            Self::Root => f.write_str("needs root"),
            Self::Firmware => f.write_str("firmware does not report it"),
            Self::Driver => f.write_str("driver does not report it"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl<T> Reported<T> {
    /// The driver's answer; where it knows no such question, `needs` would.
    pub fn of(answer: Result<T, Error>, needs: &'static str) -> Self {
        answer.map_or_else(|e| Self::Missing(reason(&e, needs)), Self::Is)
    }

    /// The value.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Missing(_) => None,
        }
    }

    /// Why there is no value.
    pub fn missing(&self) -> Option<&Missing> {
        match self {
            Self::Is(_) => None,
            Self::Missing(why) => Some(why),
        }
    }

    /// The value as something else.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reported<U> {
        match self {
            Self::Is(value) => Reported::Is(f(value)),
            Self::Missing(why) => Reported::Missing(why),
        }
    }
}

fn reason(e: &Error, needs: &'static str) -> Missing {
    match e.errno() {
        // EINVAL: the kernel's table has no such request.
        Some(libc::EOPNOTSUPP | libc::EINVAL) => Missing::Needs(needs),
        Some(libc::EPERM | libc::EACCES) => Missing::Root,
        _ => Missing::Failed(e.to_string()),
    }
}

impl<T: fmt::Display> fmt::Display for Reported<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => value.fmt(f),
            Self::Missing(why) => write!(f, "- ({why})"),
        }
    }
}

impl<T: Serialize> Serialize for Reported<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self {
            Self::Is(value) => value.serialize(serializer),
            Self::Missing(why) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("missing", &why.to_string())?;
                map.end()
            }
        }
    }
}

/// Reasons said once under a table whose cells have no room for them.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<String>);

impl Notes {
    /// A cell: the value, or a dash with the number of its reason.
    pub(crate) fn cell<T: fmt::Display>(&mut self, value: &Reported<T>) -> String {
        match value {
            Reported::Is(value) => value.to_string(),
            Reported::Missing(why) => {
                let why = why.to_string();
                let at = self.0.iter().position(|known| *known == why);
                let at = at.unwrap_or_else(|| {
                    self.0.push(why);
                    self.0.len() - 1
                });
                format!("- ({})", at + 1)
            }
        }
    }

    /// The reasons, a line each.
    pub(crate) fn lines(&self) -> String {
        let lines = self.0.iter().enumerate();
        lines.map(|(i, why)| format!("({}) {why}\n", i + 1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_says_why_to_people_and_programs() {
        let missing: Reported<u32> = Reported::Missing(Missing::Needs("Linux 7.1"));
        assert_eq!(missing.to_string(), "- (needs Linux 7.1)");
        assert_eq!(
            serde_json::to_string(&missing).unwrap(),
            r#"{"missing":"needs Linux 7.1"}"#
        );
        assert_eq!(serde_json::to_string(&Reported::Is(3)).unwrap(), "3");
        assert_eq!((missing.get(), Reported::Is(3).missing()), (None, None));
    }

    #[test]
    fn a_reason_is_noted_once() {
        let mut notes = Notes::default();
        let root: Reported<u32> = Reported::Missing(Missing::Root);
        let cells = [
            notes.cell(&root),
            notes.cell(&Reported::Is(1)),
            notes.cell(&Reported::<u32>::Missing(Missing::Driver)),
            notes.cell(&root),
        ];
        assert_eq!(cells, ["- (1)", "1", "- (2)", "- (1)"]);
        assert_eq!(notes.lines(), "(1) needs root\n(2) driver does not report it\n");
    }
}
