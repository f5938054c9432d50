//! The one place that writes to stdout and stderr.

use std::io::{self, IsTerminal, Write};

use indicatif::ProgressBar;

/// `text` on one line, without characters that a terminal would obey.
///
/// Line breaks and tabs become spaces; other control characters and the ones that turn the direction of writing go.
pub fn clean(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c })
        .filter(|c| !c.is_control() && !turns(*c))
        .collect()
}

/// Writes one line for people to stderr; an error here has nowhere to go.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", clean(line));
}

/// Writes `text`, which may have several lines, to stderr.
pub fn say_block(text: &str) {
    text.lines().for_each(say);
}

/// Whether `error` says that whoever read our output has gone.
pub fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Results go here. A reader that has gone is remembered, not reported.
#[derive(Debug, Default)]
pub struct Out {
    closed: bool,
    bar: Option<ProgressBar>,
}

impl Out {
    /// Output that steps aside for `bar` where both are on one terminal.
    pub fn beside(bar: Option<ProgressBar>) -> Self {
        let bar = bar.filter(|_| io::stdout().is_terminal());
        Self { closed: false, bar }
    }

    /// Nobody reads stdout any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes `text` whole and flushes.
    ///
    /// # Errors
    /// Where stdout takes no more (disk full), but not where its reader has gone.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let write = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        };
        let result = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        match result {
            Err(e) if is_closed_pipe(&e) => {
                self.closed = true;
                Ok(())
            }
            Err(e) => Err(io::Error::new(e.kind(), format!("stdout: {e}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Writes one line, cleaned.
    ///
    /// # Errors
    /// As [`Out::write`].
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        self.write(&(clean(line) + "\n"))
    }

    /// Writes a table.
    ///
    /// # Errors
    /// As [`Out::write`].
    pub fn table(&mut self, table: &crate::Table) -> io::Result<()> {
        self.write(&table.to_string())
    }

    /// Writes `value` as one JSON object on one line.
    ///
    /// # Errors
    /// As [`Out::write`].
    pub fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        let mut text = String::new();
        for c in value.to_string().chars() {
            match c {
                // serde_json escapes U+0000 to U+001F only; terminals obey these too
                '\u{7f}'..='\u{9f}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => text.push(c),
            }
        }
        self.write(&(text + "\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn terminal_control_is_stripped_and_text_is_not() {
        assert_eq!(clean("a\x1b[31mb\u{9b}c\u{202e}d\ne"), "a[31mbcd e");
        assert_eq!(clean("Größe 你好 🎉"), "Größe 你好 🎉");
    }
}
