//! A hub on this machine that misbehaves as told.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What a server does with one request for a file.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Closes the connection without an answer, as a server that restarts.
    Close,
    /// Announces everything, sends so many bytes, closes.
    Truncate(usize),
    /// Announces everything, sends so many bytes, then nothing more.
    Stall(usize),
    /// Takes the request and says nothing.
    Silence,
    /// Announces so many bytes more (or fewer) than there are; sends what it announces, as far as there is something.
    Announce(isize),
    /// Sends so many bytes more than the file has, without announcing a length.
    Surplus(usize),
    /// Other bytes of the right length.
    Wrong,
    /// The whole file, whatever range was asked for.
    IgnoreRange,
    /// As [`Act::IgnoreRange`], but only so many bytes.
    IgnoreRangeAndTruncate(usize),
    /// Part of the file, but not the part that was asked for.
    OtherRange,
    /// This status, with one more header line.
    Status(u16, &'static str),
    /// The file lies elsewhere.
    Redirect,
}

/// Requests for files and what they asked for: `"model.bin 100-"`.
type Log = Arc<Mutex<Vec<String>>>;

struct State {
    repository: &'static str,
    commit: Mutex<String>,
    files: Mutex<HashMap<String, Vec<u8>>>,
    acts: Mutex<HashMap<String, Vec<Act>>>,
    /// Files that the listing says nothing about but their names.
    bare: bool,
}

pub(super) struct Server {
    pub(super) endpoint: String,
    log: Log,
    state: Arc<State>,
}

pub(super) const REPOSITORY: &str = "openai/whisper-base";

impl Server {
    /// A hub with one repository, [`REPOSITORY`].
    pub(super) fn start(files: &[(&str, &[u8])]) -> Self {
        Self::with(REPOSITORY, files, false)
    }

    pub(super) fn with(repository: &'static str, files: &[(&str, &[u8])], bare: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let files = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect();
        let state = Arc::new(State {
            repository,
            commit: Mutex::new("a".repeat(40)),
            files: Mutex::new(files),
            acts: Mutex::default(),
            bare,
        });
        let log = Log::default();
        let (shared, shared_log) = (state.clone(), log.clone());
        // The thread ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, log) = (shared.clone(), shared_log.clone());
                thread::spawn(move || answer(stream, &state, &log));
            }
        });
        Self { endpoint, log, state }
    }

    /// The next requests for `file` go this way; those after them are served.
    pub(super) fn script(&self, file: &str, acts: &[Act]) -> &Self {
        let mut acts = acts.to_vec();
        acts.reverse();
        self.state.acts.lock().unwrap().insert(file.to_owned(), acts);
        self
    }

    pub(super) fn put(&self, commit: &str, file: &str, bytes: &[u8]) {
        *self.state.commit.lock().unwrap() = commit.repeat(40);
        self.state
            .files
            .lock()
            .unwrap()
            .insert(file.to_owned(), bytes.to_vec());
    }

    /// What was asked for since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

/// Answers one request; whoever asked may have gone.
fn answer(mut stream: TcpStream, state: &State, log: &Log) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut request = String::new();
    let mut range = None;
    if reader.read_line(&mut request).is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("range")
        {
            range = value.trim().strip_prefix("bytes=").map(str::to_owned);
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let _ = respond(&mut stream, path, range.as_deref(), state, log);
}

fn respond(
    stream: &mut TcpStream,
    path: &str,
    range: Option<&str>,
    state: &State,
    log: &Log,
) -> std::io::Result<()> {
    let commit = state.commit.lock().unwrap().clone();
    let repository = state.repository;
    if let Some(revision) = path.strip_prefix(&format!("/api/models/{repository}/revision/")) {
        log.lock().unwrap().push(format!("revision {revision}"));
        let act = state.acts.lock().unwrap().get_mut("api").and_then(Vec::pop);
        return match (act, revision) {
            (Some(Act::Status(code, header)), _) => head(stream, code, &[header]),
            (Some(Act::Close), _) => Ok(()),
            (Some(Act::Wrong), _) => send(stream, b"<html>maintenance</html>"),
            (None, "main?blobs=true" | "v1%2F2?blobs=true") => {
                send(stream, info(&commit, state).to_string().as_bytes())
            }
            _ => head(stream, 404, &[]),
        };
    }
    let name = path
        .strip_prefix(&format!("/{repository}/resolve/{commit}/"))
        .or_else(|| path.strip_prefix("/elsewhere/"))
        .unwrap_or_default();
    let Some(bytes) = state.files.lock().unwrap().get(name).cloned() else {
        return head(stream, 404, &[]);
    };
    log.lock()
        .unwrap()
        .push(format!("{name} {}", range.unwrap_or("all")));
    let act = state.acts.lock().unwrap().get_mut(name).and_then(Vec::pop);
    let start = range
        .and_then(|r| r.strip_suffix('-'))
        .and_then(|r| r.parse().ok())
        .unwrap_or(0_usize);
    let all = bytes.len();
    let served = |stream: &mut TcpStream, announced: usize| match start {
        0 => head(stream, 200, &[&format!("Content-Length: {announced}")]),
        _ => {
            let range = format!("Content-Range: bytes {start}-{}/{all}", all - 1);
            head(stream, 206, &[&format!("Content-Length: {announced}"), &range])
        }
    };
    let rest = &bytes[start.min(all)..];
    match act {
        Some(Act::Close) => Ok(()),
        Some(Act::Status(code, header)) => head(stream, code, &[header]),
        Some(Act::Redirect) => head(stream, 302, &[&format!("Location: /elsewhere/{name}")]),
        Some(Act::Silence) => hold(stream),
        Some(Act::Truncate(n)) => {
            served(stream, rest.len())?;
            stream.write_all(&rest[..n])
        }
        Some(Act::Stall(n)) => {
            served(stream, rest.len())?;
            stream.write_all(&rest[..n])?;
            hold(stream)
        }
        Some(Act::Announce(more)) => {
            let announced = rest.len().saturating_add_signed(more);
            served(stream, announced)?;
            stream.write_all(&rest[..announced.min(rest.len())])
        }
        Some(Act::Surplus(n)) => {
            head(stream, 200, &[])?;
            stream.write_all(&bytes)?;
            stream.write_all(&vec![0; n])
        }
        Some(Act::Wrong) => {
            served(stream, rest.len())?;
            stream.write_all(&rest.iter().map(|b| !b).collect::<Vec<_>>())
        }
        Some(Act::IgnoreRange) => send(stream, &bytes),
        Some(Act::IgnoreRangeAndTruncate(n)) => {
            head(stream, 200, &[&format!("Content-Length: {all}")])?;
            stream.write_all(&bytes[..n])
        }
        Some(Act::OtherRange) => {
            let range = format!("Content-Range: bytes 1-{}/{all}", all - 1);
            head(stream, 206, &[&format!("Content-Length: {}", all - 1), &range])?;
            stream.write_all(&bytes[1..])
        }
        None if start > 0 && start >= all => head(stream, 416, &[]),
        None => {
            served(stream, rest.len())?;
            stream.write_all(rest)
        }
    }
}

/// What the hub says of a revision: the weights in large-file storage, other files in Git.
fn info(commit: &str, state: &State) -> Value {
    let hex = |digest: &[u8]| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let sibling = |(name, bytes): (&String, &Vec<u8>)| {
        let git = hex(&Sha1::digest(
            [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat(),
        ));
        let lfs = json!({"sha256": hex(&Sha256::digest(bytes)), "size": bytes.len(), "pointerSize": 134});
        match name.as_str() {
            _ if state.bare => json!({"rfilename": name}),
            "model.safetensors" | "ggml-base.bin" => {
                json!({"rfilename": name, "size": bytes.len(), "blobId": git, "lfs": lfs})
            }
            _ => json!({"rfilename": name, "size": bytes.len(), "blobId": git}),
        }
    };
    let files = state.files.lock().unwrap();
    json!({"id": REPOSITORY, "sha": commit, "siblings": files.iter().map(sibling).collect::<Vec<_>>()})
}

fn send(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    head(stream, 200, &[&format!("Content-Length: {}", bytes.len())])?;
    stream.write_all(bytes)
}

fn head(stream: &mut TcpStream, code: u16, lines: &[&str]) -> std::io::Result<()> {
    let empty = if lines.is_empty() && code != 200 {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    let lines: String = lines
        .iter()
        .filter(|l| !l.is_empty())
        .map(|line| format!("{line}\r\n"))
        .collect();
    write!(
        stream,
        "HTTP/1.1 {code} X\r\nConnection: close\r\n{empty}{lines}\r\n"
    )
}

/// Waits until the other side has closed the connection.
fn hold(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0]).map(|_| ())
}
