//! What a program has drawn on its terminal.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// How long something may take to appear.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Cells of a terminal larger than any that is tested, and where the next character goes.
#[derive(Default)]
struct Grid {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Grid {
    fn put(&mut self, c: char) {
        while self.lines.len() <= self.row {
            self.lines.push(Vec::new());
        }
        let line = &mut self.lines[self.row];
        while line.len() <= self.column {
            line.push(' ');
        }
        line[self.column] = c;
        self.column += 1;
    }

    /// Obeys text with the sequences that move and erase; colours and modes are passed over.
    fn obey(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\u{1b}' => {
                    if rest.next() != Some('[') {
                        continue;
                    }
                    let sequence: String = rest.by_ref().take_while(|c| !c.is_ascii_alphabetic()).collect();
                    // take_while has eaten the letter: what it was is the character before what is left.
                    let left = rest.as_str().len();
                    let letter = text[..text.len() - left].chars().next_back();
                    self.control(letter, &sequence);
                }
                '\r' => self.column = 0,
                '\n' => self.row += 1,
                c => self.put(c),
            }
        }
    }

    fn control(&mut self, letter: Option<char>, sequence: &str) {
        let mut numbers = sequence.split(';').map(|n| n.parse().unwrap_or(1_usize));
        match letter {
            Some('H') => {
                self.row = numbers.next().unwrap_or(1).saturating_sub(1);
                self.column = numbers.next().unwrap_or(1).saturating_sub(1);
            }
            Some('J') => self.lines.clear(),
            _ => {}
        }
    }

    fn text(&self) -> String {
        let lines = self
            .lines
            .iter()
            .map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n");
        lines.collect()
    }
}

/// The screen of a pseudo-terminal.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Grid>>);

impl Screen {
    /// Draws whatever comes out of a terminal's other side.
    pub fn of(mut terminal: File) -> Self {
        let screen = Self::default();
        let grid = screen.0.clone();
        thread::spawn(move || {
            let (mut bytes, mut kept) = ([0; 4096], Vec::new());
            // EIO: the other side has been closed.
            while let Ok(n @ 1..) = terminal.read(&mut bytes) {
                kept.extend_from_slice(&bytes[..n]);
                // A frame ends where the program pauses; a sequence cut in two waits for its rest.
                let whole = kept
                    .iter()
                    .rposition(|b| *b == 0x1b)
                    .filter(|at| kept.len() - at < 16);
                let end = if n == bytes.len() {
                    whole.unwrap_or(kept.len())
                } else {
                    kept.len()
                };
                let rest = kept.split_off(end);
                grid.lock()
                    .expect("the grid")
                    .obey(&String::from_utf8_lossy(&kept));
                kept = rest;
            }
        });
        screen
    }

    /// Waits until a line of the screen satisfies `is`.
    pub fn until(&self, what: &str, is: impl Fn(usize, &str) -> bool) -> Result<(), Failed> {
        let begin = Instant::now();
        let mut text = String::new();
        while begin.elapsed() < PATIENCE {
            text = self.0.lock().expect("the grid").text();
            if text.lines().enumerate().any(|(i, line)| is(i, line)) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("{what}: not on the screen\n{text}").into())
    }
}
