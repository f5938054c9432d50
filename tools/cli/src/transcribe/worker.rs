//! The thread that does the work: everything that can block or take long happens here.

use std::{
    ffi::OsString,
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, mpsc::Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use xdna_whisper::{Cancel, Event, Options, Segment, Transcription, Whisper};

use super::{input, placement::Placement, plan, report::Loaded};
use crate::{args::Transcribe, config, model};

/// What the main thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A signal came.
    Interrupted,
    /// The model is there.
    Loaded(Loaded),
    /// Language of the file under way.
    Language { code: String, probability: f32 },
    /// Sound done of the file under way.
    Progress { done: Duration, total: Duration },
    /// A segment of the file under way is finished.
    Segment(Segment),
    /// The file under way ended.
    Finished(Result<Box<Transcription>, anyhow::Error>),
    /// Nothing can be done, for any file.
    Unable(anyhow::Error),
    /// All files ended.
    End,
}

/// What to do.
#[derive(Debug)]
pub(super) struct Job {
    /// The flags.
    pub(super) args: Transcribe,
    /// Why operators run where they run.
    pub(super) reason: &'static str,
    /// Options for the library.
    pub(super) options: Options,
    /// Files, in order.
    pub(super) files: Vec<OsString>,
}

/// Starts the work; every file gets one [`Message::Finished`], in order.
///
/// # Errors
/// Where the system refuses the thread.
pub(super) fn start(job: Job, cancel: Cancel, to: Sender<Message>) -> io::Result<()> {
    let work = move || {
        let result = panic::catch_unwind(AssertUnwindSafe(|| job.run(&cancel, &to)));
        let last = match result {
            Ok(Ok(())) => Message::End,
            Ok(Err(e)) => Message::Unable(e),
            Err(_) => Message::Unable(anyhow!(
                "a bug of this program ended the work, see above; please report it"
            )),
        };
        // fails where the main thread has ended: then nobody waits for the result either
        let _ = to.send(last);
    };
    thread::Builder::new()
        .name("xdna-worker".to_owned())
        .spawn(work)?;
    Ok(())
}

impl Job {
    fn run(mut self, cancel: &Cancel, to: &Sender<Message>) -> anyhow::Result<()> {
        let start = Instant::now();
        let places = config::places_with(self.args.model_dir.as_deref());
        let checkpoint = model::load(&self.args.model, &places, self.args.download)?;
        let origin = checkpoint.origin.clone();
        let backend = xdna_ops::Cpu::new(self.args.threads.0.unwrap_or(0))?;
        let whisper = Whisper::new(checkpoint, Arc::new(backend))?;
        let took = start.elapsed();
        let plan = self.args.plan.then(|| Placement::new(&whisper, self.reason));
        let _ = to.send(Message::Loaded(Loaded { origin, took, plan }));
        plan::suit(&mut self.options, &whisper);
        for file in &self.files {
            if cancel.is_cancelled() {
                break;
            }
            let mut tell = |event: Event<'_>| {
                let _ = to.send(match event {
                    Event::Language { code, probability } => Message::Language {
                        code: code.to_owned(),
                        probability,
                    },
                    Event::Progress { done, total } => Message::Progress { done, total },
                    Event::Segment(segment) => Message::Segment(segment.clone()),
                    _ => return,
                });
            };
            let audio = input::open(file, &self.args).map_err(anyhow::Error::from);
            let result =
                audio.and_then(|audio| Ok(whisper.transcribe(&audio, &self.options, cancel, &mut tell)?));
            let _ = to.send(Message::Finished(result.map(Box::new)));
        }
        Ok(())
    }
}
