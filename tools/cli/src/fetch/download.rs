//! One file: resumed, retried, verified.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use ureq::http::{StatusCode, header};

use super::{
    hub::{self, Hub},
    record::{Record, RemoteFile},
};

/// Name of an unfinished file. It holds the digest: what is left of another version is not gone on with.
pub(super) fn part_name(file: &RemoteFile) -> String {
    format!("{}.{}.part", file.name, &file.digest.hex()[..16])
}

/// Downloads `file` into `dir`, or goes on where an earlier run stopped.
///
/// # Errors
/// Where the server does not have it, fails too often without progress, or sends what does not have the stated length
/// and digest; and where it cannot be stored.
pub(super) fn file(
    hub: &Hub,
    record: &Record,
    file: &RemoteFile,
    dir: &Path,
    bar: &ProgressBar,
) -> Result<()> {
    let target = dir.join(&file.name);
    let begin = bar.position();
    if length(&target) == file.bytes && file.digest.of(&target).ok().as_ref() == Some(&file.digest) {
        bar.set_position(begin + file.bytes);
        return Ok(());
    }
    let part = Part {
        hub,
        record,
        file,
        path: &dir.join(part_name(file)),
        bar,
        begin,
    };
    let mut resumed = length(part.path) > 0;
    loop {
        part.complete()?;
        let received = file
            .digest
            .of(part.path)
            .with_context(|| part.path.display().to_string())?;
        if received == file.digest {
            fs::rename(part.path, &target).with_context(|| target.display().to_string())?;
            return Ok(());
        }
        fs::remove_file(part.path).with_context(|| part.path.display().to_string())?;
        if !resumed {
            bail!(
                "{}: the hub states {}, what came has {received}",
                file.name,
                file.digest
            );
        }
        // What an earlier run left may be the damage.
        log::warn!(
            "{}: what an earlier run left does not fit; starting anew",
            file.name
        );
        resumed = false;
    }
}

/// A file on its way.
struct Part<'a> {
    hub: &'a Hub,
    record: &'a Record,
    file: &'a RemoteFile,
    path: &'a Path,
    bar: &'a ProgressBar,
    /// The bar's position at the file's first byte.
    begin: u64,
}

/// Why a request ended early.
enum Fault {
    /// Another request may succeed, after a pause if the server asks for one.
    Passing(String, Option<Duration>),
    /// None will.
    Fatal(anyhow::Error),
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}

fn passing(reason: impl ToString) -> Fault {
    Fault::Passing(reason.to_string(), None)
}

impl Part<'_> {
    /// Sends requests until all bytes are there.
    fn complete(&self) -> Result<()> {
        let RemoteFile { name, bytes, .. } = self.file;
        let mut failures = 0;
        loop {
            let before = length(self.path);
            if before == *bytes && (*bytes > 0 || self.path.exists()) {
                return Ok(());
            }
            let (reason, pause) = match self.request(before) {
                Ok(()) if length(self.path) == *bytes => return Ok(()),
                Ok(()) => ("the connection ended early".to_owned(), None),
                Err(Fault::Passing(reason, pause)) => (reason, pause),
                Err(Fault::Fatal(e)) => return Err(e.context(name.clone())),
            };
            let after = length(self.path);
            failures = if after > before { 1 } else { failures + 1 };
            if failures > self.hub.patience.failures {
                bail!(
                    "{name}: {reason}; given up at {after} of {bytes} bytes (the next run goes on from there)"
                );
            }
            self.bar
                .suspend(|| log::warn!("{name}: {reason}; going on from byte {after}"));
            thread::sleep(pause.unwrap_or(self.hub.patience.pause(failures)));
        }
    }

    /// One request for the bytes from `start` on.
    fn request(&self, start: u64) -> Result<(), Fault> {
        let (size, name) = (self.file.bytes, &self.file.name);
        let start = if start > size { 0 } else { start };
        let Record {
            repository, commit, ..
        } = self.record;
        let mut response = self.hub.file(repository, commit, name, start).map_err(passing)?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let start = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT => {
                let range = header(header::CONTENT_RANGE).unwrap_or_default();
                if range != format!("bytes {start}-{}/{size}", size.saturating_sub(1)) {
                    self.drop_part()?;
                    return Err(passing(format!(
                        "asked for bytes from {start} of {size}, got {range:?}"
                    )));
                }
                start
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.drop_part()?;
                return Err(passing(format!("the server has no bytes from {start} on")));
            }
            StatusCode::NOT_FOUND => {
                return Err(Fault::Fatal(anyhow::anyhow!(
                    "{repository} does not have it at commit {commit}"
                )));
            }
            status if hub::is_busy(status.as_u16()) => {
                return Err(Fault::Passing(
                    format!("HTTP status {status}"),
                    hub::retry_after(&response),
                ));
            }
            status => return Err(Fault::Fatal(anyhow::anyhow!("HTTP status {status}"))),
        };
        let announced = header(header::CONTENT_LENGTH).and_then(|len| len.parse::<u64>().ok());
        if let Some(announced) = announced.filter(|len| len.saturating_add(start) > size) {
            let total = announced.saturating_add(start);
            return Err(Fault::Fatal(anyhow::anyhow!(
                "the hub states {size} bytes, the server announces {total}"
            )));
        }
        self.store(start, response.body_mut().as_reader())
    }

    /// Writes what comes behind the first `start` bytes.
    fn store(&self, start: u64, mut body: impl Read) -> Result<(), Fault> {
        let at = || self.path.display().to_string();
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path)
            .with_context(at)?;
        file.set_len(start).with_context(at)?;
        file.seek(SeekFrom::Start(start)).with_context(at)?;
        let (mut position, mut buffer) = (start, vec![0; 1 << 16]);
        loop {
            self.bar.set_position(self.begin + position);
            let n = body.read(&mut buffer).map_err(passing)?;
            position += n as u64;
            if position > self.file.bytes {
                drop(file);
                self.drop_part()?;
                let stated = self.file.bytes;
                return Err(Fault::Fatal(anyhow::anyhow!(
                    "the hub states {stated} bytes, the server sends more"
                )));
            }
            if n == 0 {
                file.sync_all().with_context(at)?;
                return Ok(());
            }
            file.write_all(&buffer[..n]).with_context(at)?;
        }
    }

    fn drop_part(&self) -> Result<()> {
        if self.path.exists() {
            fs::remove_file(self.path).with_context(|| self.path.display().to_string())?;
        }
        Ok(())
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
