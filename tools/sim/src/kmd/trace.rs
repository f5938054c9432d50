//! The log of every call: one line each, with the structs as the driver read and wrote them.
//!
//! `thread 17 client 1 create_bo amdxdna_drm_create_bo { flags: 0, ... } = 0 amdxdna_drm_create_bo { ... }`
//!
//! What lies behind pointers follows: ` behind qos_p amdxdna_qos_info { gops: 0, ... }; ...`.
//! Opens of the node and of files of its device in sysfs, which belong to no client yet, are client 0's.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::client::ClientId;
use super::dispatch::Answer;

/// Where calls are written.
#[derive(Debug)]
pub struct Trace {
    file: Option<File>,
    /// Cycles of commands are told to stderr, too.
    tells_cycles: bool,
}

impl Trace {
    /// To the file at `path`, or nowhere; cycles also to stderr if `tells_cycles`.
    ///
    /// # Errors
    /// When the file cannot be made; the message names it.
    pub fn new(path: Option<&Path>, tells_cycles: bool) -> io::Result<Self> {
        let create = |path: &Path| {
            let named = |e: io::Error| io::Error::new(e.kind(), format!("trace {}: {e}", path.display()));
            File::create(path).map_err(named)
        };
        Ok(Self {
            tells_cycles,
            file: path.map(create).transpose()?,
        })
    }

    /// True if lines are wanted.
    pub fn is_on(&self) -> bool {
        self.file.is_some()
    }

    /// One finished call: `input` and `output` are its struct before and after.
    pub fn call(
        &mut self,
        thread: i32,
        client: ClientId,
        name: &str,
        input: &str,
        answer: &Answer,
        output: &str,
    ) {
        let answer = match answer {
            Ok(value) => value.to_string(),
            Err(e) => format!("{e:?}"),
        };
        self.line(&format!(
            "thread {thread} client {} {name} {input} = {answer} {output}",
            client.0
        ));
    }

    /// How many cycles of the array a command took: what comes of documented widths and assumed latencies.
    pub fn cycles(&mut self, client: ClientId, context: u32, cycles: u64) {
        let text = format!(
            "client {} context {context}: about {cycles} cycles of the array (an estimate)",
            client.0
        );
        if self.tells_cycles && writeln!(io::stderr(), "xdna-sim: {text}").is_err() {
            // Who closed stderr wants to hear nothing.
            self.tells_cycles = false;
        }
        self.line(&text);
    }

    /// One line; a file that cannot be written is given up with a warning.
    pub fn line(&mut self, text: &str) {
        let Some(file) = &mut self.file else { return };
        if let Err(e) = file.write_all(format!("{}\n", text.trim_end()).as_bytes()) {
            log::warn!("the trace ends here: {e}");
            self.file = None;
        }
    }
}
