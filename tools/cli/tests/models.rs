//! `xdna models` and `xdna fetch`: listing, fetching from a hub on this machine, using what was fetched.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use common::{end, xdna};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A program whose home is `home`, and whose hub is at `endpoint`.
fn at_home(home: &Path, endpoint: &str, args: &[&str]) -> Command {
    let mut command = xdna(args);
    let moved = [
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "HF_HOME",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
    ];
    let proxies = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ];
    for name in moved.into_iter().chain(proxies) {
        command.env_remove(name);
    }
    command
        .env("HOME", home)
        .env("HF_ENDPOINT", endpoint)
        .current_dir(home);
    command
}

fn run(home: &TempDir, endpoint: &str, args: &[&str]) -> Result<(Option<i32>, String, String), Failed> {
    Ok(end(&at_home(home.path(), endpoint, args).output()?))
}

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

fn no_network() -> Result<(), Failed> {
    let home = TempDir::new()?;
    let (code, stdout, stderr) = run(&home, NOWHERE, &["fetch", "base"])?;
    assert_eq!(
        (code, stdout.as_str(), stderr.lines().count()),
        (Some(1), "", 1),
        "{stderr}"
    );
    assert!(
        stderr.starts_with("xdna: http://127.0.0.1:1 cannot be reached ("),
        "{stderr}"
    );
    Ok(())
}

fn unknown_names() -> Result<(), Failed> {
    let home = TempDir::new()?;
    let (code, stdout, stderr) = run(&home, NOWHERE, &["fetch", "bass"])?;
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(
        stderr.starts_with("xdna: bass is no known model (see `xdna models`)"),
        "{stderr}"
    );
    Ok(())
}

fn listing() -> Result<(), Failed> {
    let home = TempDir::new()?;
    let ours = home
        .path()
        .join(".cache/xdna/models/Systran--faster-whisper-small");
    fs::create_dir_all(&ours)?;
    fs::write(ours.join("model.bin"), [0; 1234])?;
    let openai = home.path().join(".cache/whisper");
    fs::create_dir_all(&openai)?;
    fs::write(openai.join("tiny.pt"), b"PK\x03\x04")?;
    fs::write(home.path().join("ggml-base-q5_1.bin"), b"lmgg")?;
    fs::write(home.path().join("ggml-medium.bin"), b"lmgg")?;

    let (code, table, stderr) = run(&home, NOWHERE, &["models"])?;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let row = |name: &str| {
        let row = table
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("base "), "base 72,593,920 145.19 MB MIT -");
    assert!(
        row("small ").ends_with("Systran--faster-whisper-small (faster-whisper, 1.23 kB)"),
        "{table}"
    );
    assert!(row("tiny ").ends_with("tiny.pt (openai-whisper, 4 B)"), "{table}");
    assert!(
        row("large-v3-turbo (turbo)").contains(" 1.62 GB MIT -"),
        "{table}"
    );
    assert!(
        row("ggml-base-q5_1.bin").ends_with("(whisper.cpp, 4 B)"),
        "{table}"
    );

    let (code, text, _) = run(&home, NOWHERE, &["models", "--json"])?;
    let object: Value = serde_json::from_str(&text)?;
    assert_eq!((code, &object["schema"]), (Some(0), &json!("xdna.models/1")));
    let models = object["models"].as_array().ok_or("no models")?;
    let small = models
        .iter()
        .find(|model| model["name"] == "small")
        .ok_or("no small")?;
    let path = ours.to_string_lossy();
    let found = json!([{"path": path, "kind": "faster-whisper", "bytes": 1234, "readable": true}]);
    assert_eq!(
        (&small["on_disk"], &small["repository"]),
        (&found, &json!("openai/whisper-small"))
    );
    let others = object["others"].as_array().ok_or("no others")?;
    assert_eq!(
        (others.len(), &others[0]["name"]),
        (1, &json!("ggml-base-q5_1.bin"))
    );
    Ok(())
}

/// A model that says one sentence whatever it hears, in the reference data.
fn micro() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let data = std::env::var_os("XDNA_TESTDATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    data.join("models/micro")
}

fn fetched_and_used() -> Result<(), Failed> {
    let endpoint = serve("openai/whisper-tiny", &micro())?;
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/librivox-0870.wav");
    let home = TempDir::new()?;
    let transcribe = ["transcribe", "--model", "tiny", "--language", "en", sample];
    let (code, stdout, stderr) = run(&home, &endpoint, &transcribe)?;
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("xdna fetch tiny"), "{stderr}");

    let (code, stdout, stderr) = run(&home, &endpoint, &["fetch", "tiny"])?;
    let path = home.path().join(".cache/xdna/models/tiny");
    assert_eq!(
        (code, stdout),
        (Some(0), format!("{}\n", path.display())),
        "{stderr}"
    );
    let record: Value = serde_json::from_slice(&fs::read(path.join("xdna.json"))?)?;
    assert_eq!(
        (&record["commit"], &record["revision"]),
        (&json!("c".repeat(40)), &json!("main"))
    );
    let (code, stdout, stderr) = run(&home, NOWHERE, &transcribe)?;
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), "Turn on the kitchen light, please.\n"),
        "{stderr}"
    );

    let fresh = TempDir::new()?;
    let at_once = [&transcribe[..], &["--download"]].concat();
    let (code, stdout, stderr) = run(&fresh, &endpoint, &at_once)?;
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), "Turn on the kitchen light, please.\n"),
        "{stderr}"
    );
    Ok(())
}

/// A hub with the files of `dir` as `repository`; it lives as long as the process.
fn serve(repository: &'static str, dir: &Path) -> Result<String, Failed> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        files.push((
            entry.file_name().to_string_lossy().into_owned(),
            fs::read(entry.path())?,
        ));
    }
    let hex = |digest: &[u8]| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let sibling = |(name, bytes): &(String, Vec<u8>)| {
        let git = Sha1::digest([format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat());
        let lfs = name.ends_with(".safetensors");
        let lfs = lfs.then(|| json!({"sha256": hex(&Sha256::digest(bytes)), "size": bytes.len()}));
        json!({"rfilename": name, "size": bytes.len(), "blobId": hex(&git), "lfs": lfs})
    };
    let siblings: Vec<_> = files.iter().map(sibling).collect();
    let info = json!({"sha": "c".repeat(40), "siblings": siblings}).to_string();
    files.push((
        format!("/api/models/{repository}/revision/main?blobs=true"),
        info.into_bytes(),
    ));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &files).unwrap_or_else(|e| panic!("the client left: {e}"));
        }
    });
    Ok(endpoint)
}

fn answer(mut stream: TcpStream, files: &[(String, Vec<u8>)]) -> std::io::Result<()> {
    let mut request = BufReader::new(&stream).lines();
    let line = request.next().transpose()?.unwrap_or_default();
    while request.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = line.split(' ').nth(1).unwrap_or_default();
    let wanted = |(name, _): &&(String, Vec<u8>)| {
        path == name || path.ends_with(&format!("/{}/{name}", "c".repeat(40)))
    };
    let (status, body) = files
        .iter()
        .find(wanted)
        .map_or((404, &[][..]), |(_, bytes)| (200, bytes));
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}

fn main() {
    let args = Arguments::from_args();
    let absent = !micro().is_dir();
    let used = if absent { " (needs XDNA_TESTDATA)" } else { "" };
    let trials = vec![
        Trial::test("no_network_is_one_line_and_a_failure", no_network),
        Trial::test("a_name_that_means_nothing_is_wrong_usage", unknown_names),
        Trial::test("models_are_listed_with_what_is_on_disk", listing),
        Trial::test(
            format!("a_model_is_offered_fetched_and_used{used}"),
            fetched_and_used,
        )
        .with_ignored_flag(absent),
    ];
    libtest_mimic::run(&args, trials).exit();
}
