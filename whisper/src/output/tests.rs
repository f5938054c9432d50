use super::*;

fn segment(start: f64, end: f64, text: &str) -> Segment {
    Segment {
        id: 0,
        seek: 0,
        start,
        end,
        text: text.to_owned(),
        tokens: vec![],
        temperature: 0.0,
        avg_logprob: 0.0,
        compression_ratio: 0.0,
        no_speech_prob: 0.0,
        words: None,
    }
}

#[test]
fn lyrics_are_one_line_a_segment() {
    let segments = vec![
        segment(0.0, 1.0, " And so"),
        segment(62.345, 70.0, " my\nfellow"),
        segment(6000.0, 6001.0, ""),
    ];
    let transcript = Transcript {
        segments,
        ..Transcript::default()
    };
    let mut file = Vec::new();
    write(Format::Lrc, &transcript, &WriteOptions::default(), &mut file).unwrap();
    assert_eq!(
        String::from_utf8(file).unwrap(),
        "[00:00.00]And so\n[01:02.34]my fellow\n[100:00.00]\n"
    );
}

#[test]
fn formats_go_by_their_extension() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let error = "docx".parse::<Format>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"docx\" is no output format (txt, vtt, srt, tsv, json, lrc)"
    );
}

#[test]
fn lines_for_people_are_the_references() {
    let segment = segment(0.0, 3601.5, " And so");
    assert_eq!(segment_line(&segment, false), "And so");
    assert_eq!(
        segment_line(&segment, true),
        "[00:00.000 --> 01:00:01.500]  And so"
    );
}

#[test]
fn a_full_disk_is_an_error() {
    let transcript = Transcript {
        segments: vec![segment(0.0, 1.0, "x")],
        ..Transcript::default()
    };
    for format in Format::ALL {
        let mut short = [0; 3];
        let error = write(
            format,
            &transcript,
            &WriteOptions::default(),
            &mut short.as_mut_slice(),
        )
        .err();
        assert_eq!(
            error.map(|e| e.kind()),
            (format != Format::Txt).then_some(io::ErrorKind::WriteZero)
        );
    }
}
