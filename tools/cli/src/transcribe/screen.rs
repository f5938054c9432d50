//! What people watch: lines of text on stdout, a progress bar and notes on stderr.

use std::{
    io,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use xdna_whisper::{Segment, output};

use crate::{
    args::Transcribe,
    terminal::{Out, clean, say, say_block},
};

/// The terminal, or whatever stands where one could be.
#[derive(Debug)]
pub(super) struct Screen {
    /// Results.
    pub(super) out: Out,
    bar: ProgressBar,
    started: Instant,
    text: bool,
    timestamps: bool,
}

impl Screen {
    /// A screen for what the flags ask for.
    pub(super) fn new(args: &Transcribe) -> Self {
        // indicatif draws nothing where stderr is no terminal
        let target = if args.json {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {prefix}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self {
            out: Out::beside(Some(bar.clone())),
            bar,
            started: Instant::now(),
            text: args.verbose && !args.json,
            timestamps: args.timestamps,
        }
    }

    /// The next file begins.
    pub(super) fn begin(&mut self, name: &str) {
        self.started = Instant::now();
        self.bar.reset();
        self.bar.set_message(clean(name));
        self.bar.set_prefix("");
    }

    /// So much sound is done.
    pub(super) fn progress(&self, done: Duration, total: Duration) {
        let (seconds, all) = (done.as_secs_f64(), total.as_secs_f64());
        let speed = seconds / self.started.elapsed().as_secs_f64().max(1e-9);
        self.bar.set_length(total.as_millis() as u64);
        self.bar.set_position(done.as_millis() as u64);
        self.bar
            .set_prefix(format!("{seconds:.0}/{all:.0} s {speed:.1}x realtime"));
        self.bar.tick();
    }

    /// A segment is finished.
    ///
    /// # Errors
    /// Where stdout takes no more.
    pub(super) fn segment(&mut self, segment: &Segment) -> io::Result<()> {
        let nothing = segment.text.trim().is_empty();
        if !self.text || nothing {
            return Ok(());
        }
        self.out.line(&output::segment_line(segment, self.timestamps))
    }

    /// A line for people.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    /// Lines for people.
    pub(super) fn say_block(&self, text: &str) {
        self.bar.suspend(|| say_block(text));
    }

    /// No more files.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
