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
        for name in [text("/proc/sys/kernel/hostname"), text("/etc/hostname")] {
            words.extend(names_of_host(name.trim()));
        }
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
        // Accounts that are known elsewhere alone.
        let text = hide_homes(&text);
        text.split_inclusive(|c: char| !is_address_char(c))
            .map(hide_address)
            .collect()
    }
}

fn is_address_char(c: char) -> bool {
    c.is_ascii_hexdigit() || c == ':' || c == '-'
}

/// A host's name, without and with its domain, and the domain.
fn names_of_host(name: &str) -> Vec<(String, &'static str)> {
    let mut names = vec![(name.to_owned(), "HOST")];
    if let Some((short, domain)) = name.split_once('.') {
        names.extend([(short.to_owned(), "HOST"), (domain.to_owned(), "DOMAIN")]);
    }
    names
}

/// Replaces `word`, in capitals or not, where it is no part of a longer one.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    // Bytes of other alphabets stay what and where they are.
    let (lower, wanted) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut out = String::new();
    let mut from = 0;
    for (at, _) in lower.match_indices(&wanted) {
        let end = at + word.len();
        if joins(text[..at].chars().last()) || joins(text[end..].chars().next()) {
            continue;
        }
        out += &text[from..at];
        out += by;
        from = end;
    }
    out + &text[from..]
}

/// Replaces the name behind every `/home/`.
fn hide_homes(text: &str) -> String {
    let mut pieces = text.split("/home/");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_end = |c: char| c.is_whitespace() || "/:,;\"'()".contains(c);
        let end = piece.find(is_end).unwrap_or(piece.len());
        let name = if end == 0 { "" } else { "USER" };
        out += &format!("/home/{name}{}", &piece[end..]);
    }
    out
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
    fn hosts_have_domains_and_homes_have_names_and_capitals_hide_nothing() {
        let mut words = names_of_host("thinkpad.example.org");
        words.push(("bob".into(), "USER"));
        let redactor = Redactor::new(words);
        for (before, after) in [
            ("Thinkpad.Example.org: THINKPAD up", "HOST: HOST up"),
            ("mail.example.org", "mail.DOMAIN"),
            (
                "/home/carol/x, /home/dave: /home/",
                "/home/USER/x, /home/USER: /home/",
            ),
            ("Bob bobsled Größe", "USER bobsled Größe"),
        ] {
            assert_eq!(redactor.text(before), after);
        }
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
