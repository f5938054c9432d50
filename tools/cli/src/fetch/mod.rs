//! `xdna fetch`: models from the Hugging Face hub to our own directory.
//!
//! Tested against a server on the same machine that stalls, truncates, restarts and lies; the hub itself could not be
//! reached where the tests were made.

use std::{
    fs::{self, File},
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use xdna_whisper::model::{locate::Places, registry};

use crate::{
    bundled, exit,
    terminal::{self, Out},
};

mod digest;
mod download;
mod hub;
mod record;
mod select;
#[cfg(test)]
mod tests;

use hub::{Hub, Revision};
use record::Record;

#[derive(Args, Debug)]
#[command(after_help = "\
A model goes to $XDNA_MODEL_DIR, else to xdna/models in $XDG_CACHE_HOME (~/.cache), where every verb
finds it. An interrupted download goes on where it stopped. What was downloaded is compared with the
digest that the hub states; the commit is recorded in xdna.json. $HF_ENDPOINT names another hub.

Examples:
  xdna fetch base
  xdna fetch Systran/faster-whisper-small --revision main
  xdna fetch ggml-large-v3-turbo-q5_0.bin --dir /srv/models")]
pub(crate) struct Fetch {
    /// A name of `xdna models`, a repository of the hub (OWNER/NAME), or a file of whisper.cpp's
    /// (ggml-*.bin)
    pub(crate) name: String,
    /// Branch, tag or commit
    #[arg(long, default_value = "main")]
    pub(crate) revision: String,
    /// Directory of models to put it into
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Fetches a model and writes its path to stdout.
///
/// # Errors
/// Where the name means nothing, the hub cannot be reached or does not have it, what comes is not what the hub
/// states, or it cannot be stored.
pub(crate) fn run(args: &Fetch, places: &Places, out: &mut Out) -> Result<()> {
    let places = match &args.dir {
        Some(dir) => places.clone().with_own(dir),
        None => places.clone(),
    };
    let path = model(&args.name, &args.revision, &places)?;
    Ok(out.line(&path.display().to_string())?)
}

/// Fetches a model to our own directory of `places`, unless it is there at that revision already.
///
/// # Errors
/// As [`run`].
pub(crate) fn model(name: &str, revision: &str, places: &Places) -> Result<PathBuf> {
    let hub = Hub::new(&hub::endpoint(), Patience::default());
    fetch(&hub, name, revision, places)
}

/// How long a server may take, and how often it may fail.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For a connection, and for an answer's first byte.
    answer: Duration,
    /// Between two reads.
    stall: Duration,
    /// Failures in a row without a byte of progress.
    failures: u32,
    /// Pause after the first failure; it doubles with each one.
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            failures: 5,
            pause: Duration::from_secs(1),
        }
    }
}

impl Patience {
    /// Pause after the `n`th failure in a row, counted from 1.
    fn pause(&self, n: u32) -> Duration {
        self.pause * (1 << (n - 1).min(5))
    }
}

/// What a name means on the hub.
struct Source {
    repository: String,
    /// One file of it, not a whole model.
    file: Option<String>,
}

impl Source {
    fn new(name: &str) -> Result<Self> {
        let of = |repository: &str, file| Self {
            repository: repository.to_owned(),
            file,
        };
        let known = registry::known(name).filter(|_| !registry::is_repository(name));
        match (known, registry::whisper_cpp_file(name)) {
            (Some(known), _) => Ok(of(known.repository, None)),
            _ if registry::is_repository(name) => Ok(of(name, None)),
            (None, Some(file)) => Ok(of(registry::WHISPER_CPP, Some(file))),
            (None, None) if name == bundled::NAME && bundled::model().is_some() => Err(exit::usage(
                "the bundled model is inside this program; there is nothing to fetch",
            )),
            (None, None) => Err(exit::usage(format!(
                "{name} is no known model (see `xdna models`), no repository of the hub (OWNER/NAME) and no \
                 file of whisper.cpp's (ggml-*.bin)"
            ))),
        }
    }
}

fn fetch(hub: &Hub, name: &str, revision: &str, places: &Places) -> Result<PathBuf> {
    let source = Source::new(name)?;
    let target = places
        .destination(name)
        .context("no directory for models: set XDNA_MODEL_DIR")?;
    let Revision { commit, files } = hub.revision(&source.repository, revision)?;
    let files = select::files(&source.repository, files, source.file.as_deref())?;
    let record = Record::new(&source.repository, revision, &commit, files);
    let record_path = match &source.file {
        Some(_) => with_suffix(&target, ".xdna.json"),
        None => target.join(record::NAME),
    };
    let here = if source.file.is_some() {
        target.parent().unwrap_or(&target)
    } else {
        &target
    };
    if Record::load(&record_path).is_some_and(|old| old.files == record.files) && record.is_whole(here) {
        record.store(&record_path)?;
        terminal::say(&format!("{name} is there already, at commit {commit}"));
        return Ok(target);
    }

    let staging = with_suffix(&target, ".part");
    let create = || fs::create_dir_all(&staging);
    create().with_context(|| staging.display().to_string())?;
    let lock_path = with_suffix(&target, ".lock");
    let lock = File::create(&lock_path).with_context(|| lock_path.display().to_string())?;
    if lock.try_lock().is_err() {
        bail!("{}: another process is fetching this model", lock_path.display());
    }
    forget_others(&staging, &record)?;
    terminal::say(&format!(
        "fetching {name} from {} at commit {commit}",
        source.repository
    ));
    let bar = progress(record.bytes());
    for file in &record.files {
        download::file(hub, &record, file, &staging, &bar)?;
    }
    bar.finish_and_clear();
    record.store(&staging.join(record::NAME))?;
    match &source.file {
        Some(file) => {
            fs::rename(staging.join(file), &target)?;
            fs::rename(staging.join(record::NAME), &record_path)?;
            fs::remove_dir_all(&staging)?;
        }
        None => replace(&staging, &target).with_context(|| target.display().to_string())?,
    }
    fs::remove_file(&lock_path)?;
    Ok(target)
}

/// Moves the directory `new` to `old`, which may exist.
fn replace(new: &Path, old: &Path) -> io::Result<()> {
    let aside = with_suffix(old, ".old");
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    match fs::rename(old, &aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    fs::rename(new, old)?;
    if aside.exists() {
        fs::remove_dir_all(&aside)
    } else {
        Ok(())
    }
}

/// Removes what an earlier fetch of another revision left.
fn forget_others(staging: &Path, record: &Record) -> io::Result<()> {
    let ours: Vec<_> = record
        .files
        .iter()
        .flat_map(|f| [f.name.clone(), download::part_name(f)])
        .collect();
    for entry in fs::read_dir(staging)? {
        let entry = entry?;
        if !ours.iter().any(|name| entry.file_name() == name.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn progress(bytes: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
