//! A target fed with inputs, then with mutations of them by a seeded generator: the same inputs and numbers make the
//! same run.

use std::path::Path;

use crate::Target;

/// Bytes of the longest input, where no seed is longer.
const LONGEST: usize = 2048;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 32) as usize % n.max(1)
    }

    /// Bytes that programs write more often than others.
    fn word(&mut self) -> u32 {
        match self.below(6) {
            0 | 1 => self.below(8) as u32,
            2 => 1 << self.below(32),
            3 => u32::MAX - self.below(3) as u32,
            4 => 0x3000_0001 | (self.below(64) as u32) << 12 | (self.below(32) as u32) << 23,
            _ => self.next() as u32,
        }
    }

    fn mutate(&mut self, input: &mut Vec<u8>, longest: usize) {
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            match self.below(6) {
                0 if !input.is_empty() => input[at] = self.next() as u8,
                1 if !input.is_empty() => input[at] ^= 1 << self.below(8),
                2 if at + 4 <= input.len() => {
                    let word = self.word().to_le_bytes();
                    input[at..at + 4].copy_from_slice(&word);
                }
                3 if !input.is_empty() => drop(input.drain(at..(at + self.below(16)).min(input.len()))),
                4 => {
                    let words: Vec<u8> = (0..=self.below(8))
                        .flat_map(|_| self.word().to_le_bytes())
                        .collect();
                    input.splice(at..at, words);
                }
                _ => input.extend(self.word().to_le_bytes()),
            }
        }
        input.truncate(longest);
    }
}

/// The inputs that a folder keeps, by name; none if there is no such folder.
pub fn corpus(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Feeds all of `corpus`, then `count` mutations.
pub fn run(target: &mut dyn Target, mut corpus: Vec<Vec<u8>>, count: u64, seed: u64) {
    corpus.extend(target.seeds());
    corpus.push(vec![0]);
    let kept = corpus.len() - 1;
    let longest = corpus.iter().map(Vec::len).max().unwrap_or(0).max(LONGEST);
    corpus.iter().for_each(|input| target.feed(input));
    let mut random = Random(seed | 1);
    for _ in 0..count {
        let mut input = corpus[random.below(corpus.len())].clone();
        random.mutate(&mut input, longest);
        target.feed(&input);
        // Inputs wander: a chain of mutations reaches what one does not.
        if random.below(8) == 0 {
            let place = if corpus.len() < kept + 256 {
                corpus.len()
            } else {
                kept + random.below(256)
            };
            match corpus.get_mut(place) {
                Some(slot) => *slot = input,
                None => corpus.push(input),
            }
        }
    }
}
