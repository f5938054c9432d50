//! What must not leave the machine in a bug report.

use std::fs;

use serde_json::Value;

/// Words to replace, and what by.
#[derive(Debug, Default)]
pub(super) struct Redactor(Vec<(String, &'static str)>);

impl Redactor {
    /// Knows the names of this host and its users.
    pub(super) fn of_this_machine() -> Self {
        let mut words = Vec::new();
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        words.push((text("/proc/sys/kernel/hostname").trim().to_owned(), "HOST"));
        words.push((text("/etc/machine-id").trim().to_owned(), "MACHINE"));
        for key in ["USER", "LOGNAME", "SUDO_USER"] {
            words.push((std::env::var(key).unwrap_or_default(), "USER"));
        }
        // Accounts of people, by the number at which distributions begin to give them.
        for line in text("/etc/passwd").lines() {
            let fields: Vec<_> = line.split(':').collect();
            let [name, _, uid, _, full, home, ..] = fields[..] else {
                continue;
            };
            if uid.parse::<u32>().is_ok_and(|uid| (1000..60000).contains(&uid)) {
                words.push((home.to_owned(), "HOME"));
                words.push((name.to_owned(), "USER"));
                words.push((full.split(',').next().unwrap_or(full).to_owned(), "USER"));
            }
        }
        Self::new(words)
    }

    fn new(mut words: Vec<(String, &'static str)>) -> Self {
        // Root is no secret; two letters would be found everywhere.
        words.retain(|(word, _)| word.len() > 2 && word != "root" && word != "localhost");
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        words.dedup();
        Self(words)
    }

    /// Every text of an object, redacted; keys stay.
    pub(super) fn object(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(list) => Value::Array(list.into_iter().map(|v| self.object(v)).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, v)| (key, self.object(v))).collect())
            }
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (word, by) in &self.0 {
            text = replace_word(&text, word, by);
        }
        text.split_inclusive(|c: char| !is_address_char(c))
            .map(hide_address)
            .collect()
    }
}

fn is_address_char(c: char) -> bool {
    c.is_ascii_hexdigit() || c == ':'
}

/// Replaces `word` where it is no part of a longer one.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        out += before;
        out += if joins(before.chars().last()) || joins(after.chars().next()) {
            word
        } else {
            by
        };
        rest = after;
    }
    out + rest
}

/// A piece of text that ends after the first character that can't be of an address.
fn hide_address(piece: &str) -> String {
    let end = piece.find(|c| !is_address_char(c)).unwrap_or(piece.len());
    let (word, tail) = piece.split_at(end);
    let parts: Vec<_> = word.split(':').collect();
    if parts.len() == 6 && parts.iter().all(|p| p.len() == 2) {
        format!("MAC{tail}")
    } else {
        piece.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_addresses_go_and_the_rest_stays() {
        let words = [
            ("alice", "USER"),
            ("/home/alice", "HOME"),
            ("thinkpad", "HOST"),
            ("root", "USER"),
            ("ab", "USER"),
        ];
        let redactor = Redactor::new(words.map(|(w, by)| (w.to_owned(), by)).to_vec());
        let before = json!({"lines": ["alice@thinkpad /home/alice/x malice root ab", "eth0 aa:bb:cc:dd:ee:ff up"], "n": 3});
        let after = json!({"lines": ["USER@HOST HOME/x malice root ab", "eth0 MAC up"], "n": 3});
        assert_eq!(redactor.object(before), after);
    }

    #[test]
    fn pci_addresses_and_times_are_no_hardware_addresses() {
        let redactor = Redactor::default();
        for text in [
            "amdxdna 0000:c5:00.1: up",
            "12:34:56",
            "[  1.5] x",
            "aa:bb:cc:dd:ee",
        ] {
            assert_eq!(redactor.text(text), text);
        }
    }
}
