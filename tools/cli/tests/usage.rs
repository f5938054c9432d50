//! What the program says about its own command line, and how it takes settings. Needs no model.

mod common;

use std::{ffi::OsStr, fs, process::Stdio};

use common::{end, xdna};

/// Runs the program to its end.
fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> (Option<i32>, String, String) {
    end(&xdna(args).output().unwrap())
}

/// Runs with a line of arguments that should be refused as usage; returns the message.
fn refused(line: &str) -> String {
    let (code, stdout, stderr) = run(line.split(' '));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{line}: {stderr}");
    stderr
}

#[test]
fn without_arguments_it_explains_itself() {
    let (code, stdout, stderr) = run::<&str>([]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("Usage: xdna <COMMAND>"), "{stderr}");
}

#[test]
fn help_is_as_reviewed() {
    let (code, stdout, stderr) = run(["--help"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("help", stdout);
    let (code, stdout, _) = run(["transcribe", "--help"]);
    assert_eq!(code, Some(0));
    // the default model depends on what the program was built with
    insta::assert_snapshot!(
        "help-transcribe",
        stdout.replace("[default: tiny.en]", "[default: bundled]")
    );
    let (_, stdout, _) = run(["config", "--help"]);
    insta::assert_snapshot!("help-config", stdout);
    for verb in ["sim", "conformance"] {
        let (code, stdout, _) = run([verb, "--help"]);
        assert_eq!(code, Some(0));
        insta::assert_snapshot!(format!("help-{verb}"), stdout);
    }
}

#[test]
fn the_version_is_the_packages() {
    let (code, stdout, _) = run(["--version"]);
    assert_eq!(
        (code, stdout.trim()),
        (Some(0), concat!("xdna ", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_mistyped_flag_or_verb_gets_a_suggestion() {
    assert!(refused("transcribe --beam_sise 3 a.wav").contains("a similar argument exists: '--beam-size'"));
    assert!(refused("transcripe a.wav").contains("'transcribe'"));
    assert!(refused("transcribe a.wav --language frensh").contains("did you mean `french`?"));
    assert!(refused("transcribe a.wav --task translat").contains("'translate'"));
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    assert!(refused("transcribe a.wav --beam_size 0").contains("1..=100"));
    assert!(refused("transcribe a.wav --temperature nan").contains("0..=1"));
    assert!(refused("transcribe a.wav --threads -1").contains("'-1' for '--threads <N>'"));
    assert!(refused("transcribe a.wav --clip-timestamps 5,3").contains("--clip-timestamps"));
    assert!(refused("transcribe a.wav --word-timestamps=maybe").contains("expected True or False"));
    assert!(refused("transcribe a.wav --raw s17:16000:1").contains("--raw"));
    assert!(refused("transcribe a.wav --channel middle").contains("--channel"));
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let message = refused("transcribe a.wav --highlight_words True");
    assert!(
        message.contains("--highlight-words requires --word-timestamps"),
        "{message}"
    );
    assert!(refused("transcribe - -").contains("once only"));
    let message = refused("transcribe x/a.wav y/a.mp3 -f srt");
    assert!(
        message.contains("x/a.wav and y/a.mp3 would both be written to a.srt"),
        "{message}"
    );
    assert!(refused("transcribe").contains("<FILES>"));
}

#[test]
fn an_npu_that_is_demanded_and_not_there_has_an_exit_code() {
    let (code, stdout, stderr) = run(["transcribe", "--device", "npu", "a.wav"]);
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    assert!(stderr.starts_with("xdna: no NPU: "), "{stderr}");
}

#[test]
fn a_file_of_settings_is_overruled_by_variables_and_these_by_flags() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("xdna")).unwrap();
    let file = dir.path().join("xdna/config.toml");
    fs::write(
        &file,
        "beam_size = 2\nbest-of = 3\nformat = ['txt', 'srt']\nword_timestamps = true\n",
    )
    .unwrap();
    let mut command = xdna(["config", "--json"]);
    command
        .env("XDG_CONFIG_HOME", dir.path())
        .env("XDNA_BEAM_SIZE", "4")
        .env("XDNA_PATIENCE", "");
    let (code, stdout, stderr) = end(&command.output().unwrap());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["schema"], "xdna.config/1");
    let setting = |key: &str| {
        let found = object["settings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["key"] == key)
            .unwrap();
        (
            found["value"].as_str().unwrap_or("-").to_owned(),
            found["origin"].as_str().unwrap().to_owned(),
        )
    };
    let from_file = format!("file {}", file.display());
    assert_eq!(
        setting("beam_size"),
        ("4".to_owned(), "environment XDNA_BEAM_SIZE".to_owned())
    );
    assert_eq!(setting("best_of"), ("3".to_owned(), from_file.clone()));
    assert_eq!(
        setting("output_format"),
        ("txt,srt".to_owned(), from_file.clone())
    );
    assert_eq!(setting("word_timestamps"), ("True".to_owned(), from_file));
    assert_eq!(setting("patience"), ("None".to_owned(), "default".to_owned()));

    // the file demands an NPU, the variable a device that does not exist, the flag wins over both
    fs::write(&file, "device = 'npu'\n").unwrap();
    let with = |args: &[&str], variable: &str| {
        let mut command = xdna([&["transcribe", "/nonexistent.wav"], args].concat());
        command
            .env("XDG_CONFIG_HOME", dir.path())
            .env("XDNA_DEVICE", variable);
        end(&command.output().unwrap()).0
    };
    assert_eq!(with(&[], ""), Some(3));
    assert_eq!(with(&[], "cpu"), Some(1));
    assert_eq!(with(&["--device", "npu"], "cpu"), Some(3));
}

#[test]
fn config_shows_a_table_and_where_values_come_from() {
    let mut command = xdna(["config", "--show-origin"]);
    let (code, stdout, _) = end(&command.env("XDNA_THREADS", "2").output().unwrap());
    assert_eq!(code, Some(0));
    let row = |key: &str| {
        stdout
            .lines()
            .find(|l| l.starts_with(key))
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(row("threads"), ["threads", "2", "environment", "XDNA_THREADS"]);
    assert_eq!(row("beam_size"), ["beam_size", "5", "default"]);
}

#[test]
fn settings_that_are_none_are_errors_that_name_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    let with = |text: &str| {
        fs::write(&file, text).unwrap();
        let (code, stdout, stderr) = end(&xdna(["transcribe", "a.wav"])
            .env("XDNA_CONFIG", &file)
            .output()
            .unwrap());
        assert_eq!((code, stdout.as_str()), (Some(2), ""));
        stderr
    };
    assert!(with("beam_sise = 3").contains("unknown key `beam_sise`; did you mean `beam_size`?"));
    assert!(with("beam_size = 0").contains("my.toml: invalid value '0' for '--beam-size"));
    assert!(with("beam_size 3").contains("my.toml"));
    fs::remove_file(&file).unwrap();
    let (code, _, stderr) = end(&xdna(["config"]).env("XDNA_CONFIG", &file).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(stderr.contains("my.toml: No such file"), "{stderr}");
    let (code, _, stderr) = end(&xdna(["config"]).env("XDNA_BEAMSIZE", "3").output().unwrap());
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("XDNA_BEAMSIZE: no such setting; did you mean XDNA_BEAM_SIZE?"),
        "{stderr}"
    );
    let (code, _, stderr) = end(&xdna(["config"])
        .env("XDNA_BEST_OF", "none at all")
        .output()
        .unwrap());
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("environment XDNA_BEST_OF: invalid value"),
        "{stderr}"
    );
    let (code, _, stderr) = end(&xdna(["config"])
        .env("XDNA_OF_SOMEBODY_ELSE", "1")
        .output()
        .unwrap());
    assert_eq!(code, Some(0));
    assert!(stderr.contains("no setting of this program"), "{stderr}");
}

#[test]
fn completions_and_manual_pages_come_from_the_same_definition() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, stdout, _) = run(["completions", shell]);
        assert_eq!(code, Some(0));
        for flag in [
            "beam-size",
            "drop-window",
            "force-cmdlist",
            "sysroot",
            "disasm",
            "assert",
        ] {
            assert!(stdout.contains(flag), "{shell} {flag}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let (code, ..) = run(["man".as_ref(), dir.path().as_os_str()]);
    assert_eq!(code, Some(0));
    let page = fs::read_to_string(dir.path().join("xdna-transcribe.1")).unwrap();
    assert!(page.contains(r"\-\-beam\-size"), "{page}");
    for verb in ["sim", "conformance"] {
        let page = fs::read_to_string(dir.path().join(format!("xdna-{verb}.1"))).unwrap();
        assert!(page.contains(r"\-\-firmware"), "{page}");
    }
    for (verb, flag) in [
        ("doctor", r"\-\-sysroot"),
        ("dump", r"\-\-disasm"),
        ("trace", r"\-\-pid"),
        ("top", r"\-\-interval"),
        ("bench", r"\-\-assert"),
    ] {
        let page = fs::read_to_string(dir.path().join(format!("xdna-{verb}.1"))).unwrap();
        assert!(page.contains(flag), "{verb}: {page}");
    }
    let (code, stdout, _) = run(["man"]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains(".TH xdna 1"), "{stdout}");
}

/// The words at the beginnings of the lines of a part of a help text.
fn listed(help: &str, part: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != part).skip(1);
    let words = lines.take_while(|line| !line.is_empty());
    words
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect()
}

/// Every verb, and every action of one, with its help text.
fn verbs() -> Vec<(Vec<String>, String)> {
    let (_, help, _) = run(["--help"]);
    let names = listed(&help, "Commands:").into_iter();
    let mut verbs = Vec::new();
    let mut left: Vec<Vec<String>> = names
        .chain(["completions".into(), "man".into()])
        .map(|v| vec![v])
        .collect();
    while let Some(verb) = left.pop() {
        let (code, help, stderr) = run(verb.iter().map(String::as_str).chain(["--help"]));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{verb:?}");
        let actions = listed(&help, "Commands:").into_iter();
        left.extend(actions.map(|action| [verb.clone(), vec![action]].concat()));
        verbs.push((verb, help));
    }
    assert!(verbs.len() > 25, "{}", verbs.len());
    verbs
}

/// The long flags that a help text explains.
fn flags(help: &str) -> Vec<&str> {
    let lines = help
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'));
    lines
        .filter_map(|line| {
            line.split([' ', ',', '=', '['])
                .find_map(|word| word.strip_prefix("--"))
        })
        .filter(|flag| *flag != "help")
        .collect()
}

#[test]
fn every_verb_has_an_example_completions_and_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let (code, ..) = run(["man".as_ref(), dir.path().as_os_str()]);
    assert_eq!(code, Some(0));
    let script = |shell| run(["completions", shell]).1;
    let (bash, zsh, fish) = (script("bash"), script("zsh"), script("fish"));
    for (verb, help) in verbs() {
        let words = verb.join(" ");
        // Behind the line of usage: the command, as one types it.
        let usage = help.find("Usage: ").unwrap_or_default();
        let examples = help[usage..].split_once('\n').unwrap_or_default().1;
        assert!(examples.contains(&format!("xdna {words}")), "{words}: {help}");
        let hidden = ["completions", "man"].contains(&words.as_str());
        let page = fs::read_to_string(dir.path().join(format!("xdna-{}.1", verb.join("-"))));
        assert_eq!(page.is_err(), hidden, "{words}");
        let page = page.unwrap_or_default();
        let (under, name) = (verb.join("__subcmd__"), verb.last().unwrap());
        assert!(bash.contains(&format!("xdna__subcmd__{under}")), "bash {words}");
        assert!(
            zsh.contains(&format!("_xdna__subcmd__{under}_commands")),
            "zsh {words}"
        );
        assert!(fish.contains(name.as_str()), "fish {words}");
        for flag in flags(&help) {
            let escaped = format!(r"\-\-{}", flag.replace('-', r"\-"));
            assert!(hidden || page.contains(&escaped), "page of {words}: {flag}");
            assert!(bash.contains(&format!("--{flag}")), "bash {words} {flag}");
            assert!(zsh.contains(&format!("--{flag}")), "zsh {words} {flag}");
            assert!(fish.contains(&format!("-l {flag}")), "fish {words} {flag}");
        }
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is() {
    let mut child = xdna(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let (code, _, stderr) = end(&child.wait_with_output().unwrap());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let full = fs::File::create("/dev/full").unwrap();
    let child = xdna(["--help"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (code, _, stderr) = end(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("stdout: No space left on device"), "{stderr}");
}
