//! What must not leave the machine in a bug report.

use std::fs;

use serde_json::Value;

/// Numbers of one machine, where they may be read.
const SERIALS: [&str; 5] = [
    "product_serial",
    "product_uuid",
    "board_serial",
    "chassis_serial",
    "chassis_asset_tag",
];

/// Words to replace, and what by.
#[derive(Debug, Default)]
pub(super) struct Redactor(Vec<(String, &'static str)>);

impl Redactor {
    /// Knows the names of this host and its users.
    pub(super) fn of_this_machine() -> Self {
        let mut words = Vec::new();
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let host = text("/proc/sys/kernel/hostname");
        let (name, domain) = host.trim().split_once('.').unwrap_or((host.trim(), ""));
        words.push((name.to_owned(), "HOST"));
        words.push((domain.to_owned(), "DOMAIN"));
        words.push((text("/etc/machine-id").trim().to_owned(), "MACHINE"));
        for key in ["USER", "LOGNAME", "SUDO_USER"] {
            words.push((std::env::var(key).unwrap_or_default(), "USER"));
        }
        let home = std::env::var("HOME").unwrap_or_default();
        words.push((Some(home).filter(|home| home != "/").unwrap_or_default(), "HOME"));
        for file in SERIALS {
            words.push((
                text(&format!("/sys/class/dmi/id/{file}")).trim().to_owned(),
                "SERIAL",
            ));
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
        // Root is no secret, nor is what firmware says that has no number; two letters would be found everywhere.
        let common = [
            "root",
            "/root",
            "localhost",
            "None",
            "Default string",
            "Not Specified",
            "To be filled by O.E.M.",
        ];
        words.retain(|(word, _)| word.len() > 2 && !common.contains(&word.as_str()));
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
        text = hide_homes(&text);
        text.split_inclusive(|c: char| !is_address_char(c))
            .map(hide_address)
            .collect()
    }
}

fn is_address_char(c: char) -> bool {
    c.is_ascii_hexdigit() || c == ':' || c == '-'
}

/// The name behind `/home/`, of whoever it is.
fn hide_homes(text: &str) -> String {
    let mut parts = text.split("/home/");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let end = part.find(|c: char| !(c.is_alphanumeric() || "._-$@".contains(c)));
        format!("{text}/home/USER{}", &part[end.unwrap_or(part.len())..])
    })
}

/// Replaces `word`, in capitals or not, where it is no part of a longer one.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(&word.to_ascii_lowercase()) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        out += before;
        out += if joins(before.chars().last()) || joins(after.chars().next()) {
            &rest[at..at + word.len()]
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
        return format!("MAC{tail}");
    }
    let lengths: Vec<_> = word.split('-').map(str::len).collect();
    if lengths == [8, 4, 4, 4, 12] {
        format!("UUID{tail}")
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
        let before = json!({"lines": ["alice@Thinkpad /home/alice/x malice root ab", "/home/bob/y and /home/carol", "eth0 aa:bb:cc:dd:ee:ff up",
            "root=UUID=0d5e1b7c-1f2e-4a3b-8c9d-0123456789ab ro"], "n": 3});
        let after = json!({"lines": ["USER@HOST HOME/x malice root ab", "/home/USER/y and /home/USER", "eth0 MAC up",
            "root=UUID=UUID ro"], "n": 3});
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
            "2025-12-31 a-b",
        ] {
            assert_eq!(redactor.text(text), text);
        }
    }
}
