//! `xdna transcribe`: a thin client of `xdna-whisper`.
//!
//! One thread works, one watches for signals, and the main thread writes whatever they report, so that nothing that
//! blocks keeps Ctrl-C waiting.

mod files;
mod input;
mod placement;
mod plan;
mod report;
mod screen;
mod signals;
mod worker;

use std::{collections::VecDeque, ffi::OsString, sync::mpsc};

use anyhow::anyhow;
use serde_json::Value;
use xdna_whisper::{Cancel, Segment, Transcription};

use crate::{
    args::Transcribe,
    exit::{self, Exit, Refusal},
};
use files::Output;
use plan::Plan;
use report::Loaded;
use screen::Screen;
use worker::{Job, Message};

/// Transcribes what the flags ask for.
///
/// # Errors
/// Usage, no device, no model, stdout full. A file that fails is reported and makes the result [`Exit::Failed`].
pub(crate) fn run(args: &Transcribe) -> anyhow::Result<Exit> {
    let plan = Plan::new(args)?;
    let (to, from) = mpsc::channel();
    signals::watch(to.clone())?;
    let mut run = Run {
        args,
        screen: Screen::new(args),
        waiting: VecDeque::new(),
        loaded: Loaded::default(),
        segments: Vec::new(),
        reports: Vec::new(),
        exit: Exit::Done,
    };
    run.queue(plan.files);
    let cancel = Cancel::default();
    let files = run
        .waiting
        .iter()
        .map(|(name, _)| name.clone())
        .collect::<Vec<_>>();
    if !files.is_empty() {
        let job = Job {
            args: args.clone(),
            options: plan.options,
            reason: plan.reason,
            files,
        };
        worker::start(job, cancel.clone(), to)?;
        let result = run.listen(&from);
        cancel.cancel();
        run.screen.end();
        result?;
    }
    run.finish()
}

struct Run<'a> {
    args: &'a Transcribe,
    screen: Screen,
    /// Files not ended yet, the one under way first.
    waiting: VecDeque<(OsString, Vec<Output>)>,
    loaded: Loaded,
    /// What is finished of the file under way.
    segments: Vec<Segment>,
    reports: Vec<Value>,
    exit: Exit,
}

impl Run<'_> {
    /// Takes the files whose outputs can be written, reports the others.
    fn queue(&mut self, files: Vec<(OsString, Vec<Output>)>) {
        for (name, outputs) in files {
            match files::check(&outputs, self.args.force) {
                Ok(()) => self.waiting.push_back((name, outputs)),
                Err(e) => self.failed(&name.to_string_lossy(), &e),
            }
        }
    }

    /// Handles messages until the work has ended, a signal came or nobody reads any more.
    fn listen(&mut self, from: &mpsc::Receiver<Message>) -> anyhow::Result<()> {
        self.begin();
        loop {
            match from.recv() {
                Ok(Message::Interrupted) => return self.interrupted(),
                Ok(Message::Loaded(loaded)) => {
                    if let Some(plan) = loaded.plan.as_ref().filter(|_| !self.args.json) {
                        self.screen.say_block(&plan.table());
                    }
                    self.loaded = loaded;
                }
                Ok(Message::Language { code, probability }) => {
                    log::info!("language: {code} (probability {probability:.3})");
                }
                Ok(Message::Progress { done, total }) => self.screen.progress(done, total),
                Ok(Message::Segment(segment)) => {
                    self.screen.segment(&segment)?;
                    self.segments.push(segment);
                }
                Ok(Message::Finished(result)) => self.finished(result)?,
                Ok(Message::Unable(e)) => return self.unable(e),
                Ok(Message::End) => return Ok(()),
                Err(mpsc::RecvError) => {
                    return Err(anyhow!("the worker ended without a word: a bug of this program"));
                }
            }
            let outputs = self.waiting.iter().any(|(_, outputs)| !outputs.is_empty());
            if self.screen.out.is_closed() && !outputs {
                return Ok(());
            }
        }
    }

    fn begin(&mut self) {
        self.segments.clear();
        if let Some((name, _)) = self.waiting.front() {
            self.screen.begin(&name.to_string_lossy());
        }
    }

    fn finished(&mut self, result: anyhow::Result<Box<Transcription>>) -> anyhow::Result<()> {
        let Some((name, outputs)) = self.waiting.pop_front() else {
            return Ok(());
        };
        let name = name.to_string_lossy();
        match result.and_then(|t| self.write(&t, &outputs).map(|()| t)) {
            Ok(t) => {
                if self.args.stats {
                    let lines = report::stats(&name, &self.loaded, &t.stats);
                    lines.iter().for_each(|line| self.screen.say(line));
                }
                let paths = outputs.iter().map(|o| o.path.display().to_string()).collect();
                self.reports
                    .push(report::done(&name, &t.transcript, paths, &t.stats));
            }
            Err(e) => self.failed(&name, &e),
        }
        self.begin();
        Ok(())
    }

    fn write(&self, t: &Transcription, outputs: &[Output]) -> anyhow::Result<()> {
        let contents = files::contents(outputs, &t.transcript, self.args)?;
        files::write(outputs, &contents, self.args.force)
    }

    fn failed(&mut self, name: &str, error: &anyhow::Error) {
        let text = exit::message(error);
        // most errors name the file already
        let line = if text.contains(name) {
            format!("xdna: {text}")
        } else {
            format!("xdna: {name}: {text}")
        };
        self.screen.say(&line);
        self.reports.push(report::failed(name, &text));
        self.exit = Exit::Failed;
    }

    /// Nothing could be done: every file has failed, for one reason.
    fn unable(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        let text = exit::message(&error);
        for (name, _) in std::mem::take(&mut self.waiting) {
            self.reports.push(report::failed(&name.to_string_lossy(), &text));
        }
        self.json()?;
        Err(error)
    }

    fn interrupted(&mut self) -> anyhow::Result<()> {
        if let Some((name, _)) = self.waiting.front() {
            self.reports
                .push(report::interrupted(&name.to_string_lossy(), &self.segments));
        }
        self.screen.end();
        self.json()?;
        Err(Refusal::Interrupted.into())
    }

    fn json(&mut self) -> anyhow::Result<()> {
        if self.args.json {
            let files = std::mem::take(&mut self.reports);
            self.screen
                .out
                .json(&report::object(&self.args.model, &self.loaded, files))?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Exit> {
        self.json()?;
        Ok(self.exit)
    }
}
