use std::{fs, path::Path};

use super::*;

/// A home directory, and the places that belong to it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn places(&self) -> Places {
        self.places_with(&[])
    }

    fn places_with(&self, vars: &[(&str, &str)]) -> Places {
        let var = |name: &str| match vars.iter().find(|(known, _)| *known == name) {
            Some((_, dir)) => Some(self.path(dir).into()),
            None => (name == "HOME").then(|| self.0.path().into()),
        };
        Places::new(var, &self.path("work"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn put(&self, path: &str, content: &[u8]) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn hugging_face(&self, dir: &str) -> PathBuf {
        self.put(&format!("{dir}/config.json"), b"{}");
        self.put(&format!("{dir}/model.safetensors"), &[0; 11]);
        self.put(&format!("{dir}/vocab.json"), b"{}");
        self.path(dir)
    }

    fn faster_whisper(&self, dir: &str) -> PathBuf {
        self.put(&format!("{dir}/config.json"), b"{}");
        self.put(&format!("{dir}/model.bin"), &[0; 13]);
        self.path(dir)
    }

    fn found(&self, name: &str) -> (PathBuf, Kind, u64) {
        let found = self.places().locate(name).unwrap();
        (found.path, found.kind, found.bytes)
    }
}

const GGML: &[u8] = b"lmgg....";

#[test]
fn every_place_is_looked_at_in_order() {
    let home = Home::new();
    let pickle = home.put(".cache/whisper/base.pt", b"PK\x03\x04");
    if cfg!(feature = "pytorch") {
        assert_eq!(home.found("base"), (pickle, Kind::Pickle, 4));
    } else {
        let error = home.places().locate("base").unwrap_err();
        assert_eq!(error.unreadable, Some(pickle));
        assert!(
            error
                .to_string()
                .contains("a PyTorch file, which this build does not read")
        );
    }
    let py = home.put(".local/share/pywhispercpp/models/ggml-base.bin", GGML);
    assert_eq!(home.found("base"), (py, Kind::WhisperCpp, 8));
    for dir in [".cache/whisper.cpp", "whisper.cpp/models", "work", "work/models"] {
        let file = home.put(&format!("{dir}/ggml-base.bin"), GGML);
        assert_eq!(home.found("base").0, file);
    }
    let hub = ".cache/huggingface/hub";
    let file = home.put(
        &format!("{hub}/models--ggerganov--whisper.cpp/snapshots/1/ggml-base.bin"),
        GGML,
    );
    assert_eq!(home.found("base").0, file);
    let dir = home.faster_whisper(&format!(
        "{hub}/models--Systran--faster-whisper-base/snapshots/c0ffee"
    ));
    assert_eq!(home.found("base"), (dir.clone(), Kind::FasterWhisper, 13));
    let snapshot = home.hugging_face(&format!("{hub}/models--openai--whisper-base/snapshots/b"));
    assert_eq!(home.found("base"), (snapshot.clone(), Kind::HuggingFace, 11));
    assert_eq!(home.found("openai/whisper-base").0, snapshot);
    assert_eq!(home.found("Systran/faster-whisper-base").0, dir);
    let own = home.hugging_face(".cache/xdna/models/base");
    assert_eq!(home.found("base").0, own);
    assert_eq!(home.found("openai/whisper-base").0, own);

    let inventory = home.places().inventory();
    let copies = |name| {
        inventory
            .iter()
            .find(|(known, _)| known.name == name)
            .map(|(_, found)| found.len())
    };
    assert_eq!((copies("base"), copies("base.en")), (Some(10), Some(0)));
}

#[test]
fn the_hubs_main_wins_over_other_snapshots() {
    let home = Home::new();
    let repository = ".cache/huggingface/hub/models--openai--whisper-large-v3-turbo";
    let [a, b] = ["a", "b"].map(|commit| home.hugging_face(&format!("{repository}/snapshots/{commit}")));
    assert_eq!(home.found("turbo").0, a);
    home.put(&format!("{repository}/refs/main"), b"b");
    assert_eq!(home.found("large-v3-turbo").0, b);
    // An unfinished download is no model.
    fs::remove_file(b.join("model.safetensors")).unwrap();
    assert_eq!(home.found("turbo").0, a);
}

#[test]
fn variables_move_the_places() {
    let home = Home::new();
    let own = home.hugging_face("m/tiny");
    assert_eq!(
        home.places_with(&[("XDNA_MODEL_DIR", "m")])
            .locate("tiny")
            .unwrap()
            .path,
        own
    );
    let hub = home.hugging_face("h/models--openai--whisper-small/snapshots/1");
    for (name, dir) in [("HF_HUB_CACHE", "h"), ("HUGGINGFACE_HUB_CACHE", "h")] {
        assert_eq!(
            home.places_with(&[(name, dir)]).locate("small").unwrap().path,
            hub
        );
    }
    let hub = home.hugging_face("i/hub/models--openai--whisper-small/snapshots/1");
    assert_eq!(
        home.places_with(&[("HF_HOME", "i")])
            .locate("small")
            .unwrap()
            .path,
        hub
    );
    let cached = home.hugging_face("c/huggingface/hub/models--openai--whisper-small/snapshots/1");
    assert_eq!(
        home.places_with(&[("XDG_CACHE_HOME", "c")])
            .locate("small")
            .unwrap()
            .path,
        cached
    );
    let nowhere = Places::new(|_| None, Path::new("/nonexistent"));
    assert_eq!(nowhere.own(), None);
    assert!(nowhere.locate("small").is_err());
}

#[test]
fn paths_are_paths_and_known_names_are_names_first() {
    let home = Home::new();
    let local = home.hugging_face("work/base");
    assert_eq!(home.found("base").0, local);
    assert_eq!(home.found("./base").0, home.path("work/./base"));
    assert_eq!(home.found(local.to_str().unwrap()).0, local);
    let own = home.hugging_face(".cache/xdna/models/base");
    assert_eq!(home.found("base").0, own);
    let nested = home.hugging_face("work/openai/whisper-base");
    assert_eq!(home.found("openai/whisper-base").0, nested);
    let text = home.put("work/notes.txt", b"hello");
    assert_eq!(home.found("notes.txt"), (text, Kind::Unknown, 0));
    let looked = home.places().locate("models/none").unwrap_err().looked;
    assert_eq!(looked.first(), Some(&PathBuf::from("models/none")));
    for absent in ["./none", "a/b/c", "/none"] {
        let error = home.places().locate(absent).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no model at {absent}"));
    }
}

#[test]
fn files_of_whisper_cpp_go_by_their_names() {
    let home = Home::new();
    let plain = home.put("whisper.cpp/models/ggml-base.bin", GGML);
    let quantised = home.put(".cache/whisper.cpp/ggml-base-q5_1.bin", GGML);
    let own = home.put("whisper.cpp/models/ggml-mine.bin", GGML);
    for name in ["ggml-base.bin", "ggml-base", "base"] {
        assert_eq!(home.found(name).0, plain);
    }
    for name in ["ggml-base-q5_1.bin", "base-q5_1"] {
        assert_eq!(home.found(name).0, quantised);
    }
    assert_eq!(home.found("mine").0, own);
    let mine = home.hugging_face(".cache/xdna/models/me--mine");
    home.hugging_face(".cache/xdna/models/me--half.part");
    home.put("work/notes.txt", b"hello");
    let others = home.places().others().into_iter().map(|(name, found)| {
        assert_eq!(home.found(&name).0, found.path);
        (name, found.path)
    });
    let expected = [
        ("me/mine", mine),
        ("ggml-mine.bin", own),
        ("ggml-base-q5_1.bin", quantised),
    ];
    assert_eq!(
        others.collect::<Vec<_>>(),
        expected.map(|(name, path)| (name.to_owned(), path))
    );
    let error = home.places().locate("base-q8_0").unwrap_err();
    let place = home.path(".cache/xdna/models");
    assert_eq!((error.known, error.looked.first()), (None, Some(&place)));
}

#[test]
fn downloads_have_one_place_each() {
    let home = Home::new();
    let own = home.path(".cache/xdna/models");
    let cases = [
        ("base", Some("base")),
        ("turbo", Some("large-v3-turbo")),
        ("openai/whisper-base", Some("base")),
        (
            "Systran/faster-whisper-base",
            Some("Systran--faster-whisper-base"),
        ),
        ("ggml-base-q5_1.bin", Some("ggml-base-q5_1.bin")),
        ("./base", None),
        ("other", None),
    ];
    for (name, entry) in cases {
        assert_eq!(
            home.places().destination(name),
            entry.map(|entry| own.join(entry)),
            "{name}"
        );
    }
}

#[test]
fn a_copy_without_tokenizer_is_no_match_for_a_whole_one() {
    let home = Home::new();
    let part = home.hugging_face(".cache/huggingface/hub/models--openai--whisper-base/snapshots/abc");
    fs::remove_file(part.join("vocab.json")).unwrap();
    assert_eq!(home.found("base").0, part);
    let whole = home.put(".cache/whisper.cpp/ggml-base.bin", b"lmgg and more");
    assert_eq!(home.found("base").0, whole);
    fs::write(part.join("vocab.json"), b"{}").unwrap();
    assert_eq!(home.found("base").0, part);
}
