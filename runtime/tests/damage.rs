//! No bytes make a reader panic, and what is understood is written so that it is understood the same.
//!
//! `XDNA_FUZZ` is the number of damaged files per seed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod feed;
#[path = "feed/seeds.rs"]
mod seeds;

use proptest::prelude::*;

fn size() -> usize {
    std::env::var("XDNA_FUZZ")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2000)
}

/// xorshift64*: the same damage every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % n.max(1)
    }

    fn damage(&mut self, file: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(file.len());
            match self.below(5) {
                0 if at < file.len() => file[at] ^= 1 << self.below(8),
                1 if at < file.len() => file[at] = self.below(256) as u8,
                2 => file.truncate(at),
                3 => {
                    let at = at & !3;
                    let word = [0, 1, u32::MAX, 0x8000_0000, file.len() as u32][self.below(5)];
                    if let Some(place) = file.get_mut(at..at + 4) {
                        place.copy_from_slice(&word.to_le_bytes());
                    }
                }
                _ => drop(file.splice(at..at, [0; 4])),
            }
        }
    }
}

#[test]
fn every_seed_is_understood() {
    for (i, seed) in seeds::seeds().iter().enumerate() {
        let understood: Vec<&str> = feed::FORMATS.iter().filter(|f| f.1(seed)).map(|f| f.0).collect();
        assert!(!understood.is_empty(), "seed {i}");
    }
}

#[test]
fn what_the_fuzzer_found_is_refused_or_understood() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");
    for (name, feed) in feed::FORMATS {
        let mut fed = 0;
        for input in std::fs::read_dir(format!("{corpus}/{name}")).unwrap() {
            feed(&std::fs::read(input.unwrap().path()).unwrap());
            fed += 1;
        }
        assert!(fed > 0, "{name}");
    }
}

#[test]
fn damaged_files_are_refused_or_understood() {
    let mut random = Random(1);
    let (mut refused, mut understood) = (0, 0);
    for seed in seeds::seeds() {
        for _ in 0..size() {
            let mut file = seed.clone();
            random.damage(&mut file);
            for (_, feed) in feed::FORMATS {
                if feed(&file) {
                    understood += 1
                } else {
                    refused += 1
                }
            }
        }
    }
    assert!(
        refused > 0 && understood > 0,
        "{refused} refused, {understood} understood"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_understood(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        for (_, feed) in feed::FORMATS {
            feed(&bytes);
        }
    }

    #[test]
    fn any_words_behind_a_header_are_refused_or_understood(
        which in 0..8_usize, words in proptest::collection::vec(any::<u32>(), 0..200), at in 0..64_usize
    ) {
        let seeds = seeds::seeds();
        let mut file = seeds[which].clone();
        file.truncate(file.len().min(4 * at));
        file.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        for (_, feed) in feed::FORMATS {
            feed(&file);
        }
    }
}
