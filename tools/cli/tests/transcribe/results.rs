//! What is written where, when all goes well.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    process::{Command, Stdio},
};

use libtest_mimic::Failed;
use serde_json::Value;

use crate::{
    common, end,
    sound::{TEXT, long, sample, samples, wav},
    transcribe,
};

pub const TESTS: &[crate::Test] = &[
    ("text_goes_to_stdout_and_nothing_else_anywhere", text),
    ("timestamps_stand_in_front", timestamps),
    ("stats_go_to_stderr", stats),
    ("json_is_one_object_of_its_schema", json),
    ("files_are_written_where_asked_for", files),
    ("an_output_directory_alone_means_all_formats", all_formats),
    ("sound_comes_from_stdin_with_or_without_a_header", stdin),
    ("a_channel_can_be_chosen", channel),
    ("the_references_spelling_of_flags_works", spelling),
    ("samples_are_drawn_at_a_temperature", temperature),
    ("a_progress_bar_is_drawn_on_a_terminal", progress),
    ("settings_reach_the_work", settings),
];

fn text() -> Result<(), Failed> {
    let (code, stdout, stderr) = end([sample()])?;
    assert_eq!(
        (code, stdout, stderr.as_str()),
        (Some(0), format!("{TEXT}\n"), "")
    );
    Ok(())
}

fn timestamps() -> Result<(), Failed> {
    let (code, stdout, _) = end(["--timestamps".as_ref(), sample().as_os_str()])?;
    assert_eq!(
        (code, stdout),
        (Some(0), format!("[00:00.000 --> 00:07.000]  {TEXT}\n"))
    );
    Ok(())
}

fn stats() -> Result<(), Failed> {
    let (code, stdout, stderr) = end(["--stats".as_ref(), sample().as_os_str()])?;
    assert_eq!((code, stdout), (Some(0), format!("{TEXT}\n")));
    let starts = ["model", "ran on   cpu", "mel", "encoder", "decoder"];
    for start in starts {
        assert!(
            stderr.lines().any(|l| l.trim_start().starts_with(start)),
            "{start}: {stderr}"
        );
    }
    assert!(
        stderr.contains("7.10 s of sound in ") && stderr.contains("1 window"),
        "{stderr}"
    );
    Ok(())
}

fn json() -> Result<(), Failed> {
    let (code, stdout, stderr) = end([
        "--json".as_ref(),
        sample().as_os_str(),
        "/nonexistent.wav".as_ref(),
    ])?;
    assert_eq!(code, Some(1), "{stderr}");
    let object: Value = serde_json::from_str(&stdout)?;
    let keys = |v: &Value| {
        v.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(object["schema"], "xdna.transcribe/1");
    assert_eq!(keys(&object), "files model schema");
    assert_eq!(keys(&object["model"]), "load_ns name origin");
    let [done, failed] = &object["files"].as_array().unwrap()[..] else {
        panic!("{stdout}")
    };
    assert_eq!(keys(done), "file language outputs segments stats status text");
    assert_eq!(
        (&done["status"], &done["language"]),
        (&"done".into(), &"en".into())
    );
    assert_eq!(done["text"], format!(" {TEXT}"));
    assert_eq!(
        keys(&done["segments"][0]),
        "avg_logprob compression_ratio end id no_speech_prob seek start temperature text tokens"
    );
    assert_eq!(done["segments"][0]["end"], 7.0);
    assert_eq!(
        done["stats"]["audio_ns"].as_u64().map(|ns| ns / 10_000_000),
        Some(710)
    );
    assert!(done["stats"]["encoder_ns"].as_u64() > Some(0), "{stdout}");
    assert_eq!(
        (&failed["status"], keys(failed)),
        (&"failed".into(), "error file status".to_owned())
    );
    Ok(())
}

fn files() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let out = dir.path().join("a/b");
    let args = [
        "--format".as_ref(),
        "srt,lrc".as_ref(),
        "-o".as_ref(),
        out.as_os_str(),
    ];
    let (code, stdout, stderr) = end(args.into_iter().chain([sample().as_os_str()]))?;
    assert_eq!(
        (code, stdout, stderr.as_str()),
        (Some(0), format!("{TEXT}\n"), "")
    );
    let srt = fs::read_to_string(out.join("librivox-0870.srt"))?;
    assert_eq!(srt, format!("1\n00:00:00,000 --> 00:00:07,000\n{TEXT}\n\n"));
    let lrc = fs::read_to_string(out.join("librivox-0870.lrc"))?;
    assert!(lrc.contains(&format!("[00:00.00]{TEXT}")), "{lrc}");
    assert_eq!(fs::read_dir(&out)?.count(), 2);
    Ok(())
}

fn all_formats() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (code, ..) = end(["-o".as_ref(), dir.path().as_os_str(), sample().as_os_str()])?;
    let mut names: Vec<_> = fs::read_dir(dir.path())?
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = ["json", "srt", "tsv", "txt", "vtt"].map(|e| format!("librivox-0870.{e}"));
    assert_eq!((code, names), (Some(0), expected.to_vec()));
    Ok(())
}

/// Feeds `bytes` to the program.
fn fed(args: &[&str], bytes: &[u8]) -> Result<(Option<i32>, String, String), Failed> {
    let mut command = transcribe(args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().unwrap().write_all(bytes)?;
    Ok(common::end(&child.wait_with_output()?))
}

fn stdin() -> Result<(), Failed> {
    let (code, stdout, stderr) = fed(&["-"], &fs::read(sample())?)?;
    assert_eq!((code, stdout), (Some(0), format!("{TEXT}\n")), "{stderr}");
    let (code, stdout, stderr) = fed(&["--raw", "s16le:16000:1", "-"], &samples())?;
    assert_eq!((code, stdout), (Some(0), format!("{TEXT}\n")), "{stderr}");
    Ok(())
}

fn channel() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("left.wav");
    let data: Vec<u8> = samples()
        .chunks_exact(2)
        .flat_map(|s| [s[0], s[1], 0, 0])
        .collect();
    fs::write(&path, wav(1, 2, 16_000, data.len() as u32, &data))?;
    let heard = |channel: &str| end(["--channel".as_ref(), channel.as_ref(), path.as_os_str()]);
    assert_eq!(heard("left")?.1, format!("{TEXT}\n"));
    assert_ne!(heard("right")?.1, format!("{TEXT}\n"));
    Ok(())
}

fn spelling() -> Result<(), Failed> {
    let args = [
        "--beam_size",
        "2",
        "--best_of",
        "2",
        "--word_timestamps",
        "True",
        "--fp16",
        "False",
        "--verbose",
    ];
    let (code, stdout, stderr) = end(args
        .map(Into::into)
        .into_iter()
        .chain(["True".into(), sample().into_os_string()]))?;
    assert_eq!(
        (code, stdout, stderr.as_str()),
        (Some(0), format!("{TEXT}\n"), "")
    );
    Ok(())
}

fn settings() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("c.toml");
    fs::write(&file, "timestamps = true\nverbose = false\n")?;
    let mut command = transcribe([sample()]);
    command.env("XDNA_CONFIG", &file).env("XDNA_VERBOSE", "True");
    let (code, stdout, stderr) = common::end(&command.output()?);
    assert_eq!(
        (code, stdout),
        (Some(0), format!("[00:00.000 --> 00:07.000]  {TEXT}\n")),
        "{stderr}"
    );
    Ok(())
}

fn temperature() -> Result<(), Failed> {
    let said = |seed: &str| {
        let flags = ["--temperature", "0.4", "--best-of", "3", "--seed", seed].map(Into::into);
        end(flags.into_iter().chain([sample().into_os_string()]))
    };
    let (code, stdout, stderr) = said("7")?;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("Dashwood"), "{stdout}");
    assert_eq!(said("7")?.1, stdout);
    Ok(())
}

fn progress() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (sound, out) = (long(dir.path(), 5), dir.path().join("out"));
    let command = transcribe([sound]);
    let quoted = |arg: &OsStr| format!("'{}'", arg.display());
    let words: Vec<_> = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(quoted)
        .collect();
    // script(1) gives the program a terminal; stdout goes elsewhere
    let line = format!("{} >{}", words.join(" "), out.display());
    let drawn = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output()?;
    let drawn = String::from_utf8_lossy(&drawn.stdout).into_owned();
    assert!(
        drawn.contains("long.wav") && drawn.contains("x realtime"),
        "{drawn:?}"
    );
    let text = fs::read_to_string(out)?;
    assert!(
        text.contains("John Dashwood") && !text.contains("realtime"),
        "{text}"
    );
    Ok(())
}
