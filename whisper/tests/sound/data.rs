//! Reference data, found through `XDNA_TESTDATA`.

use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};

/// A test that needs reference data; shown as ignored where there is none.
pub struct Tests {
    data: Option<PathBuf>,
    trials: Vec<Trial>,
}

impl Tests {
    pub fn new() -> Self {
        let dir = std::env::var_os("XDNA_TESTDATA").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
            PathBuf::from,
        );
        Self {
            data: dir.is_dir().then_some(dir),
            trials: Vec::new(),
        }
    }

    /// Adds a test that is given the folder of the reference data.
    pub fn add(&mut self, name: &str, test: impl FnOnce(PathBuf) + Send + 'static) {
        let trial = match self.data.clone() {
            Some(data) => Trial::test(name, move || -> Result<(), Failed> {
                test(data);
                Ok(())
            }),
            None => Trial::test(
                format!("{name} (no reference data: set XDNA_TESTDATA)"),
                || Ok(()),
            )
            .with_ignored_flag(true),
        };
        self.trials.push(trial);
    }

    pub fn run(self) {
        libtest_mimic::run(&Arguments::from_args(), self.trials).exit();
    }
}

/// Shape and numbers of a little-endian float32 NumPy file.
pub fn npy(path: PathBuf) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\0", "{}", path.display());
    let data = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..data]).unwrap();
    assert!(header.contains("'<f4'") && header.contains("False"), "{header}");
    let shape = header.split(['(', ')']).nth(1).unwrap();
    let shape = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (
        shape,
        bytes[data..]
            .as_chunks()
            .0
            .iter()
            .map(|&x| f32::from_le_bytes(x))
            .collect(),
    )
}

/// Samples of a 16-bit mono WAV file at 16 kHz.
pub fn wav(path: PathBuf) -> Vec<f32> {
    let mut reader = hound::WavReader::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 16_000));
    reader
        .samples::<i16>()
        .map(|x| f32::from(x.unwrap()) / 32768.0)
        .collect()
}
