use std::{net::TcpListener, path::Path, time::Instant};

use super::*;

mod server;

use server::{Act, Server};

const CONFIG: &[u8] = b"{\"model_type\": \"whisper\"}";

/// A weight file that spans several reads, unlike itself at every offset.
fn weights() -> Vec<u8> {
    (0..200_003_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn base() -> (Server, Vec<u8>) {
    let weights = weights();
    let files: [(&str, &[u8]); 4] = [
        ("model.safetensors", &weights),
        ("config.json", CONFIG),
        ("README.md", b"# Whisper"),
        ("pytorch_model.bin", b"pickle"),
    ];
    (Server::start(&files), weights)
}

const PATIENCE: Patience = Patience {
    answer: Duration::from_millis(500),
    stall: Duration::from_millis(200),
    failures: 4,
    pause: Duration::from_millis(1),
};

fn fetch_into(dir: &Path, server: &Server, name: &str) -> Result<PathBuf> {
    let places = Places::new(|_| None, Path::new("")).with_own(dir);
    fetch(&Hub::new(&server.endpoint, PATIENCE), name, "main", &places)
}

/// Names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

fn message(result: Result<PathBuf>) -> String {
    exit::message(&result.unwrap_err())
}

#[test]
fn a_model_is_fetched_whole_and_its_commit_recorded() {
    let (server, weights) = base();
    let dir = tempfile::tempdir().unwrap();
    let path = fetch_into(dir.path(), &server, "base").unwrap();
    assert_eq!(path, dir.path().join("base"));
    assert_eq!(names(dir.path()), ["base"]);
    assert_eq!(names(&path), ["config.json", "model.safetensors", "xdna.json"]);
    assert!(fs::read(path.join("model.safetensors")).unwrap() == weights);
    let record = Record::load(&path.join("xdna.json")).unwrap();
    assert_eq!(
        (record.commit, record.revision.as_str()),
        ("a".repeat(40), "main")
    );
    assert_eq!(
        server.asked(),
        [
            "revision main?blobs=true",
            "config.json all",
            "model.safetensors all"
        ]
    );
    let found = Places::new(|_| None, Path::new(""))
        .with_own(dir.path())
        .locate("base")
        .unwrap();
    assert_eq!((found.path, found.bytes), (path, weights.len() as u64));
}

#[test]
fn what_is_there_is_not_fetched_again_and_what_changed_is() {
    let (server, weights) = base();
    let dir = tempfile::tempdir().unwrap();
    let path = fetch_into(dir.path(), &server, "base").unwrap();
    server.asked();
    server.put("b", "README.md", b"# Whisper!");
    fetch_into(dir.path(), &server, "openai/whisper-base").unwrap();
    assert_eq!(server.asked(), ["revision main?blobs=true"]);
    assert_eq!(
        Record::load(&path.join("xdna.json")).unwrap().commit,
        "b".repeat(40)
    );

    fs::write(path.join("config.json"), "").unwrap();
    fetch_into(dir.path(), &server, "base").unwrap();
    assert_eq!(fs::read(path.join("config.json")).unwrap(), CONFIG);

    server.put("c", "model.safetensors", &weights[1..]);
    fetch_into(dir.path(), &server, "base").unwrap();
    assert!(fs::read(path.join("model.safetensors")).unwrap() == weights[1..]);
    assert_eq!(
        (names(dir.path()), names(&path).len()),
        (vec!["base".to_owned()], 3)
    );
}

#[test]
fn every_passing_fault_is_outlived_and_what_came_is_kept() {
    let cases: [(&str, &[Act], &[&str]); 9] = [
        ("closed", &[Act::Close, Act::Close], &["all", "all", "all"]),
        (
            "truncated",
            &[Act::Truncate(100_000), Act::Truncate(50_000)],
            &["all", "100000-", "150000-"],
        ),
        ("stalled", &[Act::Stall(70_000)], &["all", "70000-"]),
        ("silent", &[Act::Silence], &["all", "all"]),
        (
            "busy",
            &[
                Act::Status(503, ""),
                Act::Status(429, "Retry-After: 0"),
                Act::Status(500, ""),
            ],
            &["all"; 4],
        ),
        ("short", &[Act::Announce(-3)], &["all", "200000-"]),
        (
            "rangeless",
            &[Act::Truncate(100_000), Act::IgnoreRange],
            &["all", "100000-"],
        ),
        (
            "elsewhere",
            &[Act::Truncate(100_000), Act::OtherRange],
            &["all", "100000-", "all"],
        ),
        ("moved", &[Act::Redirect], &["all", "all"]),
    ];
    for (name, acts, asked) in cases {
        let (server, weights) = base();
        server.script("model.safetensors", acts);
        let dir = tempfile::tempdir().unwrap();
        let path = fetch_into(dir.path(), &server, "base").unwrap_or_else(|e| panic!("{name}: {e:#}"));
        assert!(
            fs::read(path.join("model.safetensors")).unwrap() == weights,
            "{name}"
        );
        let expected = asked.iter().map(|range| format!("model.safetensors {range}"));
        assert_eq!(server.asked()[2..], expected.collect::<Vec<_>>(), "{name}");
        assert_eq!(names(dir.path()), ["base"], "{name}");
    }
}

#[test]
fn lasting_faults_end_with_their_reason() {
    let truncated: &[Act] = &[
        Act::Truncate(100_000),
        Act::IgnoreRangeAndTruncate(100_000),
        Act::IgnoreRangeAndTruncate(100_000),
        Act::IgnoreRangeAndTruncate(100_000),
        Act::IgnoreRangeAndTruncate(100_000),
    ];
    let cases: [(&[Act], &str); 7] = [
        (&[Act::Wrong], "the hub states SHA-256 "),
        (
            &[Act::Announce(7)],
            "the hub states 200003 bytes, the server announces 200010",
        ),
        (
            &[Act::Surplus(5)],
            "the hub states 200003 bytes, the server sends more",
        ),
        (
            &[Act::Status(404, "")],
            "openai/whisper-base does not have it at commit aaaa",
        ),
        (&[Act::Status(403, "")], "HTTP status 403"),
        (
            truncated,
            "given up at 100000 of 200003 bytes (the next run goes on from there)",
        ),
        (
            &[
                Act::Silence,
                Act::Silence,
                Act::Silence,
                Act::Silence,
                Act::Silence,
            ],
            "given up at 0 of 200003 bytes",
        ),
    ];
    for (acts, reason) in cases {
        let (server, _) = base();
        server.script("model.safetensors", acts);
        let dir = tempfile::tempdir().unwrap();
        let said = message(fetch_into(dir.path(), &server, "base"));
        assert!(
            said.starts_with("model.safetensors") && said.contains(reason),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
        assert!(!dir.path().join("base").exists(), "{said}");
    }
}

#[test]
fn an_interrupted_download_goes_on() {
    let (server, weights) = base();
    let dir = tempfile::tempdir().unwrap();
    server.script(
        "model.safetensors",
        &[Act::Truncate(120_000), Act::Status(403, "")],
    );
    fetch_into(dir.path(), &server, "base").unwrap_err();
    server.asked();
    let path = fetch_into(dir.path(), &server, "base").unwrap();
    assert!(fs::read(path.join("model.safetensors")).unwrap() == weights);
    // The small file was whole, and is verified instead of fetched.
    assert_eq!(
        server.asked(),
        ["revision main?blobs=true", "model.safetensors 120000-"]
    );
}

#[test]
fn damage_of_an_earlier_run_costs_one_more_download() {
    for (left, asked) in [
        (vec![0; 1000], "1000-"),
        (vec![0; 200_003], ""),
        (vec![0; 300_000], "all"),
    ] {
        let (server, weights) = base();
        let dir = tempfile::tempdir().unwrap();
        server.script("model.safetensors", &[Act::Truncate(10), Act::Status(403, "")]);
        fetch_into(dir.path(), &server, "base").unwrap_err();
        let staging = dir.path().join("base.part");
        let part = names(&staging)
            .into_iter()
            .find(|name| name.ends_with(".part"))
            .unwrap();
        fs::write(staging.join(part), &left).unwrap();
        server.asked();
        let path = fetch_into(dir.path(), &server, "base").unwrap();
        assert!(fs::read(path.join("model.safetensors")).unwrap() == weights);
        let first = server.asked().get(1).cloned().unwrap_or_default();
        let expected = if asked.is_empty() { "all" } else { asked };
        assert_eq!(first, format!("model.safetensors {expected}"));
    }
}

#[test]
fn an_unfinished_download_of_another_version_is_not_gone_on_with() {
    let (server, weights) = base();
    let dir = tempfile::tempdir().unwrap();
    server.script(
        "model.safetensors",
        &[Act::Truncate(120_000), Act::Status(403, "")],
    );
    fetch_into(dir.path(), &server, "base").unwrap_err();
    let newer: Vec<_> = weights.iter().map(|b| b ^ 1).collect();
    server.put("b", "model.safetensors", &newer);
    server.asked();
    let path = fetch_into(dir.path(), &server, "base").unwrap();
    assert!(fs::read(path.join("model.safetensors")).unwrap() == newer);
    assert_eq!(server.asked()[1], "model.safetensors all");
    assert_eq!(names(&path), ["config.json", "model.safetensors", "xdna.json"]);
}

#[test]
fn a_file_of_whisper_cpps_is_a_file() {
    let server = Server::with(
        registry::WHISPER_CPP,
        &[("ggml-base.bin", &weights()), ("README.md", b"x")],
        false,
    );
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let path = fetch_into(dir.path(), &server, "ggml-base").unwrap();
        assert_eq!(path, dir.path().join("ggml-base.bin"));
        assert!(fs::read(path).unwrap() == weights());
        assert_eq!(names(dir.path()), ["ggml-base.bin", "ggml-base.bin.xdna.json"]);
    }
    assert_eq!(server.asked().len(), 3);
    let said = message(fetch_into(dir.path(), &server, "ggml-tiny.bin"));
    assert_eq!(said, "ggerganov/whisper.cpp has no file ggml-tiny.bin");
}

#[test]
fn a_hub_without_the_revision_or_the_digest_is_refused() {
    let (server, _) = base();
    let dir = tempfile::tempdir().unwrap();
    let places = Places::new(|_| None, Path::new("")).with_own(dir.path());
    let hub = Hub::new(&server.endpoint, PATIENCE);
    assert!(fetch(&hub, "base", "v1/2", &places).is_ok());
    let said = message(fetch(&hub, "base", "nope", &places));
    assert_eq!(
        said,
        format!("{} has no revision nope of openai/whisper-base", server.endpoint)
    );
    server.script("api", &[Act::Status(401, "")]);
    let said = message(fetch(&hub, "base", "main", &places));
    assert_eq!(
        said,
        format!("{} has no public repository openai/whisper-base", server.endpoint)
    );
    server.script("api", &[Act::Wrong]);
    assert!(message(fetch(&hub, "base", "main", &places)).contains("not the hub's answer"));
    server.script("api", &[Act::Status(503, ""), Act::Close]);
    assert!(fetch(&hub, "base", "main", &places).is_ok());
    server.script(
        "api",
        &[
            Act::Status(503, ""),
            Act::Status(503, ""),
            Act::Status(503, ""),
            Act::Status(503, ""),
        ],
    );
    assert!(message(fetch(&hub, "base", "main", &places)).contains("HTTP status 503"));
    let bare = Server::with("openai/whisper-tiny", &[("model.safetensors", b"x")], true);
    let said = message(fetch_into(dir.path(), &bare, "tiny"));
    assert_eq!(said, "the hub states no size for model.safetensors");
}

#[test]
fn no_network_is_one_line_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let places = Places::new(|_| None, Path::new("")).with_own(dir.path());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for endpoint in [
        format!("http://{closed}"),
        "http://hub.invalid".to_owned(),
        "nonsense".to_owned(),
    ] {
        let begin = Instant::now();
        let said = message(fetch(
            &Hub::new(&endpoint, Patience::default()),
            "base",
            "main",
            &places,
        ));
        assert!(
            said.starts_with(&format!("{endpoint} cannot be reached (")),
            "{said}"
        );
        assert!(
            said.ends_with("is there a network?") && said.lines().count() == 1,
            "{said}"
        );
        assert!(begin.elapsed() < Duration::from_secs(15));
    }
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn names_that_mean_nothing_are_usage_errors() {
    let (server, _) = base();
    let dir = tempfile::tempdir().unwrap();
    for name in ["bass", "../base", "a/b/c", ""] {
        let error = fetch_into(dir.path(), &server, name).unwrap_err();
        assert_eq!(exit::Exit::of(&error), exit::Exit::Usage, "{name}");
    }
    let nowhere = Places::new(|_| None, Path::new(""));
    let said = message(fetch(
        &Hub::new(&server.endpoint, PATIENCE),
        "base",
        "main",
        &nowhere,
    ));
    assert_eq!(said, "no directory for models: set XDNA_MODEL_DIR");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn one_process_fetches_a_model() {
    let (server, _) = base();
    let dir = tempfile::tempdir().unwrap();
    let held = File::create(dir.path().join("base.lock")).unwrap();
    held.lock().unwrap();
    assert!(
        message(fetch_into(dir.path(), &server, "base")).ends_with("another process is fetching this model")
    );
    held.unlock().unwrap();
    assert!(fetch_into(dir.path(), &server, "base").is_ok());
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let (server, _) = base();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let said = message(fetch_into(&file, &server, "base"));
    assert!(
        said.starts_with(&format!("{}/base.part: ", file.display())),
        "{said}"
    );
}
