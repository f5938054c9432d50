//! Memory does not grow with the length of a sound. Alone in its program, as it measures the whole process.
#![cfg(all(feature = "decode", target_os = "linux"))]

use xdna_whisper::{
    audio::{AudioFile, Channel},
    mel::{LogMel, WINDOW_FRAMES},
};

/// Most memory this process ever had resident, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn eight_hours_take_no_more_than_a_few_windows() {
    const HOURS: u64 = 8;
    // A file of zeros that takes no room.
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(HOURS * 3600 * 16_000 * 2).unwrap();
    let before = peak();
    let sound = AudioFile::new(file.path(), Channel::Mix, Some("s16le:16000:1".parse().unwrap())).unwrap();
    let mut mel = LogMel::new(&sound, 80, &|| false).unwrap();
    let frames = HOURS as usize * 360_000;
    assert_eq!(mel.content_frames(), frames);
    let mut out = vec![0.0; WINDOW_FRAMES * 80];
    for start in [0, 2000, frames - 100] {
        mel.window(start, WINDOW_FRAMES, &mut out).unwrap();
        assert_eq!(out, vec![-1.5; WINDOW_FRAMES * 80]);
    }
    let grown = peak() - before;
    assert!(grown < 16 << 20, "{HOURS} hours took {grown} bytes");
}
